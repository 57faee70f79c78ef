//! The wrappers that a spec can name.

use super::form::{Choice, File, Number, Optional, Percent, Rate, Size, Time};
use super::keys::Keys;
use crate::wrap::faults::{self, Distribution, Impairment};
use crate::wrap::tee;
use std::path::PathBuf;

/// A wrapper and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// One line of log for each frame.
    Trace,
    /// A capture of all frames.
    Tee(tee::Options),
    /// Faults.
    Faults(Box<faults::Options>),
}

impl Wrapper {
    /// All of them, with their defaults.
    pub(super) fn all() -> [Self; 3] {
        [Self::Trace, Self::Tee(tee::Options::new(PathBuf::new())), Self::Faults(Box::default())]
    }

    /// What it is called in a spec.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Tee(_) => "tee",
            Self::Faults(_) => "faults",
        }
    }

    /// Shows its keys.
    pub(super) fn describe(&mut self, keys: &mut impl Keys) {
        match self {
            Self::Trace => {}
            Self::Tee(options) => {
                let default = tee::Options::new(PathBuf::new());
                keys.head("out.pcapng", &mut options.path, &File);
                keys.key("size", &mut options.size, &default.size, &Optional(Size));
                keys.key("files", &mut options.files, &default.files, &Number(1, 1000));
            }
            Self::Faults(options) => describe_faults(options, keys),
        }
    }
}

fn describe_faults(options: &mut faults::Options, keys: &mut impl Keys) {
    let default = Impairment::default();
    let distributions = Choice(&[
        ("uniform", Distribution::Uniform),
        ("normal", Distribution::Normal),
        ("pareto", Distribution::Pareto),
    ]);
    let (i, o) = (&mut options.receive, &mut options.transmit);
    keys.both("loss", (&mut i.loss, &mut o.loss), &default.loss, &Percent);
    keys.both("duplicate", (&mut i.duplicate, &mut o.duplicate), &default.duplicate, &Percent);
    keys.both("corrupt", (&mut i.corrupt, &mut o.corrupt), &default.corrupt, &Percent);
    keys.both("truncate", (&mut i.truncate, &mut o.truncate), &default.truncate, &Percent);
    keys.both("reorder", (&mut i.reorder, &mut o.reorder), &default.reorder, &Percent);
    keys.both("delay", (&mut i.delay, &mut o.delay), &default.delay, &Time);
    keys.both("jitter", (&mut i.jitter, &mut o.jitter), &default.jitter, &Time);
    let values = (&mut i.distribution, &mut o.distribution);
    keys.both("distribution", values, &default.distribution, &distributions);
    keys.both("rate", (&mut i.rate, &mut o.rate), &default.rate, &Optional(Rate));
    keys.both("burst", (&mut i.burst, &mut o.burst), &default.burst, &Size);
    let queue = Number(1, 1_000_000);
    keys.both("queue", (&mut i.queue, &mut o.queue), &default.queue, &queue);
    keys.key("seed", &mut options.seed, &0, &Number(0, u64::MAX));
}
