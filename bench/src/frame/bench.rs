//! A bench, and how it is run.

use super::contest::{Case, Contest, Side};
use super::document::{Document, Row};
use super::machine::Machine;
use super::plan::Plan;
use std::collections::BTreeSet;
use std::time::Instant;

/// A bench: a name and its contests.
pub struct Bench {
    /// What people type.
    pub name: &'static str,
    /// What is compared, in one line.
    pub about: &'static str,
    /// Debian packages that the peers come from.
    pub packages: &'static [&'static str],
    /// What the `x` of [`Case::at`] is, where cases have one: `bytes a frame`.
    pub axis: Option<&'static str>,
    /// Gives the contests. Cheap: sides are opened later, one contest at a time.
    pub contests: fn(&Plan) -> Vec<Contest>,
}

impl Bench {
    /// The names of all cases, each once.
    pub fn cases(&self) -> BTreeSet<String> {
        let contests = (self.contests)(&Plan::thorough());
        contests.into_iter().flat_map(|contest| contest.cases).map(|case| case.name).collect()
    }

    /// Runs all contests.
    ///
    /// With `only`, those alone that have a case with this text in its name.
    pub fn run(&self, plan: &Plan, machine: &Machine, only: Option<&str>) -> Document {
        let mut contests = (self.contests)(plan);
        if let Some(text) = only {
            contests.retain(|contest| contest.cases.iter().any(|case| case.name.contains(text)));
        }
        let mut rows = Vec::new();
        let mut left = contests.len();
        for contest in contests {
            rows.extend(hold(contest, plan, left));
            left -= 1;
        }
        Document {
            bench: self.name.into(),
            about: self.about.into(),
            quick: plan.quick,
            machine: machine.clone(),
            axis: self.axis.map(Into::into),
            rows,
        }
    }
}

