//! Writing ahead: who synchronises after every so many writes will do so again.
//!
//! Whoever answers for others (a mount) has a moment between the answer to a write and the next
//! question, which may be an `fsync`. If it always was one after so many writes, what was written is
//! encrypted and written out in that moment, and the one who asks waits for less. To commit all of it
//! there was measured, too: it is no faster, as the next question then waits for another thread.

use super::Volume;
use crate::error::Error;

/// So often in a row it is a habit.
const OFTEN: u32 = 4;

/// How those who write synchronise.
#[derive(Default)]
pub(super) struct Habit {
    /// Writes since the last synchronisation.
    writes: u64,
    /// Writes between the two before.
    usual: u64,
    /// How often in a row it were so many.
    times: u32,
}

impl Habit {
    /// Somebody wrote. Says whether a synchronisation will follow, going by what was.
    fn wrote(&mut self) -> bool {
        self.writes += 1;
        self.times >= OFTEN && self.writes == self.usual
    }

    /// Somebody synchronised.
    pub(super) fn synchronised(&mut self) {
        let usual = self.writes > 0 && self.writes == self.usual;
        self.times = if usual { self.times.saturating_add(1) } else { 0 };
        self.usual = self.writes;
        self.writes = 0;
    }
}

impl Volume {
    /// To be called after a write, when whoever wrote waits no longer.
    ///
    /// # Errors
    /// The store has stopped; whoever asks for something next is told, too.
    pub fn get_ahead(&self) -> Result<(), Error> {
        if self.0.lock()?.habit.wrote() {
            self.0.flush_some()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    /// After which of so many writes a synchronisation is expected.
    fn expected(habit: &mut Habit, writes: usize) -> Vec<usize> {
        (1..=writes).filter(|_| habit.wrote()).collect()
    }

    #[test]
    fn who_synchronises_after_every_so_many_writes_is_expected_to_after_the_last_of_them() {
        for writes in [1, 2, 7, 300] {
            let mut habit = Habit::default();
            for round in 0..20 {
                let last = if round > OFTEN { vec![writes] } else { vec![] };
                assert_eq!(expected(&mut habit, writes), last, "round {round} of {writes}");
                habit.synchronised();
            }
        }
    }

    #[test]
    fn who_now_writes_more_and_now_less_is_not() {
        let mut habit = Habit::default();
        for round in 0..100 {
            assert!(expected(&mut habit, 1 + round % 3).is_empty());
            habit.synchronised();
        }
    }

    #[test]
    fn who_gives_up_the_habit_is_left_alone() {
        let mut habit = Habit::default();
        for _ in 0..10 {
            habit.wrote();
            habit.synchronised();
        }
        assert_eq!(expected(&mut habit, 1000), [1]);
        habit.synchronised();
        assert!(expected(&mut habit, 1000).is_empty());
    }

    #[test]
    fn who_synchronises_what_nobody_wrote_has_no_habit() {
        let mut habit = Habit::default();
        for _ in 0..100 {
            habit.synchronised();
        }
        assert!(expected(&mut habit, 2).is_empty());
    }
}
