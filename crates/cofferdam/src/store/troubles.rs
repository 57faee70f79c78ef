//! Work on many files that goes on when one of them cannot be done.

use super::exit::{Exit, Refused};
use super::progress::Progress;
use crate::{Context, Failure};

/// What could not be done so far. Each was told on stderr when it happened.
pub(super) struct Troubles {
    json: bool,
    count: usize,
    worst: Option<Exit>,
}

impl Troubles {
    /// None yet.
    pub(super) fn none(context: &Context) -> Self {
        Self { json: context.json, count: 0, worst: None }
    }

    /// Tells one and goes on, unless nothing else would go either.
    pub(super) fn bear(
        &mut self,
        failure: Failure,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let Failure::Store(refused) = &failure else { return Err(failure) };
        if !refused.bearable {
            return Err(failure);
        }
        self.note(refused.exit);
        progress.clear();
        failure.say(self.json);
        Ok(())
    }

    /// The same for one of the things that were named on the command line: if it is the only one,
    /// there is nothing to go on with.
    pub(super) fn bear_one_of(
        &mut self,
        named: usize,
        failure: Failure,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        if named == 1 { Err(failure) } else { self.bear(failure, progress) }
    }

    fn note(&mut self, exit: Exit) {
        self.count += 1;
        // Damage says most.
        if self.worst.is_none() || exit == Exit::Damaged {
            self.worst = Some(exit);
        }
    }

    /// What there is to tell in the end.
    pub(super) fn end(self) -> Result<(), Failure> {
        let Some(worst) = self.worst else { return Ok(()) };
        let what = match self.count {
            1 => "one thing was not done".to_owned(),
            count => format!("{count} things were not done"),
        };
        let text = format!("{what}, named above; everything else was");
        Err(Refused::new(worst, text).into())
    }
}
