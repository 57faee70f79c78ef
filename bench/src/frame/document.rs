//! What a bench found, as it is written.

use super::contest::Note;
use super::machine::Machine;
use serde::{Deserialize, Serialize};

/// What one bench found. The JSON of this is an interface: fields are added, never changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// Its name.
    pub bench: String,
    /// What is compared.
    pub about: String,
    /// Whether it was a quick run.
    pub quick: bool,
    /// Where.
    pub machine: Machine,
    /// What `x` is.
    pub axis: Option<String>,
    /// The comparisons.
    pub rows: Vec<Row>,
}

/// One comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its name: `null 64 B`.
    pub case: String,
    /// Median of our figures; null if we could not run.
    pub ours: Option<f64>,
    /// What the figures count.
    pub unit: String,
    /// Who we are compared with.
    pub peer: String,
    /// Median of the peer's figures; null if it could not run.
    pub peer_value: Option<f64>,
    /// Median of the paired ratios; above 1 is better for us.
    pub ratio: Option<f64>,
    /// What the ratio should at least be.
    pub goal: Option<f64>,
    /// Whether it is; null without a goal or without a ratio.
    pub met: Option<bool>,
    /// Why a side could not run.
    pub reason: Option<String>,
    /// Figures of other machines.
    pub notes: Vec<Note>,
    /// Which line of a plot the row is on.
    pub series: Option<String>,
    /// Where on that line.
    pub x: Option<f64>,
    /// How many pairs were measured.
    pub pairs: usize,
}

impl Document {
    /// Whether our side of every row could run.
    pub fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.ours.is_some())
    }

    /// The document on one line.
    pub fn json(&self) -> String {
        // Plain structs of strings and finite numbers: there is nothing that could fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
