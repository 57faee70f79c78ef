//! Ours against one peer.

use super::plan::Plan;

/// Which figures are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The smaller.
    Lower,
    /// The larger.
    Higher,
}

/// A figure of another machine, to show beside ours.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// Whose figure, and of which machine.
    pub source: String,
    /// The figure.
    pub value: f64,
    /// What it counts.
    pub unit: String,
}

/// One thing that is compared.
#[derive(Clone, Debug)]
pub struct Case {
    pub(super) name: String,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    pub(super) goal: Option<f64>,
    pub(super) notes: Vec<Note>,
    pub(super) point: Option<(String, f64)>,
}

impl Case {
    /// A case whose smaller figures are better: `ticks/packet`, `µs`.
    pub fn lower(name: impl Into<String>, unit: &'static str) -> Self {
        Self::new(name.into(), unit, Better::Lower)
    }

    /// A case whose larger figures are better: `packets/s`.
    pub fn higher(name: impl Into<String>, unit: &'static str) -> Self {
        Self::new(name.into(), unit, Better::Higher)
    }

    fn new(name: String, unit: &'static str, better: Better) -> Self {
        Self { name, unit, better, goal: None, notes: Vec::new(), point: None }
    }

    /// The goal, in the words it is mostly given: ours is at most (where lower is better) or at
    /// least (where higher is better) `factor` × the peer's.
    #[must_use]
    pub fn goal(mut self, factor: f64) -> Self {
        self.goal = Some(match self.better {
            Better::Lower => 1.0 / factor,
            Better::Higher => factor,
        });
        self
    }

    /// A figure of another machine, to show beside.
    #[must_use]
    pub fn note(mut self, source: impl Into<String>, value: f64) -> Self {
        let unit = self.unit.to_owned();
        self.notes.push(Note { source: source.into(), value, unit });
        self
    }

    /// Where the case stands in a plot: on the line `series`, at `x` (see [`super::Bench::axis`]).
    #[must_use]
    pub fn at(mut self, series: impl Into<String>, x: f64) -> Self {
        self.point = Some((series.into(), x));
        self
    }

    /// How much better ours is: above 1 is better, whichever way the unit runs.
    pub(super) fn ratio(&self, ours: f64, peer: f64) -> f64 {
        match self.better {
            Better::Lower => peer / ours,
            Better::Higher => ours / peer,
        }
    }
}

/// One side of a contest, open: each call measures once, for about [`Plan::slice`], and gives one
/// figure for each case of the contest, in their order; or says in a sentence why it could not.
pub type Side = Box<dyn FnMut() -> Result<Vec<f64>, String>>;

type Open = Box<dyn FnOnce(&Plan) -> Result<Side, String>>;

/// Ours against one peer. One run of each side may give figures for several cases.
pub struct Contest {
    pub(super) cases: Vec<Case>,
    pub(super) peer: String,
    pub(super) ours: Open,
    pub(super) theirs: Open,
}

impl Contest {
    /// A contest of two sides. Each is opened only when it is the contest's turn, ours first, and
    /// dropped after its last round; an error is a sentence that says why it cannot run here.
    pub fn new(
        peer: impl Into<String>,
        cases: impl IntoIterator<Item = Case>,
        ours: impl FnOnce(&Plan) -> Result<Side, String> + 'static,
        theirs: impl FnOnce(&Plan) -> Result<Side, String> + 'static,
    ) -> Self {
        Self {
            cases: cases.into_iter().collect(),
            peer: peer.into(),
            ours: Box::new(ours),
            theirs: Box::new(theirs),
        }
    }
}
