//! A medium in memory that knows what a crash does, for tests of whatever lies on a medium.
//!
//! What was written since the last sync is kept apart: after a [`crash`](Simulation::crash) each
//! sector of it is there or not, and one write was caught in the middle of a sector. It can be
//! told to fail, to be full, to refuse writes and to lie about `sync`. It records what is done to
//! it, so that a test can crash before every single operation; media that were made
//! [`beside`](Simulation::beside) each other count their operations together, as a store and its
//! seal have to crash together.
//!
//! It draws no random numbers and reads no clock: the same seed gives the same crash.

mod dice;
mod hollow;
mod nonces;
mod state;
mod wrapped;

pub use self::dice::Dice;
pub use self::hollow::Hollow;
pub(crate) use self::nonces::Nonces;
pub use self::nonces::leave_nonces_unwatched;
use self::state::{Change, State};
pub use self::wrapped::Wrapped;
use crate::medium::{Medium, Trouble};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A medium in memory. A clone is the same medium.
#[derive(Clone)]
pub struct Simulation {
    inner: Arc<Mutex<Inner>>,
    /// Counts what changes any of the media that are beside each other, and syncs.
    clock: Arc<AtomicU64>,
}

/// What was done to a medium so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls of `read`.
    pub reads: u64,
    /// Calls of `write`.
    pub writes: u64,
    /// Bytes that were to be written.
    pub bytes_written: u64,
    /// Calls of `sync`.
    pub syncs: u64,
    /// Calls of `grow` that were to make it larger.
    pub grows: u64,
    /// Calls of `discard`.
    pub discards: u64,
}

/// What a medium is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To make safe what was written.
    Sync,
    /// To make room.
    Grow,
}

/// Something that is to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// With what; anything if `None`.
    pub operation: Option<Operation>,
    /// How many of these go well before.
    pub after: u64,
    /// What is said then.
    pub trouble: Trouble,
    /// Whether all later ones fail, too.
    pub lasting: bool,
}

struct Inner {
    state: State,
    counts: Counts,
    faults: Vec<Fault>,
    limit: u64,
    read_only: bool,
    lies: bool,
    /// As it was when recording began, and what was done since, each with its number.
    record: Option<(State, Vec<(u64, Change)>)>,
}

impl Default for Simulation {
    fn default() -> Self {
        Self::new()
    }
}

impl Simulation {
    /// One without room for anything yet.
    pub fn new() -> Self {
        Self::over(State::default(), Arc::default())
    }

    /// One that has these bytes, safely.
    pub fn holding(bytes: Vec<u8>) -> Self {
        Self::over(State::holding(bytes), Arc::default())
    }

    /// Another one, whose operations are counted together with those of this one.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self::over(State::default(), Arc::clone(&self.clock))
    }

    fn over(state: State, clock: Arc<AtomicU64>) -> Self {
        let inner = Inner {
            state,
            counts: Counts::default(),
            faults: Vec::new(),
            limit: u64::MAX >> 1,
            read_only: false,
            lies: false,
            record: None,
        };
        Self { inner: Arc::new(Mutex::new(inner)), clock }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The medium as it may look after a crash now.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        Self::over(self.inner().state.crash(&mut Dice(seed)), Arc::default())
    }

    /// All its bytes, as they are read now.
    pub fn bytes(&self) -> Vec<u8> {
        self.inner().state.bytes().to_vec()
    }

    /// Changes bytes as somebody does who is not the store: at once, safely and without being
    /// counted. What lies beyond the end is left out.
    pub fn tamper(&self, at: u64, bytes: &[u8]) {
        self.inner().state.tamper(at, bytes);
    }

    /// What was done to it so far.
    pub fn counts(&self) -> Counts {
        self.inner().counts
    }

    /// Lets something go wrong.
    pub fn fail(&self, fault: Fault) {
        self.inner().faults.push(fault);
    }

    /// Lets nothing go wrong any more that was told before by [`fail`](Self::fail).
    pub fn heal(&self) {
        self.inner().faults.clear();
    }

    /// Lets it be full at that size.
    pub fn full_at(&self, size: u64) {
        self.inner().limit = size;
    }

    /// Lets it refuse to be changed, or not.
    pub fn read_only(&self, refuses: bool) {
        self.inner().read_only = refuses;
    }

    /// Lets it say that all is safe when nothing is, or not.
    pub fn lie_about_sync(&self, lies: bool) {
        self.inner().lies = lies;
    }

    /// Records from now on what is done to it.
    pub fn record(&self) {
        let mut inner = self.inner();
        inner.record = Some((inner.state.clone(), Vec::new()));
    }

    /// The number that the next operation of any medium beside it will have.
    pub fn next_operation(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// The medium as it may look after a crash right before the operation of that number, or
    /// nothing if it was not recorded.
    pub fn crash_before(&self, operation: u64, seed: u64) -> Option<Self> {
        let inner = self.inner();
        let (beginning, changes) = inner.record.as_ref()?;
        let mut state = beginning.clone();
        for (_, change) in changes.iter().take_while(|(number, _)| *number < operation) {
            state.apply(change);
        }
        Some(Self::over(state.crash(&mut Dice(seed)), Arc::default()))
    }

    /// The medium as it may look after a crash before every single operation that was recorded,
    /// and after the last; each with the number of the operation.
    pub fn states(&self, seed: u64) -> impl Iterator<Item = (u64, Self)> + use<> {
        let recorded = self.inner().record.clone();
        let end = self.next_operation();
        let (mut state, changes) = recorded.unwrap_or_default();
        let mut changes = changes.into_iter().map(Some).chain(core::iter::once(None));
        core::iter::from_fn(move || {
            let next = changes.next()?;
            let number = next.as_ref().map_or(end, |(number, _)| *number);
            let crashed = state.crash(&mut Dice(seed ^ number.rotate_left(32)));
            if let Some((_, change)) = next {
                state.apply(&change);
            }
            Some((number, Self::over(crashed, Arc::default())))
        })
    }
}

