//! A passt of our own.

use super::MTU;
use crate::Error;
use rustix::fs::{MemfdFlags, memfd_create};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A passt with a mistake in its options, or on a machine without a route, ends within this time.
const START: Duration = Duration::from_millis(100);

/// A passt whose socket was closed ends within this time, or is ended.
const END: Duration = Duration::from_millis(500);

/// Most bytes of what passt says at its end that are passed on.
const WORDS: u64 = 2048;

/// Ports of this machine that lead to ports of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The port of this machine.
    pub from: NonZeroU16,
    /// The port of the stack.
    pub to: NonZeroU16,
    /// How many ports, from these two on.
    pub count: NonZeroU16,
}

/// What passt shows to the stack, and what of the stack to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The program.
    pub program: PathBuf,
    /// Largest payload of a frame, which passt also announces.
    pub mtu: usize,
    /// TCP ports of this machine that lead to the stack.
    pub tcp: Vec<Forward>,
    /// UDP ports of this machine that lead to the stack.
    pub udp: Vec<Forward>,
    /// Whether the gateway's address leads to services of this machine that listen on its
    /// loopback interface only. Off: these trust who reaches them.
    pub insecure_loopback: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            program: "passt".into(),
            mtu: MTU,
            tcp: Vec::new(),
            udp: Vec::new(),
            insecure_loopback: false,
        }
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |f: &mut fmt::Formatter<'_>, first: NonZeroU16| match self.count.get() {
            1 => write!(f, "{first}"),
            count => write!(f, "{first}-{}", first.get().saturating_add(count - 1)),
        };
        range(f, self.from)?;
        if self.to == self.from {
            return Ok(());
        }
        f.write_str(":")?;
        range(f, self.to)
    }
}

/// The running program; ended when dropped.
pub(super) struct Process {
    child: Child,
    /// What it says, in memory.
    words: File,
}

impl Process {
    /// Starts passt and gives our end of its socket.
    pub(super) fn start(network: &Network) -> Result<(UnixStream, Self), Error> {
        let system = |doing, source: io::Error, hint: &str| Error::Kernel {
            device: "passt".into(),
            doing,
            source,
            hint: hint.into(),
        };
        let (ours, theirs) =
            UnixStream::pair().map_err(|source| system("making a pair of sockets", source, ""))?;
        let words = memfd_create("passt", MemfdFlags::CLOEXEC)
            .map(File::from)
            .map_err(|errno| system("making room for its messages", errno.into(), ""))?;
        let heard =
            words.try_clone().map_err(|source| system("copying a descriptor", source, ""))?;
        let child = Command::new(&network.program)
            .args(arguments(network))
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(heard)
            .spawn()
            .map_err(|source| {
                let hint = match source.kind() {
                    io::ErrorKind::NotFound => "install it (`apt install passt`)",
                    _ => "",
                };
                system("starting the program", source, hint)
            })?;
        let mut process = Self { child, words };
        if process.has_ended_within(START) {
            let cause = process.last_words().unwrap_or_else(|| "it ended at once".into());
            return Err(Error::Unusable {
                device: "passt".into(),
                what: format!(
                    "{cause}. passt needs an interface with a default route, and ports that are \
                     free"
                ),
            });
        }
        Ok((ours, process))
    }

    fn has_ended_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => sleep(Duration::from_millis(2)),
                Ok(None) => return false,
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }

    /// If passt has ended: how, and what it said last.
    pub(super) fn last_words(&mut self) -> Option<String> {
        if !self.has_ended_within(START) {
            return None;
        }
        let status = self.child.wait().ok()?;
        let mut words = String::new();
        // Messages are short, and a broken one is shown as far as it goes.
        let _ = self.words.rewind();
        let mut bytes = Vec::new();
        let _ = (&self.words).take(WORDS).read_to_end(&mut bytes);
        for line in String::from_utf8_lossy(&bytes).lines() {
            // What it says about having nowhere to say it.
            if !line.is_empty() && !line.starts_with("Failed to send") {
                words = if words.is_empty() { line.into() } else { format!("{words}; {line}") };
            }
        }
        Some(format!("passt ended ({status}), saying: {words}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Our end of the socket was closed before, which ends it in good order.
        if !self.has_ended_within(END) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn arguments(network: &Network) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["--foreground", "--quiet", "--one-off", "--fd", "0", "--mtu"].map(Into::into).into();
    arguments.push(network.mtu.to_string().into());
    if !network.insecure_loopback {
        arguments.push("--no-map-gw".into());
    }
    for (option, forwards) in [("--tcp-ports", &network.tcp), ("--udp-ports", &network.udp)] {
        let forwards: Vec<_> = forwards.iter().map(ToString::to_string).collect();
        let ports = if forwards.is_empty() { "none".into() } else { forwards.join(",") };
        arguments.extend([option.into(), ports.into()]);
    }
    arguments
}
