//! Mounting for who is not root: by `fusermount3`, of Debian's package `fuse3`, which is.
//!
//! It opens `/dev/fuse`, mounts, and hands the descriptor back over a socket. That socket is its
//! standard input, so that nothing need be done between fork and exec.

use crate::Error;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const HELPER: &str = "fusermount3";

/// The variable in which it is told the number of the socket's descriptor.
const SOCKET: &str = "_FUSE_COMMFD";

pub(super) fn mount(path: &Path, options: &str) -> Result<OwnedFd, Error> {
    let kernel = |cause| Error::Kernel { path: path.to_owned(), cause };
    let (ours, theirs) = UnixStream::pair().map_err(kernel)?;
    let child = Command::new(HELPER)
        .args(["-o", options, "--"])
        .arg(path)
        .env(SOCKET, "0")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|cause| Error::NoHelper { path: path.to_owned(), cause })?;
    // It ends by itself, or the socket does: either way this returns.
    let received = receive(&ours);
    let output = child.wait_with_output().map_err(kernel)?;
    match received {
        Ok(Some(device)) => Ok(device),
        Ok(None) => Err(Error::Refused { path: path.to_owned(), cause: complaint(&output) }),
        Err(cause) => Err(kernel(cause)),
    }
}

/// Unmounts; `lazily`: takes it out of sight, and ends it when nobody uses it any more.
pub(super) fn unmount(path: &Path, lazily: bool) -> Result<(), Refusal> {
    let mut command = Command::new(HELPER);
    command.arg("-u");
    if lazily {
        command.arg("-z");
    }
    let output = command.arg("--").arg(path).stdin(Stdio::null()).output().map_err(|cause| {
        Refusal::Other(format!(
            "`{HELPER}` cannot be started ({cause}); install it (`apt-get install fuse3`)"
        ))
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = complaint(&output);
    Err(if said.contains("busy") { Refusal::Busy } else { Refusal::Other(said) })
}

/// Why it does not unmount.
#[derive(Debug)]
pub(super) enum Refusal {
    Busy,
    Other(String),
}

fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("fusermount3:").trim();
    if said.is_empty() {
        format!("`{HELPER}` ended with {}", output.status)
    } else {
        said.to_owned()
    }
}

fn receive(socket: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            return Ok(descriptors.next());
        }
    }
    Ok(None)
}
