//! What finds no room, and does when somebody makes some.
//!
//! A commit makes room where something was removed before. And what has no name any more takes room
//! until the last one closes it: of a mounted file the kernel says that some time after its name is
//! gone. So who finds no room then waits a moment, and whoever makes some tells.

use super::{Shared, State};
use crate::error::Error;
use crate::medium::Trouble;
use crate::store::Store;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

/// How often it is tried again.
const ATTEMPTS: usize = 20;
/// How long, in all, somebody waits for others to close what has no name.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);

impl Shared {
    /// Does something, again if there was no room for it and somebody can make some.
    pub(super) fn with<T>(
        &self,
        what: &mut dyn FnMut(&mut Store) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = self.lock()?;
        let mut done = self.attempt(&mut state, what);
        let mut deadline = None;
        for _ in 0..ATTEMPTS {
            if !matches!(done, Err(Error::Full)) {
                break;
            }
            if state.store.commit_makes_room() {
                drop(state);
                self.make_safe()?;
                state = self.lock()?;
            } else if state.store.has_nameless()? {
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.patience);
                let left = deadline.saturating_duration_since(Instant::now());
                let made;
                (state, made) = self.wait_for_room(state, left)?;
                if !made {
                    break;
                }
            } else {
                break;
            }
            done = self.attempt(&mut state, what);
        }
        self.tidy(state)?;
        done
    }

    fn attempt<T>(
        &self,
        state: &mut State,
        what: &mut dyn FnMut(&mut Store) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let done = what(&mut state.store);
        if state.out_of_room > 0 {
            // They see whether it made any.
            self.changed.notify_all();
        }
        done
    }

    /// Waits until there is more room, or a commit would make more; says whether that is so.
    fn wait_for_room<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        at_most: Duration,
    ) -> Result<(MutexGuard<'a, State>, bool), Error> {
        let before = room_to_come(&state.store);
        state.out_of_room += 1;
        let waited = self
            .changed
            .wait_timeout_while(state, at_most, |state| room_to_come(&state.store) <= before);
        let (mut state, waited) = waited.map_err(|_| Error::Stopped(Trouble::System(0)))?;
        state.out_of_room -= 1;
        Ok((state, !waited.timed_out()))
    }
}

/// Blocks that are free, or will be after a commit.
fn room_to_come(store: &Store) -> u64 {
    store.space.free() + store.space.will_be_free()
}

#[cfg(test)]
mod tests {
    use super::super::Volume;
    use super::*;
    use crate::attributes::{Kind, Make, ObjectId, Time};
    use crate::keys::{NewSlot, Secret, Settings};
    use crate::opening::{Media, Memory};
    use crate::pages::Heap;
    use crate::simulation::Simulation;
    use crate::tests::trial::Counted;
    use alloc::boxed::Box;
    use alloc::sync::Arc;
    use std::sync::mpsc;
    use std::{thread, vec};

    const CHUNK: usize = 1 << 20;
    /// So long that whoever waits it out fails the test.
    const AGES: Duration = Duration::from_mins(1);
    /// What is told is told within.
    const SOON: Duration = Duration::from_secs(10);

    fn make(volume: &Volume, name: &[u8]) -> ObjectId {
        let make = Make { kind: Kind::File, permissions: 0o600, user: 0, group: 0, device: 0 };
        volume.make(ObjectId::ROOT, name, &make, Time::default()).unwrap().object
    }

    fn write(volume: &Volume, file: ObjectId, chunk: u64) -> Result<(), Error> {
        volume.write(file, chunk * CHUNK as u64, &vec![7; CHUNK], Time::default())
    }

    /// A store filled by a file that is open and has no name any more, and one for which no room is
    /// left.
    fn full(patience: Duration) -> (Volume, ObjectId, ObjectId) {
        let medium = Simulation::new();
        medium.full_at(16 << 20);
        let media = Media { seal: Arc::new(medium.beside()), store: Arc::new(medium) };
        let memory = Memory { frames: Box::new(Heap::new(1024)), nodes: 256 };
        let secret = Secret::KeyFile(&[3; 32]);
        let first = NewSlot { secret, label: "", settings: Settings::INTERACTIVE, made: 0 };
        let (now, mut random) = (Time::default(), Counted::default());
        let store = Store::create(media, &first, memory, (0, 0), now, &mut random).unwrap();
        let volume = Volume::patient(store, None, patience);
        // The keeper tells all who wait whenever it has done something.
        volume.end_threads().unwrap();
        let other = make(&volume, b"other");
        let nameless = make(&volume, b"nameless");
        volume.open(nameless).unwrap();
        let mut chunks = 0..;
        while write(&volume, nameless, chunks.next().unwrap()).is_ok() {}
        volume.unlink(ObjectId::ROOT, b"nameless", now).unwrap();
        volume.sync().unwrap();
        (volume, nameless, other)
    }

    #[test]
    fn who_finds_no_room_is_told_when_somebody_closes_what_has_no_name() {
        let (volume, nameless, other) = full(AGES);
        let (tell, told) = mpsc::channel();
        let writer = volume.clone();
        thread::spawn(move || tell.send(write(&writer, other, 0)));
        let deadline = Instant::now() + SOON;
        while volume.0.lock().unwrap().out_of_room == 0 {
            assert!(Instant::now() < deadline, "it does not wait: {:?}", told.try_recv());
            thread::yield_now();
        }
        // What makes no room is no reason to try again.
        volume.attributes(other).unwrap();
        volume.close_object(nameless).unwrap();
        assert_eq!(told.recv_timeout(SOON), Ok(Ok(())));
        assert_eq!(volume.0.lock().unwrap().out_of_room, 0);
    }

    #[test]
    fn who_finds_no_room_does_not_wait_for_ever_for_somebody_to_close() {
        let (volume, nameless, other) = full(Duration::from_millis(30));
        let begin = Instant::now();
        assert_eq!(write(&volume, other, 0), Err(Error::Full));
        assert!(begin.elapsed() >= Duration::from_millis(30), "it waited");
        volume.close_object(nameless).unwrap();
        assert_eq!(write(&volume, other, 0), Ok(()));
    }
}
