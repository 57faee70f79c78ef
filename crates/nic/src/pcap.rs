//! A device made of capture files: receives the frames of one, writes sent frames to another.
//!
//! Frames come as fast as they are asked for, or at the pace of their time stamps. At the end of
//! the file the wire is quiet by default, as a network is when nobody has anything to say, so that
//! whoever received can still answer in his own time; with [`End::Gone`] the device is gone.

use crate::wrap::clock::{Clock, SystemClock};
use crate::{Error, Information, Nic, Offloads, Statistics};
use bundle::capture::pcapng::Interface;
use bundle::capture::{self, Direction, Format, Frame, Link, Reader, Stamp, Writer};
use core::time::Duration;
use packet::{Batch, HEADROOM, PAGE, Packet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Bytes of a file that are read or written at once.
const BUFFER: usize = 64 * 1024;

/// Bytes of a frame that go into one page.
const ROOM: usize = PAGE - HEADROOM;

/// Bytes in an Ethernet header; a frame has no fewer.
const HEADER: usize = 14;

/// The longest that is slept at once.
const QUIET: Duration = Duration::from_secs(1);

/// How fast frames come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as they are asked for.
    #[default]
    Fast,
    /// With the pauses that lie between their time stamps.
    Real,
}

/// What happens at the end of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// The wire stays, and is quiet.
    #[default]
    Stay,
    /// The device is gone ([`Error::is_gone`]).
    Gone,
    /// It begins again.
    Again,
}

/// Which files, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What is received: a pcap or a pcapng.
    pub path: PathBuf,
    /// Where sent frames are written: classic pcap if it ends in `.pcap` or `.cap`, else pcapng.
    /// `None`: they vanish.
    pub out: Option<PathBuf>,
    /// How fast.
    pub pace: Pace,
    /// What comes after the last frame.
    pub end: End,
}

/// The device.
pub struct Pcap<C = SystemClock> {
    information: Information,
    statistics: Statistics,
    options: Options,
    clock: C,
    /// `None` at the end.
    reader: Option<Reader<BufReader<File>>>,
    /// The frame that was read but not yet received.
    next: Next,
    /// Whether it was logged that the file is broken; with [`End::Again`] it is met often.
    warned: bool,
    writer: Option<Writer<BufWriter<File>>>,
    /// Sent packets, to be reclaimed.
    sent: Batch,
}

/// A frame that was read, and when it is due.
#[derive(Default)]
struct Next {
    due: Duration,
    bytes: Vec<u8>,
    is_there: bool,
    /// What to add to a time stamp for the time when it is due; set by the first frame.
    shift: Option<(Duration, Duration)>,
    /// Frames taken since the file was begun.
    count: u64,
}

impl Pcap {
    /// Opens the files.
    pub fn open(options: Options) -> Result<Self, Error> {
        Self::with_clock(options, SystemClock::default())
    }
}

impl<C: Clock> Pcap<C> {
    /// Opens the files; pace and time stamps are those of `clock`.
    pub fn with_clock(options: Options, clock: C) -> Result<Self, Error> {
        let name = options.path.display().to_string();
        let reader = open(&options.path)?;
        let writer = options.out.as_deref().map(create).transpose()?;
        Ok(Self {
            information: Information {
                name,
                mac: None,
                // Whatever the capture holds is received; this bounds what is sent.
                mtu: 65_535,
                offloads: Offloads::default(),
                copies: true,
            },
            statistics: Statistics::default(),
            options,
            clock,
            reader: Some(reader),
            next: Next::default(),
            warned: false,
            writer,
            sent: Batch::new(),
        })
    }

    /// Reads until there is a frame to receive; `false` at the end.
    fn look(&mut self) -> Result<bool, Error> {
        while !self.next.is_there {
            let Some(reader) = &mut self.reader else { return Ok(false) };
            match reader.next_frame() {
                Ok(Some(frame)) => {
                    // A frame that the capture cut, or that is none of Ethernet's, would be
                    // another frame than the one that was on the wire.
                    let is_ethernet = frame.link == Link::ETHERNET && frame.bytes.len() >= HEADER;
                    if is_ethernet && frame.is_whole() {
                        self.next.take(&frame, self.options.pace, &self.clock);
                    } else {
                        self.statistics.malformed += 1;
                    }
                }
                Ok(None) => self.finish()?,
                Err(error) => {
                    // What came before was whole: a capture is often cut where a program died.
                    if !self.warned {
                        tracing::warn!("{}: {error}", self.information.name);
                    }
                    self.warned = true;
                    self.statistics.malformed += 1;
                    self.finish()?;
                }
            }
        }
        Ok(true)
    }

    /// The end of the file was reached.
    fn finish(&mut self) -> Result<(), Error> {
        // A file without a frame would begin again for ever.
        let again = self.options.end == End::Again && self.next.count > 0;
        self.next = Next::default();
        self.reader = if again { Some(open(&self.options.path)?) } else { None };
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.options.pace == Pace::Fast || self.clock.now() >= self.next.due
    }

    fn over(&self) -> Result<(), Error> {
        if self.options.end == End::Gone {
            return Err(Error::Gone {
                device: self.information.name.clone(),
                cause: "the capture has ended".into(),
            });
        }
        Ok(())
    }

