//! The one shape of every bench.
//!
//! A [`Bench`] is a name and some [`Contest`]s. A contest is ours against one peer: both sides
//! are opened, then measured in turn, several times, the order swapped from round to round; each
//! round gives a pair of figures for each [`Case`], and a case's ratio is the median of the
//! ratios of its pairs, turned so that above 1 is always better for us. So what disturbs the
//! machine disturbs both sides, and a comparison across rounds never happens.
//!
//! A side that cannot run is a row with the reason. Figures of other machines stand beside as
//! notes; no ratio is ever taken to them.

mod bench;
mod contest;
mod cores;
mod document;
mod machine;
mod plan;
mod table;
mod ticks;

pub use bench::Bench;
pub use contest::{Better, Case, Contest, Note, Side};
pub use cores::{Pinned, keep_on_core, pin};
pub use document::{Document, Row};
pub use machine::Machine;
pub use plan::Plan;
pub use system_tests::HugePages;
pub use table::{figure, remarks};
pub use ticks::{tick_rate, ticks};
