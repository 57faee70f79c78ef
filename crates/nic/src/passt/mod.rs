//! passt: the outside world for an ordinary user, and any other peer with its protocol.
//!
//! passt is a program that turns frames into sockets of the user who runs it; no rights are
//! needed. Frames go to it over a Unix stream socket, each behind four bytes with its length,
//! most significant first; QEMU's `-netdev stream` speaks the same. The socket is either one that
//! somebody listens on ([`Passt::connect`]), or one end of a pair whose other end a passt of our
//! own holds ([`Passt::start`]); that has no name in any directory, so nobody else can reach it.
//!
//! A frame is read straight into the caller's pages and written straight from them, however the
//! stream cuts it. Once frames flow, one system call reads a frame and the length of the next,
//! and one writes up to 32.

mod process;
mod receiver;
mod sender;

pub use process::{Forward, Network};

use crate::{Error, Information, Nic, Offloads, Statistics};
use core::time::Duration;
use packet::Batch;
use process::Process;
use receiver::Receiver;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use sender::Sender;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Largest frame: 64 KB of payload, a header, a VLAN tag.
const LARGEST: usize = 65_536 + 18;

/// Fewest bytes of a frame: an Ethernet header.
const SMALLEST: usize = 14;

/// Largest payload of a frame that passt takes: 64 KB less the header, in whole words.
pub const MTU: usize = 65_520;

/// The device.
pub struct Passt {
    information: Information,
    statistics: Statistics,
    receiver: Receiver,
    sender: Sender,
    socket: UnixStream,
    /// Dropped after the socket, so that passt can see that it is over and end by itself.
    process: Option<Process>,
}

/// Why a stream came to its end.
#[derive(Clone, Copy)]
enum Break {
    /// The other side closed it.
    Closed,
    /// The system refused.
    Io(Errno),
    /// A length that no frame has: whatever follows cannot be told apart any more.
    Length(usize),
}

impl Passt {
    /// Starts a passt of our own.
    pub fn start(network: &Network) -> Result<Self, Error> {
        let (socket, process) = Process::start(network)?;
        let mut passt = Self::over(socket, "passt", network.mtu)?;
        passt.process = Some(process);
        Ok(passt)
    }

    /// Connects to a passt, or a QEMU, that listens on a socket.
    pub fn connect(path: &Path, mtu: usize) -> Result<Self, Error> {
        let name = path.display().to_string();
        let socket = UnixStream::connect(path).map_err(|source| Error::Kernel {
            device: name.clone(),
            doing: "connecting to the socket",
            hint: match source.kind() {
                io::ErrorKind::NotFound => format!("start `passt --socket {name}` first"),
                io::ErrorKind::ConnectionRefused => {
                    "nobody listens there any more: a passt serves one client and ends".into()
                }
                _ => "it must be a stream socket that you may write to".into(),
            },
            source,
        })?;
        Self::over(socket, &name, mtu)
    }

    /// Speaks the protocol over a socket that is connected already.
    pub fn over(socket: UnixStream, name: &str, mtu: usize) -> Result<Self, Error> {
        socket.set_nonblocking(true).map_err(|source| Error::Kernel {
            device: name.into(),
            doing: "making the socket non-blocking",
            source,
            hint: String::new(),
        })?;
        Ok(Self {
            information: Information {
                name: name.into(),
                mac: None,
                mtu,
                offloads: Offloads::default(),
                copies: true,
            },
            statistics: Statistics::default(),
            receiver: Receiver::default(),
            sender: Sender::default(),
            socket,
            process: None,
        })
    }

    fn broken(&mut self, end: Break) -> Error {
        let device = self.information.name.clone();
        let closed = |process: &mut Option<Process>| {
            let said = process.as_mut().and_then(Process::last_words);
            said.unwrap_or_else(|| "the other side closed its socket".into())
        };
        match end {
            Break::Closed | Break::Io(Errno::PIPE | Errno::CONNRESET) => {
                Error::Gone { device, cause: closed(&mut self.process) }
            }
            Break::Io(errno) => Error::Kernel {
                device,
                doing: "using the socket",
                source: errno.into(),
                hint: String::new(),
            },
            Break::Length(length) => Error::Peer {
                device,
                what: format!(
                    "announced a frame of {length} bytes, and {LARGEST} is the most there can \
                     be: what listens there does not speak passt's protocol"
                ),
            },
        }
    }

    /// Writes what the socket has room for.
    fn flush(&mut self) -> Result<bool, Error> {
        let result = self.sender.flush(&self.socket, &mut self.statistics);
        result.map_err(|end| self.broken(end))
    }
}

impl Nic for Passt {
    fn information(&self) -> &Information {
        &self.information
    }

    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        let mut count = 0;
        while count < limit {
            match self.receiver.next(&self.socket, free, &mut self.statistics) {
                Ok(Some(frame)) => {
                    received.push_back(frame);
                    count += 1;
                }
                Ok(None) => break,
                // The next call will meet the same end; this one has frames to report.
                Err(_) if count > 0 => break,
                Err(end) => return Err(self.broken(end)),
            }
        }
        Ok(count)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let mut count = 0;
        while !ready.is_empty() && self.flush()? {
            count += self.sender.take(ready, &mut self.statistics);
        }
        // What was taken is ours to send, so an end that shows only now is the next call's.
        let _ = self.sender.flush(&self.socket, &mut self.statistics);
        Ok(count)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        self.flush()?;
        Ok(self.sender.reclaim(sent))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        let all_sent = self.flush()?;
        let out = if all_sent { PollFlags::empty() } else { PollFlags::OUT };
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN | out)];
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(self.broken(Break::Io(errno))),
        }
        let events = fds[0].revents();
        if events.contains(PollFlags::OUT) {
            self.flush()?;
        }
        // An end of the stream is received too.
        Ok(events.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}
