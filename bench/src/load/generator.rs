//! The client.

use super::CLIENT_PORT;
use nic::Nic;
use packet::{Batch, Packet, Pool};
use std::thread::{sleep, yield_now};
use std::time::{Duration, Instant};

/// Requests on their way together: a veth pair holds 256 frames and drops what comes then.
const WINDOW: usize = 192;
/// Requests sent together, at least.
const BURST: usize = 64;
/// After so long without an answer, what was on its way is lost; on a wire that loses nothing, the
/// server is.
const PATIENCE: Duration = Duration::from_millis(200);
const LONG_PATIENCE: Duration = Duration::from_secs(10);
/// Between requests that are sent one at a time: the server goes to sleep meanwhile.
const PAUSE: Duration = Duration::from_micros(100);
/// Free buffers lent to the device.
const LENT: usize = 256;

/// What came of some load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// Requests that were answered.
    pub(crate) count: usize,
    /// Requests that were not.
    pub(crate) lost: usize,
    /// How long it took.
    pub(crate) time: Duration,
}

type Vary = Box<dyn FnMut(&mut [u8])>;

/// What is asked, and how a right answer is known.
pub(crate) struct Question {
    /// The requests: one whole frame, of which some bytes may be others each time.
    pub(crate) frame: Vec<u8>,
    /// Makes the frame, as it was the last time, the next request. Its time is the client's.
    pub(crate) vary: Vary,
    /// Whether the payload of a datagram is an answer.
    pub(crate) is_answer: fn(&[u8]) -> bool,
}

/// A device, and buffers from a pool that suits it.
pub(crate) struct End {
    nic: Box<dyn Nic>,
    pool: Pool,
    free: Batch,
}

impl End {
    pub(crate) fn new(nic: Box<dyn Nic>, pool: Pool) -> Self {
        Self { nic, pool, free: Batch::new() }
    }

    fn buffer(&mut self) -> Option<Packet> {
        self.free.pop_front().or_else(|| self.pool.allocate())
    }
}

/// Sends requests, and counts answers.
pub(crate) struct Generator {
    /// Where answers come in, and requests leave unless they leave elsewhere.
    end: End,
    /// Where else requests leave.
    asks: Option<End>,
    question: Question,
    /// Requests on their way.
    open: usize,
    received: Batch,
    ready: Batch,
    /// When something came last.
    heard: Instant,
    /// Whether it sleeps while nothing comes.
    sleeps: bool,
    patience: Duration,
}

impl Generator {
    /// At a device.
    pub(crate) fn new(end: End, question: Question) -> Self {
        let [received, ready] = [Batch::new(), Batch::new()];
        let heard = Instant::now();
        Self {
            end,
            asks: None,
            question,
            open: 0,
            received,
            ready,
            heard,
            sleeps: true,
            patience: PATIENCE,
        }
    }

    /// Sends its requests through another device.
    pub(crate) fn asking_through(self, end: End) -> Self {
        Self { asks: Some(end), ..self }
    }

    /// Looks again and again while nothing comes, so that nobody must wake it.
    pub(crate) fn restless(self) -> Self {
        Self { sleeps: false, ..self }
    }

    /// For a wire that loses nothing.
    pub(crate) fn patient(self) -> Self {
        Self { patience: LONG_PATIENCE, ..self }
    }

    /// Keeps the server busy for a while, and waits for the last answers.
    pub(crate) fn press(&mut self, span: Duration) -> Result<Answered, String> {
        let begin = Instant::now();
        let (mut count, mut lost) = (0, 0);
        self.heard = begin;
        loop {
            let over = begin.elapsed() >= span;
            if over && self.open == 0 {
                break;
            }
            if !over && self.open + BURST <= WINDOW {
                self.send(WINDOW - self.open)?;
            }
            let came = self.hear()?;
            count += came;
            if came == 0 && self.heard.elapsed() > self.patience {
                lost += self.forget();
            }
        }
        Ok(Answered { count, lost, time: begin.elapsed() })
    }

    /// Asks one at a time for a while. Gives how long each answer took.
    pub(crate) fn ask_singly(&mut self, span: Duration) -> Result<Vec<Duration>, String> {
        let begin = Instant::now();
        let mut times = Vec::new();
        while begin.elapsed() < span || times.len() < 20 {
            sleep(PAUSE);
            let asked = Instant::now();
            self.send(1)?;
            self.heard = asked;
            while self.hear()? == 0 {
                if asked.elapsed() > self.patience {
                    self.forget();
                    return Err("a request was not answered".into());
                }
            }
            times.push(asked.elapsed());
        }
        Ok(times)
    }

    /// Gives up what is on its way; says how much.
    fn forget(&mut self) -> usize {
        self.heard = Instant::now();
        std::mem::take(&mut self.open)
    }

    fn send(&mut self, count: usize) -> Result<(), String> {
        let said = |error: nic::Error| error.to_string();
        let asks = self.asks.as_mut().unwrap_or(&mut self.end);
        for _ in self.ready.len()..count {
            let Some(mut packet) = asks.buffer() else { break };
            let frame = &mut self.question.frame;
            (self.question.vary)(frame);
            packet.clear();
            if let Some(space) = packet.push_back(frame.len()) {
                space.copy_from_slice(frame);
            }
            self.ready.push_back(packet);
        }
        self.open += asks.nic.transmit(&mut self.ready).map_err(said)?;
        asks.nic.reclaim(&mut asks.free).map_err(said)?;
        Ok(())
    }

    /// Takes answers. If there are none it waits for some, but not for long.
    fn hear(&mut self) -> Result<usize, String> {
        let said = |error: nic::Error| error.to_string();
        // What was sent one by one comes back here too.
        if let Some(asks) = &mut self.asks {
            asks.nic.reclaim(&mut asks.free).map_err(said)?;
        }
        let End { nic, pool, free } = &mut self.end;
        nic.reclaim(free).map_err(said)?;
        pool.allocate_batch(free, LENT.saturating_sub(free.len()));
        nic.receive(free, &mut self.received, WINDOW).map_err(said)?;
        let mut came = 0;
        for payload in self.received.iter().filter_map(payload) {
            if !(self.question.is_answer)(payload) {
                return Err(format!("a wrong answer: {}", payload.escape_ascii()));
            }
            came += 1;
        }
        free.append(&mut self.received);
        if came > 0 {
            self.heard = Instant::now();
        } else if self.sleeps {
            nic.wait(Some(Duration::from_millis(10))).map_err(said)?;
        } else {
            // The kernel's threads on this core have their turn.
            yield_now();
        }
        let came = came.min(self.open);
        self.open -= came;
        Ok(came)
    }
}

/// The payload, if it is UDP for our port.
fn payload(frame: &Packet) -> Option<&[u8]> {
    let bytes = frame.bytes();
    let ours = bytes.get(12..14) == Some(&[8, 0])
        && bytes.get(23) == Some(&17)
        && bytes.get(36..38) == Some(&CLIENT_PORT.to_be_bytes());
    let len = usize::from(u16::from_be_bytes(bytes.get(38..40)?.try_into().ok()?));
    // Short frames are filled up behind it.
    bytes.get(42..34 + len).filter(|_| ours)
}
