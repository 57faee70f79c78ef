//! One thing that was looked at.

use serde::Serialize;

/// Whether the machine can do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    Yes,
    /// Some of it.
    Partly,
    No,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// What: `tap`, `huge pages`.
    pub(super) name: &'static str,
    /// What it is good for.
    pub(super) purpose: &'static str,
    pub(super) answer: Answer,
    /// What was seen.
    pub(super) detail: String,
    /// How to get it, where it is not there.
    pub(super) way: Option<String>,
}

impl Finding {
    pub(super) fn yes(
        name: &'static str,
        purpose: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { name, purpose, answer: Answer::Yes, detail: detail.into(), way: None }
    }

    pub(super) fn no(
        name: &'static str,
        purpose: &'static str,
        detail: impl Into<String>,
        way: impl Into<String>,
    ) -> Self {
        let (detail, way) = (detail.into(), Some(way.into()));
        Self { name, purpose, answer: Answer::No, detail, way }
    }

    pub(super) fn partly(
        name: &'static str,
        purpose: &'static str,
        detail: impl Into<String>,
        way: impl Into<String>,
    ) -> Self {
        Self { answer: Answer::Partly, ..Self::no(name, purpose, detail, way) }
    }
}
