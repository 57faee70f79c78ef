//! A store without std: made, written to, closed, opened and read.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};
use store::keys::{NewSlot, Secret, Settings};
use store::medium::{Medium, Randomness, Trouble};
use store::{Closed, Error, Heap, Kind, Make, Media, Memory, ObjectId, Store, Time};

/// A medium of a fixed size, in memory. Atomic bytes, as it must be shareable and there is no lock.
struct Bytes(Vec<AtomicU8>);

impl Bytes {
    fn zeros(length: usize) -> Arc<dyn Medium> {
        Arc::new(Self((0..length).map(|_| AtomicU8::new(0)).collect()))
    }

    fn part(&self, at: u64, length: usize) -> Result<&[AtomicU8], Trouble> {
        self.0.get(at as usize..at as usize + length).ok_or(Trouble::Short)
    }
}

impl Medium for Bytes {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        let part = self.part(at, into.len())?;
        into.iter_mut().zip(part).for_each(|(to, from)| *to = from.load(Ordering::Relaxed));
        Ok(())
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        let part = self.part(at, from.len())?;
        from.iter().zip(part).for_each(|(from, to)| to.store(*from, Ordering::Relaxed));
        Ok(())
    }

    fn sync(&self) -> Result<(), Trouble> {
        Ok(())
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn limit(&self) -> u64 {
        self.size()
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        if size <= self.size() { Ok(()) } else { Err(Trouble::Full) }
    }

    fn discard(&self, _: u64, _: u64) {}

    fn foresee(&self, _: u64, _: u64) {}
}

/// Not random at all; the keys of this store guard nothing.
struct Count(u8);

impl Randomness for Count {
    fn fill(&mut self, into: &mut [u8]) {
        for byte in into {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}

/// Whether what is written is what is read.
pub(crate) fn exercise() -> bool {
    attempt() == Ok(true)
}

fn attempt() -> Result<bool, Error> {
    let secret = Secret::KeyFile(&[3; 32]);
    let media = Media { store: Bytes::zeros(8 << 20), seal: Bytes::zeros(8192) };
    let memory = || Memory { frames: Box::new(Heap::new(64)), nodes: 64 };
    let first = NewSlot { secret, label: "", settings: Settings::INTERACTIVE, made: 0 };
    let now = Time::default();
    let mut store = Store::create(media.clone(), &first, memory(), (0, 0), now, &mut Count(0))?;
    let make = Make { kind: Kind::File, permissions: 0o600, user: 0, group: 0, device: 0 };
    let made = store.make(ObjectId::ROOT, b"file", &make, now)?;
    store.write(made.object, 5000, &[7; 9000], now)?;
    store.finish(now, false)?;
    let mut store = Closed::look(media)?.open(&secret, memory(), None)?;
    let found = store.lookup(ObjectId::ROOT, b"file")?;
    let mut bytes = [1; 14_000];
    let read = store.read(found.object, 0, &mut bytes)?;
    Ok(read == 14_000 && bytes[..5000] == [0; 5000] && bytes[5000..] == [7; 9000])
}
