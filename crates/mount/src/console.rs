//! The trusted console: where a store says that somebody has changed it.
//!
//! A program only sees `EIO`. Which file it was, and what is wrong with it, goes to a place that
//! whoever changed it cannot read or silence. Each thing is told once: a program that tries again
//! and again must not bury what else there is to say.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use store::Error;

/// Where the store tells its owner what programs need not know.
pub trait Console: Send + Sync {
    /// One line, without an end of line.
    fn tell(&self, line: &str);
}

/// How many different things are told; a store of which more is damaged needs no longer list.
const MOST: usize = 1024;

pub(crate) struct Teller {
    console: Arc<dyn Console>,
    told: Mutex<HashSet<String>>,
}

impl Teller {
    pub(crate) fn new(console: Arc<dyn Console>) -> Self {
        Self { console, told: Mutex::default() }
    }

    /// Tells an error if it is one that its program must not be the only one to know.
    pub(crate) fn consider(&self, error: &Error) {
        if let Error::Damaged(_)
        | Error::Medium(_)
        | Error::SealMedium(_)
        | Error::Stopped(_)
        | Error::RolledBack { .. }
        | Error::SealDamaged = error
        {
            let line = error.to_string();
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() > MOST || !told.insert(line.clone()) {
                return;
            }
            let last = told.len() > MOST;
            drop(told);
            self.console.tell(&line);
            if last {
                self.console.tell("there is more, of which nothing will be told any more");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{Damage, Damaged};

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Console for Lines {
        fn tell(&self, line: &str) {
            self.0.lock().unwrap().push(line.to_owned());
        }
    }

    fn damaged(block: u64) -> Error {
        let what = Damaged::Page { object: 5, page: 0 };
        Error::Damaged(Damage { block, what, path: Some("/etc/key".to_owned()) })
    }

    #[test]
    fn each_place_is_told_once_and_what_is_no_damage_never() {
        let lines = Arc::new(Lines::default());
        let teller = Teller::new(lines.clone());
        for _ in 0..3 {
            teller.consider(&damaged(40));
            teller.consider(&damaged(41));
            teller.consider(&Error::NotFound);
        }
        let told = lines.0.lock().unwrap();
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("/etc/key: ") && told[0].contains("block 40"), "{told:?}");
    }

    #[test]
    fn the_list_ends() {
        let lines = Arc::new(Lines::default());
        let teller = Teller::new(lines.clone());
        (0..5000).for_each(|block| teller.consider(&damaged(block)));
        let told = lines.0.lock().unwrap();
        assert_eq!(told.len(), MOST + 2);
        assert!(told[MOST + 1].contains("there is more"));
    }
}