    fn flush(&mut self) {
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.get_mut().flush()
        {
            self.stop_writing(&error);
        }
    }

    fn stop_writing(&mut self, error: &io::Error) {
        let path = self.options.out.as_deref().unwrap_or(Path::new(""));
        tracing::warn!("`{}` ends here, it cannot be written: {error}", path.display());
        self.writer = None;
    }

    /// Writes one sent frame.
    fn write(&mut self, packet: &Packet, time: Duration) {
        let Some(writer) = &mut self.writer else { return };
        let stamp = Stamp { time, direction: Direction::Outbound, comment: None };
        match writer.write(&stamp, packet.pages().map(Packet::bytes)) {
            Ok(()) => {
                self.statistics.sent += 1;
                self.statistics.sent_bytes += packet.frame_len() as u64;
            }
            Err(error) => {
                self.statistics.send_dropped += 1;
                self.stop_writing(&error);
            }
        }
    }
}

impl Next {
    fn take(&mut self, frame: &Frame<'_>, pace: Pace, clock: &impl Clock) {
        self.bytes.clear();
        self.bytes.extend_from_slice(frame.bytes);
        self.is_there = true;
        self.count += 1;
        if pace == Pace::Real {
            let (begin, first) = *self.shift.get_or_insert_with(|| (clock.now(), frame.time));
            self.due = begin.saturating_add(frame.time.saturating_sub(first));
        }
    }
}

fn open(path: &Path) -> Result<Reader<BufReader<File>>, Error> {
    let unreadable = |source, hint: &str| Error::Kernel {
        device: path.display().to_string(),
        doing: "opening the capture",
        source,
        hint: hint.into(),
    };
    let file = File::open(path)
        .map_err(|source| unreadable(source, "name a pcap or pcapng file that you may read"))?;
    Reader::new(BufReader::with_capacity(BUFFER, file)).map_err(|error| match error {
        capture::Error::Io { source, .. } => unreadable(source, ""),
        capture::Error::Truncated { .. } => Error::Unusable {
            device: path.display().to_string(),
            what: "the file is too short to be a capture".into(),
        },
        other => Error::Unusable { device: path.display().to_string(), what: other.to_string() },
    })
}

fn create(path: &Path) -> Result<Writer<BufWriter<File>>, Error> {
    let interface = Interface { name: "pcap", link: Link::ETHERNET };
    File::create(path)
        .and_then(|file| {
            let to = BufWriter::with_capacity(BUFFER, file);
            Writer::new(to, Format::of_path(path), &interface)
        })
        .map_err(|source| Error::Kernel {
            device: path.display().to_string(),
            doing: "creating the capture of sent frames",
            source,
            hint: "`out` must be in a directory you may write to".into(),
        })
}

/// Puts `bytes` into a chain of pages from the front of `free`; `None`, and nothing taken, if
/// there are too few.
fn fill(bytes: &[u8], free: &mut Batch) -> Option<Packet> {
    let pages = bytes.len().div_ceil(ROOM);
    if pages > free.len() {
        return None;
    }
    let mut chain: Option<Packet> = None;
    // From the back, so that each page is put in front of a chain instead of behind it.
    for part in bytes.chunks(ROOM).rev() {
        let mut page = free.pop_front()?;
        page.clear();
        page.push_back(part.len())?.copy_from_slice(part);
        if let Some(rest) = chain {
            page.append(rest);
        }
        chain = Some(page);
    }
    chain
}

impl<C: Clock> Nic for Pcap<C> {
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
        while count < limit && !free.is_empty() {
            if !self.look()? {
                if count == 0 {
                    self.over()?;
                }
                break;
            }
            if !self.is_due() {
                break;
            }
            match fill(&self.next.bytes, free) {
                Some(packet) => {
                    received.push_back(packet);
                    count += 1;
                    self.statistics.received += 1;
                    self.statistics.received_bytes += self.next.bytes.len() as u64;
                }
                // There may be more buffers next time.
                None if count > 0 => break,
                None => self.statistics.receive_dropped += 1,
            }
            self.next.is_there = false;
        }
        Ok(count)
    }

    fn transmit(&mut self, ready: &mut Batch) -> Result<usize, Error> {
        let count = ready.len();
        if count > 0 {
            let now = self.clock.now();
            for packet in ready.drain(..) {
                self.write(&packet, now);
                self.sent.push_back(packet);
            }
        }
        Ok(count)
    }

    fn reclaim(&mut self, sent: &mut Batch) -> Result<usize, Error> {
        let count = self.sent.len();
        sent.append(&mut self.sent);
        Ok(count)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        self.flush();
        if !self.look()? {
            self.over()?;
            // Nothing will ever come; "for ever" is cut into pieces, so that a caller who wants
            // to stop gets to look.
            std::thread::sleep(timeout.unwrap_or(QUIET).min(QUIET));
            return Ok(false);
        }
        if self.options.pace == Pace::Fast {
            return Ok(true);
        }
        let left = self.next.due.saturating_sub(self.clock.now());
        std::thread::sleep(timeout.unwrap_or(QUIET).min(QUIET).min(left));
        Ok(self.is_due())
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}
