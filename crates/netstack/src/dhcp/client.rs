//! The client's states, and what moves it from one to the next.

use super::question::Question;
use super::timing::{next_extension, retry, spread};
use super::{Answer, Kind, Lease};
use crate::Time;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::time::Duration;
use packet::header::ethernet::Mac;

/// Times that an offer is asked for, or a former address, before starting over.
const REQUESTS: u32 = 4;
/// How long to keep still after an address turned out to be somebody else's (RFC 2131, 3.1).
const AFTER_DECLINE: Duration = Duration::from_secs(10);
/// Events that are kept for somebody who does not fetch them.
const EVENTS: usize = 16;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The hardware address.
    pub mac: Mac,
    /// The name that the server is told; up to 255 bytes of it.
    pub host_name: Option<String>,
    /// An address that the host had before, to be asked for first.
    pub previous: Option<Ipv4Addr>,
}

/// A message to be sent from port 68 to port 67.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// From which address; unspecified as long as there is none.
    pub source: Ipv4Addr,
    /// To which; perhaps everybody on the link.
    pub destination: Ipv4Addr,
    /// What.
    pub payload: Vec<u8>,
}

/// Why an address was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nobody gave it more time.
    Expired,
    /// A server said so.
    Refused,
    /// Somebody else has it.
    Declined,
    /// We gave it back.
    Released,
    /// We start over.
    Restarted,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// We have an address, for the first time or with new settings. It must be probed for a
    /// duplicate before it is used for the first time.
    Bound(Lease),
    /// The address must not be used from now on.
    Lost(Ipv4Addr, Loss),
}

/// Messages that were ignored, by reason. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Broken, too long, or not from a server.
    pub malformed: u64,
    /// Of a transaction that is not ours or is over.
    pub other_transaction: u64,
    /// For another hardware address.
    pub other_hardware: u64,
    /// Not from the server that was asked, or not what answers the question.
    pub unexpected: u64,
}

/// A lease, from whom, and its times as points.
#[derive(Clone, Debug)]
struct Tenure {
    lease: Lease,
    server: Ipv4Addr,
    renewal: Time,
    rebinding: Time,
    end: Time,
}

#[derive(Clone, Debug)]
enum State {
    /// Does nothing until it is started.
    Stopped,
    /// Starts over at `due`.
    Waiting,
    /// Asks who has an address.
    Selecting,
    /// Asks for the one that was offered.
    Requesting {
        server: Ipv4Addr,
        address: Ipv4Addr,
    },
    /// Asks for the one that it had before.
    Rebooting(Ipv4Addr),
    Bound(Tenure),
    /// Asks the server for more time.
    Renewing(Tenure),
    /// Asks every server for more time.
    Rebinding(Tenure),
}

/// A DHCP client of one interface.
#[derive(Clone, Debug)]
pub struct Client {
    identity: Identity,
    state: State,
    transaction: u32,
    /// When asking began.
    began: Time,
    /// How often the question of this state was asked.
    asked: u32,
    /// When the state has something to do.
    due: Time,
    /// Refusals in a row, so that a mad server does not keep us busy.
    refusals: u32,
    /// Said once, whatever comes next.
    farewell: Option<Question>,
    events: VecDeque<Event>,
    ignored: Ignored,
}

impl Client {
    /// A client that starts to ask at `now`.
    pub fn new(identity: Identity, now: Time) -> Self {
        let mut client = Self {
            identity,
            state: State::Stopped,
            transaction: 0,
            began: now,
            asked: 0,
            due: now,
            refusals: 0,
            farewell: None,
            events: VecDeque::new(),
            ignored: Ignored::default(),
        };
        client.start(now);
        client
    }

    /// Starts over: asks for the former address if there is one, else for any. After a link was
    /// down, too.
    pub fn start(&mut self, now: Time) {
        if let Some(address) = self.address() {
            self.identity.previous = Some(address);
        }
        self.wait_until(now);
        self.began = now;
    }

    /// Gives the address back and stops.
    pub fn release(&mut self) {
        self.give_up(Loss::Released, |server, address| Question::Release { server, address });
        self.state = State::Stopped;
    }

