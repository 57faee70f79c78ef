//! Unix sockets at a path that we own.

use crate::Error;
use core::time::Duration;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket that listens at a path; the path goes away with it.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) socket: UnixListener,
    path: PathBuf,
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Somebody may have removed it already; all the better.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Listens at `path`. A socket that a dead process left there is replaced; one at which somebody
/// listens, or anything else of that name, is not.
pub(crate) fn listen(path: &Path) -> Result<Listening, Error> {
    let error = |source, hint: &str| Error::Kernel {
        device: path.display().to_string(),
        doing: "listening",
        source,
        hint: hint.into(),
    };
    let bound = match UnixListener::bind(path) {
        Err(taken) if taken.kind() == io::ErrorKind::AddrInUse => {
            let is_socket = std::fs::symlink_metadata(path)
                .is_ok_and(|metadata| metadata.file_type().is_socket());
            let is_dead = UnixStream::connect(path)
                .is_err_and(|refused| refused.kind() == io::ErrorKind::ConnectionRefused);
            if !is_socket || !is_dead {
                return Err(error(taken, "somebody else has this name; take another"));
            }
            std::fs::remove_file(path).and_then(|()| UnixListener::bind(path))
        }
        bound => bound,
    };
    let socket = bound.map_err(|source| error(source, "the folder must exist and be writable"))?;
    Ok(Listening { socket, path: path.into() })
}

/// Waits until somebody connects.
pub(crate) fn accept(
    listening: &Listening,
    device: &str,
    patience: Duration,
) -> Result<UnixStream, Error> {
    let error = |source, hint: &str| Error::Kernel {
        device: device.into(),
        doing: "waiting for a connection",
        source,
        hint: hint.into(),
    };
    let timeout = Timespec::try_from(patience).ok();
    let mut sockets = [PollFd::new(&listening.socket, PollFlags::IN)];
    match poll(&mut sockets, timeout.as_ref()) {
        Ok(0) => Err(error(io::ErrorKind::TimedOut.into(), "start the other side sooner")),
        Ok(_) => listening.socket.accept().map(|(socket, _)| socket).map_err(|e| error(e, "")),
        Err(cause) => Err(error(cause.into(), "")),
    }
}
