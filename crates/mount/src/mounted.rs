//! One mount, from its beginning to its end.

use crate::point::Point;
use crate::server::Server;
use crate::{Console, Error, Files};
use fuser::{Config, Session, SessionACL};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How something is to be mounted.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the table of mounts shows as its source: the store's place.
    pub name: String,
    /// How many requests are answered at the same time.
    pub threads: usize,
    /// Whether other users may see it, as far as permissions let them. A user who is not root may
    /// allow that only if `/etc/fuse.conf` says `user_allow_other`.
    pub others: bool,
    /// Whether nothing may be changed.
    pub read_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        // Some wait for the disk while others answer; more than that only take turns.
        let processors = thread::available_parallelism().map_or(2, usize::from);
        Self {
            name: String::new(),
            threads: (2 * processors).clamp(4, 16),
            others: false,
            read_only: false,
        }
    }
}

/// How long [`Mounted::unmount`] waits for programs that still use it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it waits when nobody can be told any more.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// How far it is.
enum Stage {
    /// Mounted, but nobody answers yet.
    Begun,
    /// Answered for by that thread and its own.
    Answered(JoinHandle<io::Result<()>>),
    /// No longer ours to unmount: something else may lie there by now.
    Over,
}

/// Whether the kernel still asks, and still is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Not,
    /// The kernel said that it will ask no more.
    Unmounted,
    /// Some of the threads have failed; the mount may be there, with or without an answer.
    Broken,
}

struct End {
    ended: Mutex<Ending>,
    told: Condvar,
}

/// Something that is mounted. Dropping it unmounts it, if need be out of the sight of those who
/// still use it: no mount is left that nobody answers for.
pub struct Mounted<F: Files> {
    point: Point,
    files: Arc<F>,
    end: Arc<End>,
    stage: Stage,
}

impl<F: Files> Mounted<F> {
    /// Mounts files at a directory, and answers for them in threads of its own from now on.
    ///
    /// # Errors
    /// [`Error`]: nothing is mounted then.
    pub fn new(
        files: Arc<F>,
        path: &Path,
        options: &Options,
        console: Arc<dyn Console>,
    ) -> Result<Self, Error> {
        let (point, device) = Point::mount(path, options)?;
        let end = Arc::new(End { ended: Mutex::new(Ending::Not), told: Condvar::new() });
        // From here on, whatever goes wrong: dropping it takes the mount away.
        let mut mounted = Self { point, files: files.clone(), end, stage: Stage::Begun };
        let mut config = Config::default();
        config.n_threads = Some(options.threads.max(1));
        config.clone_fd = true;
        // The kernel lets in only whom it should; it also asks in its own name.
        let acl = SessionACL::All;
        let kernel = |cause| Error::Kernel { path: path.to_owned(), cause };
        let (server, questions) = Server::new(files.clone(), console);
        let session = Session::from_fd(server, device, acl, config).map_err(kernel)?;
        questions.answer(files, session.notifier()).map_err(kernel)?;
        mounted.point.read_ahead();
        let end = mounted.end.clone();
        let run = move || {
            // Also when it ends by a panic: whoever waits must be told.
            let mut tell = Tell(end, Ending::Broken);
            let result = session.run();
            if result.is_ok() {
                tell.1 = Ending::Unmounted;
            }
            result
        };
        let thread = thread::Builder::new().name("mount".to_owned()).spawn(run).map_err(kernel)?;
        mounted.stage = Stage::Answered(thread);
        Ok(mounted)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.point.path()
    }

    /// Waits until the mount has ended, because somebody else unmounted it or it broke; answers
    /// whether it has. [`unmount`](Self::unmount) then says which, and clears away what is left.
    pub fn wait(&self, at_most: Duration) -> bool {
        self.ending(at_most) != Ending::Not
    }

    fn ending(&self, at_most: Duration) -> Ending {
        let ended = self.end.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited =
            self.end.told.wait_timeout_while(ended, at_most, |ended| *ended == Ending::Not);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Unmounts, and returns when all that was written is safe. Waits some seconds for programs
    /// that still use it.
    ///
    /// # Errors
    /// [`Error::Busy`] names who uses it: it then is still mounted, and this can be called again.
    /// [`Error::Flush`], [`Error::Broken`]: it no longer is.
    pub fn unmount(&mut self) -> Result<(), Error> {
        self.end(PATIENCE)
    }

    /// Unmounts, waits for the last request, and makes everything safe.
    fn end(&mut self, patience: Duration) -> Result<(), Error> {
        if matches!(self.stage, Stage::Over) {
            return Ok(());
        }
        let path = self.point.path().to_owned();
        let ending = self.ending(Duration::ZERO);
        match ending {
            Ending::Not => {
                self.point.unmount(patience)?;
                // If somebody else took it out of sight, it may be used where we cannot see it.
                if !self.wait(patience) {
                    return Err(Error::Busy { path, holders: Vec::new() });
                }
            }
            Ending::Broken => {
                if self.point.unmount(patience).is_err() {
                    self.point.detach(false);
                }
            }
            // Not asked any more, but perhaps still there: the kernel was told to give it up.
            Ending::Unmounted => self.point.clear(),
        }
        if let Stage::Answered(session) = std::mem::replace(&mut self.stage, Stage::Over) {
            // What went wrong in it was answered to who asked; the store is what counts now.
            let _ = session.join();
        }
        let synced = self.files.sync();
        match (synced, ending) {
            (Err(cause), _) => Err(Error::Flush { path, cause }),
            (Ok(()), Ending::Broken) => Err(Error::Broken { path }),
            (Ok(()), _) => Ok(()),
        }
    }
}

impl<F: Files> Drop for Mounted<F> {
    fn drop(&mut self) {
        let out_of_sight = match self.stage {
            Stage::Over => false,
            Stage::Begun => true,
            Stage::Answered(_) => self.end(LAST_PATIENCE).is_err(),
        };
        if out_of_sight && !matches!(self.stage, Stage::Over) {
            // Those who use it can go on until this process ends.
            self.point.detach(matches!(self.stage, Stage::Answered(_)));
            let _ = self.files.sync();
        }
    }
}

/// Tells those who wait when it is dropped.
struct Tell(Arc<End>, Ending);

impl Drop for Tell {
    fn drop(&mut self) {
        *self.0.ended.lock().unwrap_or_else(PoisonError::into_inner) = self.1;
        self.0.told.notify_all();
    }
}