/// Holds one contest and gives its rows.
fn hold(contest: Contest, plan: &Plan, left: usize) -> Vec<Row> {
    let Contest { cases, peer, ours, theirs } = contest;
    if plan.is_over() {
        let reason = "not begun: the time of a quick run was over";
        return rows(&cases, &peer, &Err(reason.into()), &Err(reason.into()));
    }
    let until = plan.share(left);
    let mut ours = Figures::open(ours(plan), cases.len());
    let mut theirs = Figures::open(theirs(plan), cases.len());
    for round in 0..plan.rounds {
        // Whoever comes second finds other caches and another clock; take turns at that as well.
        if round % 2 == 0 {
            ours.measure();
            theirs.measure();
        } else {
            theirs.measure();
            ours.measure();
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
    }
    rows(&cases, &peer, &ours.taken, &theirs.taken)
}

/// One side's figures: for each round, one for each case; or why it could not run.
type Taken = Result<Vec<Vec<f64>>, String>;

struct Figures {
    side: Option<Side>,
    cases: usize,
    taken: Taken,
}

impl Figures {
    fn open(side: Result<Side, String>, cases: usize) -> Self {
        match side {
            Ok(side) => Self { side: Some(side), cases, taken: Ok(Vec::new()) },
            Err(reason) => Self { side: None, cases, taken: Err(reason) },
        }
    }

    /// Measures once more, unless the side has failed before.
    fn measure(&mut self) {
        let (Some(side), Ok(taken)) = (&mut self.side, &mut self.taken) else { return };
        let failure = match side() {
            Ok(figures) if figures.len() != self.cases => {
                format!("gave {} figures for {} cases", figures.len(), self.cases)
            }
            Ok(figures) if figures.iter().any(|figure| !figure.is_finite() || *figure <= 0.0) => {
                format!("gave figures that cannot be: {figures:?}")
            }
            Ok(figures) => return taken.push(figures),
            Err(reason) => reason,
        };
        self.taken = Err(failure);
        self.side = None;
    }
}

fn rows(cases: &[Case], peer: &str, ours: &Taken, theirs: &Taken) -> Vec<Row> {
    cases.iter().enumerate().map(|(index, case)| row(case, index, peer, ours, theirs)).collect()
}

fn row(case: &Case, index: usize, peer: &str, ours: &Taken, theirs: &Taken) -> Row {
    let column = |taken: &Taken| -> Option<Vec<f64>> {
        Some(taken.as_ref().ok()?.iter().map(|figures| figures[index]).collect())
    };
    let (our_figures, their_figures) = (column(ours), column(theirs));
    let ratio = match (&our_figures, &their_figures) {
        (Some(ours), Some(theirs)) => {
            median(ours.iter().zip(theirs).map(|(ours, peer)| case.ratio(*ours, *peer)).collect())
        }
        _ => None,
    };
    let reason = match (ours, theirs) {
        (Err(reason), _) => Some(format!("ours: {reason}")),
        (_, Err(reason)) => Some(format!("{peer}: {reason}")),
        _ => None,
    };
    Row {
        case: case.name.clone(),
        ours: our_figures.and_then(median),
        unit: case.unit.into(),
        peer: peer.into(),
        peer_value: their_figures.and_then(median),
        ratio,
        goal: case.goal,
        met: case.goal.zip(ratio).map(|(goal, ratio)| ratio >= goal),
        reason,
        notes: case.notes.clone(),
        series: case.point.as_ref().map(|(series, _)| series.clone()),
        x: case.point.as_ref().map(|(_, x)| *x),
        pairs: ours.as_ref().map_or(0, Vec::len).min(theirs.as_ref().map_or(0, Vec::len)),
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(super) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    if figures.len() % 2 == 1 {
        Some(upper)
    } else {
        Some(f64::midpoint(figures[middle - 1], upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn plan() -> Plan {
        Plan { quick: false, rounds: 3, slice: Duration::ZERO, deadline: None }
    }

    fn side(mut figures: Vec<f64>) -> impl FnOnce(&Plan) -> Result<Side, String> {
        figures.reverse();
        move |_| {
            let side = move || figures.pop().map(|f| vec![f]).ok_or_else(|| "ran dry".to_owned());
            Ok(Box::new(side))
        }
    }

    #[test]
    fn ratios_are_paired_and_above_one_is_better() {
        let lower = Contest::new(
            "them",
            [Case::lower("time", "s").goal(0.5)],
            side(vec![1.0, 10.0, 2.0]),
            side(vec![2.0, 30.0, 2.0]),
        );
        let row = &hold(lower, &plan(), 1)[0];
        assert_eq!(row.ratio, Some(2.0), "of 2, 3 and 1; not the ratio of the medians");
        assert_eq!((row.ours, row.peer_value), (Some(2.0), Some(2.0)));
        assert_eq!((row.goal, row.met, row.pairs), (Some(2.0), Some(true), 3));
        let higher = Contest::new(
            "them",
            [Case::higher("speed", "1/s").goal(0.95)],
            side(vec![9.0, 9.0, 9.0]),
            side(vec![10.0, 10.0, 10.0]),
        );
        let row = &hold(higher, &plan(), 1)[0];
        assert_eq!((row.ratio, row.met), (Some(0.9), Some(false)));
    }

    #[test]
    fn a_peer_that_cannot_run_is_a_row_with_the_reason() {
        let contest = Contest::new(
            "dpdk",
            [Case::lower("null 64 B", "ticks").goal(1.0)],
            side(vec![1.0; 3]),
            |_| Err("is not installed".into()),
        );
        let row = &hold(contest, &plan(), 1)[0];
        assert_eq!((row.ours, row.peer_value, row.ratio, row.met), (Some(1.0), None, None, None));
        assert_eq!(row.reason.as_deref(), Some("dpdk: is not installed"));
    }

    #[test]
    fn a_side_that_fails_on_the_way_is_said_so() {
        let contest =
            Contest::new("them", [Case::lower("a", "s")], side(vec![1.0]), side(vec![1.0; 3]));
        let row = &hold(contest, &plan(), 1)[0];
        assert_eq!(row.reason.as_deref(), Some("ours: ran dry"));
        assert_eq!(row.ours, None);
    }

    #[test]
    fn a_quick_run_says_what_it_did_not_reach() {
        let over = Plan { deadline: Some(Instant::now()), ..plan() };
        let contest =
            Contest::new("them", [Case::lower("a", "s")], side(vec![1.0]), side(vec![1.0]));
        let row = &hold(contest, &over, 1)[0];
        assert!(row.reason.as_deref().is_some_and(|reason| reason.contains("not begun")));
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
    }
}
