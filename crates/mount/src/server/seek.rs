//! Data and holes, of which the kernel may know more than the store.
//!
//! The kernel keeps what was written for a while, and asks for data and holes without having
//! written it (Linux 6.18 does so): a file that is copied while it is written to would be copied
//! with holes where there is data. So it is told to write first, by the message that makes it
//! forget pages. That message returns when the pages are written, and each of them is a request
//! that somebody else must answer meanwhile: hence a thread of its own, for which no other waits.

use super::{Server, translate};
use crate::{Files, console::Teller};
use fuser::{Errno, INodeNo, Notifier, ReplyLseek};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use store::{Error, ObjectId, Seek};

/// A question that waits for the kernel to write.
pub(super) struct Question {
    object: ObjectId,
    what: Seek,
    offset: u64,
    reply: ReplyLseek,
}

/// Where such questions go, as long as the server is there.
#[derive(Clone)]
pub(super) struct Seeker(Sender<Question>);

/// The other end of it, until the kernel is there to be told.
pub(crate) struct Questions {
    asked: Receiver<Question>,
    teller: Arc<Teller>,
}

pub(super) fn pair(teller: Arc<Teller>) -> (Seeker, Questions) {
    let (sender, asked) = channel();
    (Seeker(sender), Questions { asked, teller })
}

impl Questions {
    /// Answers them until the server is gone.
    pub(crate) fn answer<F: Files>(self, files: Arc<F>, kernel: Notifier) -> io::Result<()> {
        let run = move || {
            for question in self.asked {
                let Question { object, what, offset, reply } = question;
                let from = i64::try_from(offset).unwrap_or(i64::MAX);
                // Length 0: to the end.
                match kernel.inval_inode(INodeNo(object.0), from, 0) {
                    Ok(()) => {
                        let found = files.seek(object, what, offset);
                        answer(reply, found.map_err(|error| number(&self.teller, &error)));
                    }
                    Err(_) => reply.error(Errno::EIO),
                }
            }
        };
        thread::Builder::new().name("mount-seek".to_owned()).spawn(run).map(drop)
    }
}

impl<F: Files> Server<F> {
    pub(super) fn seek(&self, object: ObjectId, what: Seek, offset: u64, reply: ReplyLseek) {
        let found = self.files.seek(object, what, offset);
        match found {
            // There is data, whatever else the kernel has.
            Ok(at) if what == Seek::Data && at == offset => answer(reply, Ok(at)),
            Ok(_) | Err(Error::NothingThere) => {
                let question = Question { object, what, offset, reply };
                if let Err(unsent) = self.seeker.0.send(question) {
                    unsent.0.reply.error(Errno::EIO);
                }
            }
            Err(error) => reply.error(self.failed(&error)),
        }
    }
}

fn number(teller: &Teller, error: &Error) -> Errno {
    teller.consider(error);
    translate::errno(error)
}

fn answer(reply: ReplyLseek, found: Result<u64, Errno>) {
    match found.map(i64::try_from) {
        Ok(Ok(found)) => reply.offset(found),
        Ok(Err(_)) => reply.error(Errno::EOVERFLOW),
        Err(error) => reply.error(error),
    }
}
