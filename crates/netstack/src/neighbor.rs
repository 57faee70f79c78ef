//! Who on the link has which hardware address: one cache for ARP and NDP.
//!
//! The engine is RFC 4861's neighbour unreachability detection, for both families: an entry is
//! *incomplete* while we ask, *reachable* for a while after an answer to us, then *stale*; a stale
//! one is used, and asked again after a *delay* by unicast *probes*. Entries come from our own
//! questions and from questions put to us, never from answers nobody asked for. The cache is
//! bounded, and so are the packets that wait in it; who is put off a full cache is the entry that
//! was used longest ago, entries that nobody answered for first.
//!
//! It sends nothing itself: [`Neighbors::due`] says whom to ask.

use crate::Time;
use crate::host::release;
use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;
use packet::header::ethernet::Mac;
use packet::{Batch, Packet, Queue};

/// Between two questions (`RETRANS_TIMER`).
const RETRANSMIT: Duration = Duration::from_secs(1);
/// Questions before giving up (`MAX_MULTICAST_SOLICIT`, `MAX_UNICAST_SOLICIT`).
const ATTEMPTS: u8 = 3;
/// How long an answer is good for (`REACHABLE_TIME`; spread by a factor of 0.5 to 1.5).
const REACHABLE: Duration = Duration::from_secs(30);
/// How long a stale entry is used before we probe (`DELAY_FIRST_PROBE_TIME`).
const DELAY: Duration = Duration::from_secs(5);
/// Packets that may wait for one neighbour. Three are enough for the first flight of a
/// conversation; the oldest goes when a fourth comes.
const WAITING: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Asked by broadcast; no answer yet.
    Incomplete { attempts: u8 },
    /// Answered lately.
    Reachable,
    /// Known, but not lately. No timer runs.
    Stale,
    /// Used while stale; a hint from above may still confirm it.
    Delay,
    /// Asked by unicast.
    Probe { attempts: u8 },
    /// Set by hand: never changes.
    Static,
}

struct Entry {
    mac: Mac,
    state: State,
    /// When the state's timer ends; [`Time::NEVER`] if none runs.
    deadline: Time,
    used: Time,
    waiting: Queue,
}

impl Entry {
    /// Who goes first when there is no room: lower is sooner.
    fn worth(&self) -> (u8, Time) {
        let rank = match self.state {
            State::Incomplete { .. } => 0,
            State::Stale => 1,
            _ => 2,
        };
        (rank, self.used)
    }
}

/// What to do for an entry whose time has come.
#[derive(Debug)]
pub(crate) enum Due {
    /// Ask who has the address; `Some`: by unicast.
    Ask(IpAddr, Option<Mac>),
    /// Nobody answers. These waited for it.
    Unreachable(Queue),
}

/// What a message said about a neighbour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) ip: IpAddr,
    pub(crate) mac: Mac,
    /// It answers a question of ours.
    pub(crate) solicited: bool,
    /// It may replace a hardware address that we know.
    pub(crate) overrides: bool,
    /// It was addressed to us, so that an entry may be made for it.
    pub(crate) creates: bool,
}

/// The cache.
pub(crate) struct Neighbors {
    entries: BTreeMap<IpAddr, Entry>,
    most: usize,
    /// No deadline is earlier; may be too early, never too late.
    earliest: Time,
    /// The last answer to a look-up, so that a batch to one neighbour looks once.
    last: Option<(IpAddr, Mac)>,
}

