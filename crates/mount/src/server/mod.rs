//! What the kernel asks, answered out of the files.
//!
//! Several threads are in here at once. Nothing is kept but how often the kernel knows each file
//! ([`Known`]); the rest is asked of the files each time, and the kernel keeps the answers: names,
//! also those that are not there, attributes, links' targets, directories and contents, until it
//! changes them itself.
//!
//! Opening and closing is not told at all ([`Known`] says why that is safe), and neither are locks:
//! the kernel keeps those of one mount by itself, right also for memory shared between processes.

mod change;
mod directory;
mod extra;
mod requests;
mod seek;
mod setup;
mod translate;

use crate::console::{Console, Teller};
use crate::{Files, known::Known};
use fuser::{Errno, FileAttr, Generation, ReplyAttr, ReplyEmpty, ReplyEntry};
pub(crate) use seek::Questions;
use std::sync::Arc;
use std::time::Duration;
use store::{Attributes, Error};

/// How long the kernel may believe what it was told: nobody but the kernel changes it.
const KEEP: Duration = Duration::from_hours(365 * 24);

/// One mount's answers.
pub(crate) struct Server<F: Files> {
    files: Arc<F>,
    known: Known,
    teller: Arc<Teller>,
    seeker: seek::Seeker,
    /// Whether this kernel can do without being asked for each `open` and `opendir`.
    silent_open: bool,
    silent_open_directory: bool,
}

impl<F: Files> Server<F> {
    /// A server, and the questions that it cannot answer without asking the kernel first.
    pub(crate) fn new(files: Arc<F>, console: Arc<dyn Console>) -> (Self, Questions) {
        let teller = Arc::new(Teller::new(console));
        let (seeker, questions) = seek::pair(teller.clone());
        let server = Self {
            files,
            known: Known::default(),
            teller,
            silent_open: false,
            silent_open_directory: false,
            seeker,
        };
        (server, questions)
    }

    /// The number for an error, which the console hears of if it is one of those.
    fn failed(&self, error: &Error) -> Errno {
        self.teller.consider(error);
        translate::errno(error)
    }

    /// What may be said about an object that the kernel gets to know by that.
    fn introduced(&self, attributes: Result<Attributes, Error>) -> Result<FileAttr, Errno> {
        attributes
            .and_then(|attributes| {
                self.known.learn(&*self.files, attributes.object)?;
                Ok(translate::file_attr(&attributes))
            })
            .map_err(|error| self.failed(&error))
    }

    fn answer_entry(&self, reply: ReplyEntry, attributes: Result<Attributes, Error>) {
        match self.introduced(attributes) {
            Ok(attr) => reply.entry(&KEEP, &attr, Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn answer_attributes(&self, reply: ReplyAttr, attributes: Result<Attributes, Error>) {
        match attributes {
            Ok(attributes) => reply.attr(&KEEP, &translate::file_attr(&attributes)),
            Err(error) => reply.error(self.failed(&error)),
        }
    }

    fn answer_done(&self, reply: ReplyEmpty, done: Result<(), Error>) {
        match done {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(self.failed(&error)),
        }
    }
}
