//! Writes every frame that passes to a capture file.

use super::clock::{Clock, SystemClock};
use super::observe;
use crate::{Error, Information, Nic, Statistics};
use bundle::capture::pcapng::Interface;
use bundle::capture::{Direction, Format, Link, Stamp, Writer};
use core::time::Duration;
use packet::{Batch, Packet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::mem;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

/// Bytes that are collected before they are written.
const BUFFER: usize = 64 * 1024;

/// How the capture is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The file. `.pcap` and `.cap` give a classic pcap (without directions), all others pcapng.
    pub path: PathBuf,
    /// Largest size of a file in bytes; a full one is renamed (`x.pcapng` to `x.1.pcapng`, that
    /// to `x.2.pcapng` …) and a new one begun. `None`: one file without a bound.
    pub size: Option<u64>,
    /// How many files are kept if there is a bound, the one being written included.
    pub files: usize,
}

impl Options {
    /// The usual: one file without a bound.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), size: None, files: 10 }
    }

    /// The same for one queue of a device with several: each has a file of its own, for all but
    /// the first one with the number of the queue in its name (`x.queue1.pcapng`).
    #[must_use]
    pub fn for_queue(&self, queue: usize) -> Self {
        let path = match queue {
            0 => self.path.clone(),
            _ => marked(&self.path, &format!("queue{queue}")),
        };
        Self { path, ..self.clone() }
    }
}

/// A driver whose frames are also written to a file: chains and 64 KB units whole, as they pass.
///
/// Sent frames are written when the driver takes them. If the file can no longer be written (the
/// disk is full), a warning is logged once and frames pass unwritten: a capture must not stop the
/// network. The file is up to date whenever the caller waits, and when the tee is dropped.
pub struct Tee<N, C = SystemClock> {
    inner: N,
    clock: C,
    staged: Batch,
    recorder: Recorder,
}

/// What is written, and where to.
struct Recorder {
    options: Options,
    /// Encodes into memory, so that frames which the driver does not take can be left out.
    encoder: Writer<Vec<u8>>,
    /// Where in that memory each frame ends.
    ends: Vec<usize>,
    /// `None` once writing failed.
    file: Option<BufWriter<File>>,
    /// Bytes written to the file.
    size: u64,
    /// What a file begins with.
    head: Vec<u8>,
}

impl<N: Nic> Tee<N> {
    /// Begins a capture. A file that is there is replaced.
    pub fn new(inner: N, options: Options) -> Result<Self, Error> {
        Self::with_clock(inner, options, SystemClock::default())
    }
}

impl<N: Nic, C: Clock> Tee<N, C> {
    /// Begins a capture, with time stamps from `clock`.
    pub fn with_clock(inner: N, options: Options, clock: C) -> Result<Self, Error> {
        let device = format!("capture of {}", inner.information().name);
        let hint = format!("`{}` must be a place you may write to", options.path.display());
        let recorder = Recorder::new(options, &inner.information().name)
            .map_err(|source| Error::Kernel { device, doing: "creating its file", source, hint })?;
        Ok(Self { inner, clock, staged: Batch::new(), recorder })
    }
}

impl Recorder {
    fn new(options: Options, device: &str) -> io::Result<Self> {
        let interface = Interface { name: device, link: Link::ETHERNET };
        let mut encoder = Writer::new(Vec::new(), Format::of_path(&options.path), &interface)?;
        let head = mem::take(encoder.get_mut());
        let mut recorder = Self { options, encoder, ends: Vec::new(), file: None, size: 0, head };
        recorder.begin()?;
        Ok(recorder)
    }

    fn begin(&mut self) -> io::Result<()> {
        let mut file = BufWriter::with_capacity(BUFFER, File::create(&self.options.path)?);
        file.write_all(&self.head)?;
        self.size = self.head.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    /// Encodes a frame, to be kept or not.
    fn encode(&mut self, time: Duration, direction: Direction, packet: &Packet) {
        if self.file.is_some() {
            let stamp = Stamp { time, direction, comment: None };
            // Writing to memory does not fail.
            let _ = self.encoder.write(&stamp, packet.pages().map(Packet::bytes));
            self.ends.push(self.encoder.get_mut().len());
        }
    }

    /// Keeps the first `count` of the frames that were encoded, and forgets the rest.
    fn keep(&mut self, count: usize) {
        let mut encoded = mem::take(self.encoder.get_mut());
        let mut ends = mem::take(&mut self.ends);
        let mut begin = 0;
        for end in ends.drain(..).take(count) {
            let frame = encoded.get(begin..end).unwrap_or_default();
            begin = end;
            if let Err(error) = self.write(frame) {
                self.give_up(&error);
                break;
            }
        }
        // Both are used again, for the memory they have.
        encoded.clear();
        *self.encoder.get_mut() = encoded;
        self.ends = ends;
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        let size = self.size + frame.len() as u64;
        // A frame that alone is larger than the bound has a file of its own.
        if self.options.size.is_some_and(|bound| size > bound) && self.size > self.head.len() as u64
        {
            self.rotate()?;
        }
        if let Some(file) = &mut self.file {
            file.write_all(frame)?;
            self.size += frame.len() as u64;
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.flush()?;
        for number in (1..self.options.files).rev() {
            let older = numbered(&self.options.path, number);
            match fs::rename(numbered(&self.options.path, number - 1), older) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.begin()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }

    fn give_up(&mut self, error: &io::Error) {
        let path = self.options.path.display();
        tracing::warn!("the capture `{path}` ends here, it cannot be written: {error}");
        self.file = None;
    }
}

/// `x.pcapng` for 0, `x.1.pcapng` for 1 …
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.into();
    }
    marked(path, &number.to_string())
}

/// `x.mark.pcapng`.
fn marked(path: &Path, mark: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{mark}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

impl<N: Nic, C: Clock> Nic for Tee<N, C> {
    fn information(&self) -> &Information {
        self.inner.information()
    }

    fn receive(
        &mut self,
        free: &mut Batch,
        received: &mut Batch,
        limit: usize,
    ) -> Result<usize, Error> {
        let before = received.len();
        let count = self.inner.receive(free, received, limit)?;
        if count > 0 {
            let now = self.clock.now();
            for packet in received.range(before..) {
                self.recorder.encode(now, Direction::Inbound, packet);
            }
            self.recorder.keep(count);
        }
        Ok(count)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        if ready.is_empty() {
            return self.inner.transmit(ready);
        }
        let now = self.clock.now();
        observe::transmit(
            &mut self.inner,
            ready,
            &mut self.staged,
            &mut self.recorder,
            |recorder, packet| recorder.encode(now, Direction::Outbound, packet),
            Recorder::keep,
        )
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        self.inner.reclaim(sent)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        if let Err(error) = self.recorder.flush() {
            self.recorder.give_up(&error);
        }
        self.inner.wait(timeout)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.descriptor()
    }

    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}