impl Inner {
    /// Whether it goes well this time.
    fn meet(&mut self, operation: Operation) -> Result<(), Trouble> {
        let mut met = Ok(());
        self.faults.retain_mut(|fault| {
            if fault.operation.is_some_and(|other| other != operation) || met.is_err() {
                return true;
            }
            let Some(left) = fault.after.checked_sub(1) else {
                met = Err(fault.trouble);
                return fault.lasting;
            };
            fault.after = left;
            true
        });
        met
    }

    fn writable(&self) -> Result<(), Trouble> {
        if self.read_only { Err(Trouble::ReadOnly) } else { Ok(()) }
    }

    fn change(&mut self, clock: &AtomicU64, change: Change) {
        let number = clock.fetch_add(1, Ordering::SeqCst);
        self.state.apply(&change);
        if let Some((_, changes)) = &mut self.record {
            changes.push((number, change));
        }
    }
}

impl Medium for Simulation {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let mut inner = self.inner();
        inner.counts.reads += 1;
        inner.meet(Operation::Read)?;
        into.copy_from_slice(inner.state.range(at, into.len())?);
        Ok(())
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        let mut inner = self.inner();
        inner.counts.writes += 1;
        inner.counts.bytes_written += from.len() as u64;
        inner.writable()?;
        inner.state.range(at, from.len())?;
        let met = inner.meet(Operation::Write);
        // One that fails has written something before.
        let written = if met.is_err() { from.len() / 2 } else { from.len() };
        let bytes = from.get(..written).unwrap_or(from).to_vec();
        inner.change(&self.clock, Change::Write { at, bytes });
        met
    }

    fn sync(&self) -> Result<(), Trouble> {
        let mut inner = self.inner();
        inner.counts.syncs += 1;
        match (inner.meet(Operation::Sync), inner.lies) {
            (Ok(()), false) => inner.change(&self.clock, Change::Sync),
            (Ok(()), true) => inner.change(&self.clock, Change::Nothing),
            (Err(trouble), _) => {
                inner.change(&self.clock, Change::FailedSync);
                return Err(trouble);
            }
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.inner().state.size()
    }

    fn limit(&self) -> u64 {
        let inner = self.inner();
        inner.limit.max(inner.state.size())
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        let mut inner = self.inner();
        if size <= inner.state.size() {
            return Ok(());
        }
        inner.counts.grows += 1;
        inner.writable()?;
        inner.meet(Operation::Grow)?;
        let Ok(length) = usize::try_from(size) else { return Err(Trouble::Full) };
        if size > inner.limit {
            return Err(Trouble::Full);
        }
        inner.change(&self.clock, Change::Grow(length));
        Ok(())
    }

    fn discard(&self, at: u64, length: u64) {
        let mut inner = self.inner();
        inner.counts.discards += 1;
        let Ok(length) = usize::try_from(length) else { return };
        if inner.writable().is_ok() && inner.state.range(at, length).is_ok() {
            inner.change(&self.clock, Change::Discard { at, length });
        }
    }

    fn foresee(&self, _at: u64, _length: u64) {}
}