    /// Says that somebody else has the address that we were given; another is asked for soon.
    pub fn decline(&mut self, now: Time) {
        if self.tenure().is_some() {
            self.give_up(Loss::Declined, |server, address| Question::Decline { server, address });
            self.identity.previous = None;
            self.wait_until(now + AFTER_DECLINE);
        }
    }

    /// The lease we have.
    pub fn lease(&self) -> Option<&Lease> {
        self.tenure().map(|tenure| &tenure.lease)
    }

    /// When [`Client::poll`] has something to do.
    pub fn next_timeout(&self) -> Option<Time> {
        if self.farewell.is_some() {
            return Some(Time::ZERO);
        }
        match self.state {
            State::Stopped => None,
            // A lease for ever.
            State::Bound(_) if self.due == Time::NEVER => None,
            _ => Some(self.due),
        }
    }

    /// What happened since the last call.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What was ignored so far.
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }

    /// Does what is due, and gives a message to be sent. `random` is a fresh random number. Call
    /// it again until it gives none.
    pub fn poll(&mut self, now: Time, random: u64) -> Option<Outgoing> {
        if let Some(farewell) = self.farewell.take() {
            return Some(self.outgoing(farewell, now));
        }
        // Each state at most once, where we come very late.
        for _ in 0..8 {
            if now < self.due || matches!(self.state, State::Stopped) {
                return None;
            }
            if let Some(question) = self.act(now, random) {
                return Some(self.outgoing(question, now));
            }
        }
        None
    }

    /// Takes in what arrived on port 68. `random` is a fresh random number. [`Client::poll`] may
    /// have something to do after it.
    pub fn receive(&mut self, now: Time, payload: &[u8], random: u64) {
        let Ok(answer) = Answer::read(payload) else {
            self.ignored.malformed += 1;
            return;
        };
        let is_asking = !matches!(self.state, State::Stopped | State::Waiting | State::Bound(_));
        if answer.mac != self.identity.mac {
            self.ignored.other_hardware += 1;
        } else if !is_asking || answer.transaction != self.transaction || self.asked == 0 {
            self.ignored.other_transaction += 1;
        } else if self.take(now, answer, random).is_none() {
            self.ignored.unexpected += 1;
        }
    }

    /// Does what an answer says; `None` if it answers nothing.
    fn take(&mut self, now: Time, answer: Answer, random: u64) -> Option<()> {
        let Answer { kind, server, lease, .. } = answer;
        match (&self.state, kind) {
            (State::Selecting, Kind::Offer) => {
                let (server, address) = (server?, lease?.address);
                self.ask(State::Requesting { server, address }, now);
            }
            (State::Requesting { server: asked, address }, Kind::Acknowledgement) => {
                let lease = lease.filter(|lease| lease.address == *address)?;
                let server = server.filter(|server| server == asked)?;
                self.bind(now, lease, server);
            }
            (State::Rebooting(address), Kind::Acknowledgement) => {
                let lease = lease.filter(|lease| lease.address == *address)?;
                self.bind(now, lease, server?);
            }
            (State::Renewing(tenure) | State::Rebinding(tenure), Kind::Acknowledgement) => {
                let lease = lease.filter(|lease| lease.address == tenure.lease.address)?;
                let server = server.unwrap_or(tenure.server);
                self.bind(now, lease, server);
            }
            (State::Requesting { server: asked, .. }, Kind::Refusal) => {
                server.filter(|server| server == asked)?;
                self.refuse(now, random);
            }
            (State::Rebooting(_) | State::Renewing(_) | State::Rebinding(_), Kind::Refusal) => {
                self.refuse(now, random);
            }
            _ => return None,
        }
        Some(())
    }

    /// What is due is done: gives a question, or changes the state.
    fn act(&mut self, now: Time, random: u64) -> Option<Question> {
        if self.asked == 0 {
            // A number of its own for each transaction; an offer and its request are one.
            if !matches!(self.state, State::Requesting { .. }) {
                self.transaction = (random >> 32) as u32;
            }
        }
        let again = retry(self.asked, random.rotate_left(32));
        match self.state.clone() {
            State::Stopped => None,
            State::Waiting => {
                self.began = now;
                let next = self.identity.previous.map_or(State::Selecting, State::Rebooting);
                self.ask(next, now);
                None
            }
            State::Selecting => {
                self.asked_until(now + again);
                Some(Question::Discover(self.identity.previous))
            }
            State::Requesting { .. } | State::Rebooting(_) if self.asked >= REQUESTS => {
                self.identity.previous = None;
                self.ask(State::Selecting, now);
                None
            }
            State::Requesting { server, address } => {
                self.asked_until(now + again);
                Some(Question::Select { server, address })
            }
            State::Rebooting(address) => {
                self.asked_until(now + again);
                Some(Question::Reboot(address))
            }
            State::Bound(tenure) => {
                self.began = now;
                self.ask(State::Renewing(tenure), now);
                None
            }
            State::Renewing(tenure) if now >= tenure.rebinding => {
                self.ask(State::Rebinding(tenure), now);
                None
            }
            State::Renewing(tenure) => {
                self.asked_until(next_extension(now, tenure.rebinding, random.rotate_left(32)));
                Some(Question::Extend(tenure.lease.address))
            }
            State::Rebinding(tenure) if now >= tenure.end => {
                self.lose(Loss::Expired);
                self.wait_until(now);
                None
            }
            State::Rebinding(tenure) => {
                self.asked_until(next_extension(now, tenure.end, random.rotate_left(32)));
                Some(Question::Extend(tenure.lease.address))
            }
        }
    }

    /// Enters a state that asks, at once.
    fn ask(&mut self, state: State, now: Time) {
        self.state = state;
        self.asked = 0;
        self.due = now;
    }

    fn asked_until(&mut self, due: Time) {
        self.asked = self.asked.saturating_add(1);
        self.due = due;
    }

    fn wait_until(&mut self, due: Time) {
        if self.tenure().is_some() {
            self.lose(Loss::Restarted);
        }
        self.state = State::Waiting;
        self.asked = 0;
        self.due = due;
    }

    fn bind(&mut self, now: Time, lease: Lease, server: Ipv4Addr) {
        let tenure = Tenure {
            server,
            renewal: now + lease.renewal,
            rebinding: now + lease.rebinding,
            end: lease.duration.map_or(Time::NEVER, |duration| now + duration),
            lease: lease.clone(),
        };
        let is_news = self.lease() != Some(&lease);
        self.identity.previous = Some(lease.address);
        self.refusals = 0;
        self.asked = 0;
        self.due = tenure.renewal;
        self.state = State::Bound(tenure);
        if is_news {
            self.tell(Event::Bound(lease));
        }
    }

    fn refuse(&mut self, now: Time, random: u64) {
        if self.tenure().is_some() {
            self.lose(Loss::Refused);
        }
        self.identity.previous = None;
        let wait = Duration::from_secs((1 << self.refusals.min(6)) - 1);
        self.refusals = self.refusals.saturating_add(1);
        self.state = State::Waiting;
        self.asked = 0;
        self.due = now + spread(wait, random);
    }

    fn lose(&mut self, loss: Loss) {
        if let Some(address) = self.address() {
            self.state = State::Stopped;
            self.tell(Event::Lost(address, loss));
        }
    }

    /// Loses the address and says so to the server.
    fn give_up(&mut self, loss: Loss, farewell: impl FnOnce(Ipv4Addr, Ipv4Addr) -> Question) {
        if let Some(tenure) = self.tenure() {
            self.farewell = Some(farewell(tenure.server, tenure.lease.address));
            self.lose(loss);
        }
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() >= EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn tenure(&self) -> Option<&Tenure> {
        match &self.state {
            State::Bound(tenure) | State::Renewing(tenure) | State::Rebinding(tenure) => {
                Some(tenure)
            }
            _ => None,
        }
    }

    fn address(&self) -> Option<Ipv4Addr> {
        self.lease().map(|lease| lease.address)
    }

    fn outgoing(&self, question: Question, now: Time) -> Outgoing {
        let (source, destination) = match (question, &self.state) {
            (Question::Extend(address), State::Renewing(tenure)) => (address, tenure.server),
            (Question::Extend(address), _) => (address, Ipv4Addr::BROADCAST),
            (Question::Release { server, address }, _) => (address, server),
            _ => (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST),
        };
        let seconds = now.since(self.began).as_secs().min(u16::MAX.into()) as u16;
        let payload = question.write(&self.identity, self.transaction, seconds);
        Outgoing { source, destination, payload }
    }
}