impl Neighbors {
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: BTreeMap::new(), most: most.max(1), earliest: Time::NEVER, last: None }
    }

    /// Sets an entry for good.
    pub(crate) fn insert_static(&mut self, now: Time, ip: IpAddr, mac: Mac, free: &mut Batch) {
        self.last = None;
        self.make_room(ip, free);
        let waiting = Queue::new();
        let entry = Entry { mac, state: State::Static, deadline: Time::NEVER, used: now, waiting };
        self.entries.insert(ip, entry);
    }

    /// The hardware address of a neighbour, if it is known, for a packet that is sent now.
    #[inline]
    pub(crate) fn lookup(&mut self, now: Time, ip: IpAddr) -> Option<Mac> {
        match self.last {
            Some((last, mac)) if last == ip => Some(mac),
            _ => self.search(now, ip),
        }
    }

    fn search(&mut self, now: Time, ip: IpAddr) -> Option<Mac> {
        let entry = self.entries.get_mut(&ip)?;
        entry.used = now;
        match entry.state {
            State::Incomplete { .. } => return None,
            State::Stale => {
                entry.state = State::Delay;
                entry.deadline = now + DELAY;
                self.earliest = self.earliest.min(entry.deadline);
            }
            // Whatever a timer may change is looked up again once the timer has run: `due` and
            // `claim` forget the last answer.
            State::Reachable | State::Delay | State::Probe { .. } | State::Static => {}
        }
        let mac = entry.mac;
        self.last = Some((ip, mac));
        Some(mac)
    }

    /// Lets a packet wait until `ip` is known; if nobody was asked yet, that is due at once.
    /// Packets that must give way go to `free`; says how many.
    pub(crate) fn wait(&mut self, now: Time, ip: IpAddr, packet: Packet, free: &mut Batch) -> u64 {
        let mut displaced = self.make_room(ip, free);
        let entry = self.entries.entry(ip).or_insert_with(|| Entry {
            mac: Mac::default(),
            state: State::Incomplete { attempts: 0 },
            deadline: now,
            used: now,
            waiting: Queue::new(),
        });
        entry.used = now;
        if entry.waiting.len() >= WAITING
            && let Some(oldest) = entry.waiting.pop_front()
        {
            release(oldest, free);
            displaced += 1;
        }
        entry.waiting.push_back(packet);
        self.earliest = self.earliest.min(entry.deadline);
        displaced
    }

    /// Takes in what somebody said of himself. `spread` is a random number: it keeps the timers of
    /// many from ending at once. Gives the packets that waited, if they can be sent to `mac` now.
    pub(crate) fn claim(
        &mut self,
        now: Time,
        claim: Claim,
        spread: u16,
        free: &mut Batch,
    ) -> Option<Queue> {
        let Claim { ip, mac, .. } = claim;
        if mac.is_multicast() || mac == Mac::default() {
            return None;
        }
        if !self.entries.contains_key(&ip) {
            if claim.creates {
                self.make_room(ip, free);
                let waiting = Queue::new();
                let entry =
                    Entry { mac, state: State::Stale, deadline: Time::NEVER, used: now, waiting };
                self.entries.insert(ip, entry);
            }
            return None;
        }
        self.last = None;
        let entry = self.entries.get_mut(&ip)?;
        let changed = entry.mac != mac;
        match entry.state {
            State::Static => return None,
            State::Incomplete { .. } => entry.mac = mac,
            _ if changed && !claim.overrides => {
                // RFC 4861, 7.2.5: doubt what we knew, but keep it.
                if entry.state == State::Reachable {
                    entry.state = State::Stale;
                    entry.deadline = Time::NEVER;
                }
                return None;
            }
            _ => entry.mac = mac,
        }
        let was_incomplete = matches!(entry.state, State::Incomplete { .. });
        if claim.solicited {
            // Half to one and a half of the base time.
            let base = REACHABLE.as_nanos() as u64;
            let spread = base / 2 + ((u128::from(base) * u128::from(spread)) >> 16) as u64;
            entry.state = State::Reachable;
            entry.deadline = now + Duration::from_nanos(spread);
            self.earliest = self.earliest.min(entry.deadline);
        } else if changed || was_incomplete {
            entry.state = State::Stale;
            entry.deadline = Time::NEVER;
        }
        Some(core::mem::take(&mut entry.waiting))
    }

    /// What is due, one thing at a time; `None` once nothing is.
    pub(crate) fn due(&mut self, now: Time) -> Option<Due> {
        if now < self.earliest {
            return None;
        }
        self.last = None;
        let mut earliest = Time::NEVER;
        let mut given_up = None;
        for (ip, entry) in &mut self.entries {
            if entry.deadline > now {
                earliest = earliest.min(entry.deadline);
                continue;
            }
            let (state, to) = match entry.state {
                State::Reachable | State::Stale | State::Static => {
                    if entry.state == State::Reachable {
                        entry.state = State::Stale;
                    }
                    entry.deadline = Time::NEVER;
                    continue;
                }
                State::Incomplete { attempts } if attempts < ATTEMPTS => {
                    (State::Incomplete { attempts: attempts + 1 }, None)
                }
                State::Delay => (State::Probe { attempts: 1 }, Some(entry.mac)),
                State::Probe { attempts } if attempts < ATTEMPTS => {
                    (State::Probe { attempts: attempts + 1 }, Some(entry.mac))
                }
                State::Incomplete { .. } | State::Probe { .. } => {
                    given_up = Some(*ip);
                    break;
                }
            };
            entry.state = state;
            entry.deadline = now + RETRANSMIT;
            return Some(Due::Ask(*ip, to));
        }
        if let Some(ip) = given_up {
            return self.entries.remove(&ip).map(|entry| Due::Unreachable(entry.waiting));
        }
        self.earliest = earliest;
        None
    }

    /// When [`Neighbors::due`] has something to say; may be too early.
    pub(crate) fn next_timeout(&self) -> Time {
        self.earliest
    }

    /// Makes room for `ip`, if it needs any. Says how many waiting packets had to go.
    fn make_room(&mut self, ip: IpAddr, free: &mut Batch) -> u64 {
        if self.entries.len() < self.most || self.entries.contains_key(&ip) {
            return 0;
        }
        let least = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.state != State::Static)
            .min_by_key(|(_, entry)| entry.worth())
            .map(|(ip, _)| *ip);
        let Some(mut entry) = least.and_then(|ip| self.entries.remove(&ip)) else { return 0 };
        self.last = None;
        let mut gone = 0;
        while let Some(packet) = entry.waiting.pop_front() {
            release(packet, free);
            gone += 1;
        }
        gone
    }
}
