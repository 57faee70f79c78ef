//! Many threads on one volume, then a crash, again and again: each thread knows what it wrote and what
//! it synchronised, and finds no less than that and nothing else.
//!
//! `STORE_SOAK` multiplies how much of it is tried.

use std::sync::Arc;
use std::thread;
use store::host::{SystemRandomness, Volume};
use store::keys::{NewSlot, Secret, Settings};
use store::medium::Medium;
use store::simulation::{Dice, Simulation};
use store::{Change, Closed, Error, Kind, Make, Media, Memory, ObjectId, Store, Time};

const KEY: [u8; 32] = [7; 32];
const FILE: Make = Make { kind: Kind::File, permissions: 0o644, user: 0, group: 0, device: 0 };
const THREADS: u64 = 4;
/// Steps of each thread between two crashes.
const STEPS: usize = 120;
/// Bytes of a file, at most.
const LARGEST: usize = 100_000;
/// Records of the shared file: each thread writes those that are its own.
const RECORD: usize = 1500;
const RECORDS: usize = 64;

fn now() -> Time {
    Time { seconds: 1, nanoseconds: 0 }
}

/// So little memory that pages are written out, dropped and read again all the time.
fn memory() -> Memory {
    Memory { frames: store::host::frames(96).unwrap(), nodes: 64 }
}

/// What a thread has done to a file of its own: what was synchronised last, and every state since.
struct Own {
    name: String,
    /// The last of them is what there is now; the first is what is safe at least. Nothing means that
    /// there is no file.
    states: Vec<Option<Vec<u8>>>,
}

/// A thread's files, and its records of the shared one.
struct Worker {
    number: u64,
    dice: Dice,
    files: Vec<Own>,
    /// Each record's numbers, from the one that is safe to the one that is there.
    records: Vec<(u64, u64)>,
}

impl Worker {
    fn new(number: u64, seed: u64) -> Self {
        let own = |at| Own { name: format!("{number} {at}"), states: vec![None] };
        let records = vec![(0, 0); RECORDS / THREADS as usize];
        Self { number, dice: Dice(seed ^ number << 40), files: (0..3).map(own).collect(), records }
    }

    fn steps(&mut self, volume: &Volume, shared: ObjectId) {
        for _ in 0..STEPS {
            match self.dice.below(12) {
                0 => self.sync(volume),
                1..4 => self.write_record(volume, shared),
                4 => self.read_records(volume, shared),
                _ => self.change_own(volume),
            }
        }
    }

    fn sync(&mut self, volume: &Volume) {
        volume.sync().unwrap();
        for file in &mut self.files {
            file.states.drain(..file.states.len() - 1);
        }
        for (safe, there) in &mut self.records {
            *safe = *there;
        }
    }

    fn change_own(&mut self, volume: &Volume) {
        let Self { dice, files, .. } = self;
        let which = dice.below(files.len());
        let file = &mut files[which];
        let name = file.name.as_bytes();
        let Some(mut bytes) = file.states.last().cloned().flatten() else {
            volume.make(ObjectId::ROOT, name, &FILE, now()).unwrap();
            file.states.push(Some(Vec::new()));
            return;
        };
        let object = volume.lookup(ObjectId::ROOT, name).unwrap().object;
        let (at, length) = (dice.below(LARGEST), dice.below(20_000) + 1);
        match dice.below(10) {
            0 => {
                volume.unlink(ObjectId::ROOT, name, now()).unwrap();
                file.states.push(None);
                return;
            }
            1 | 2 => {
                let change = Change { size: Some(at as u64), ..Change::default() };
                volume.change(object, &change, now()).unwrap();
                bytes.resize(at, 0);
            }
            3 | 4 => {
                assert_eq!(contents(volume, object), bytes, "{}", file.name);
                return;
            }
            _ => {
                let new = dice.bytes(length);
                volume.write(object, at as u64, &new, now()).unwrap();
                bytes.resize(bytes.len().max(at + length), 0);
                bytes[at..at + length].copy_from_slice(&new);
            }
        }
        file.states.push(Some(bytes));
    }

    /// Where one of this thread's records lies.
    fn place(&self, record: usize) -> u64 {
        ((record * THREADS as usize + self.number as usize) * RECORD) as u64
    }

    fn write_record(&mut self, volume: &Volume, shared: ObjectId) {
        let record = self.dice.below(self.records.len());
        let next = self.records[record].1 + 1;
        volume.write(shared, self.place(record), &text(self.number, record, next), now()).unwrap();
        self.records[record].1 = next;
    }

    fn read_records(&mut self, volume: &Volume, shared: ObjectId) {
        let record = self.dice.below(self.records.len());
        let mut read = vec![0; RECORD];
        assert_eq!(volume.read(shared, self.place(record), &mut read).unwrap(), RECORD);
        let expected = text(self.number, record, self.records[record].1);
        assert!(read == expected, "record {record} of thread {}", self.number);
    }

    /// After a crash: takes what is there, which has to be one of what was.
    fn find(&mut self, store: &mut Store, shared: ObjectId) {
        for file in &mut self.files {
            let found = match store.lookup(ObjectId::ROOT, file.name.as_bytes()) {
                Ok(found) => {
                    let mut bytes = vec![0; found.size as usize];
                    assert_eq!(store.read(found.object, 0, &mut bytes).unwrap(), bytes.len());
                    Some(bytes)
                }
                Err(error) => {
                    assert_eq!(error, Error::NotFound);
                    None
                }
            };
            // What is done to a file is there or not, in the order in which it was done.
            let exact = file.states.contains(&found);
            assert!(exact, "{}: it is nothing that was ever there", file.name);
            file.states = vec![found];
        }
        for record in 0..self.records.len() {
            let mut read = vec![0; RECORD];
            assert_eq!(store.read(shared, self.place(record), &mut read).unwrap(), RECORD);
            let (safe, there) = self.records[record];
            let found = (safe..=there).find(|at| read == text(self.number, record, *at));
            let found = found.expect("a record that was not lost");
            self.records[record] = (found, found);
        }
    }
}

/// What the version of that number of a record is.
fn text(thread: u64, record: usize, version: u64) -> Vec<u8> {
    if version == 0 {
        return vec![0; RECORD];
    }
    Dice(version << 20 ^ thread << 10 ^ record as u64).bytes(RECORD)
}

fn contents(volume: &Volume, object: ObjectId) -> Vec<u8> {
    let mut bytes = vec![0; LARGEST * 2];
    let length = volume.read(object, 0, &mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

fn media(medium: &Simulation, seal: &Simulation) -> Media {
    Media { store: Arc::new(medium.clone()), seal: Arc::new(seal.clone()) }
}

/// Both halves as a crash leaves them right before that operation.
fn crashed(
    medium: &Simulation,
    seal: &Simulation,
    moment: u64,
    seed: u64,
) -> (Simulation, Simulation) {
    let left = seal.crash_before(moment, seed.rotate_left(9)).unwrap().bytes();
    let medium = Simulation::holding(medium.crash_before(moment, seed).unwrap().bytes());
    let seal = medium.beside();
    seal.grow(left.len() as u64).unwrap();
    seal.write(0, &left).unwrap();
    seal.sync().unwrap();
    (medium, seal)
}

fn stress(seed: u64) {
    let mut dice = Dice(seed);
    let mut medium = Simulation::new();
    let mut seal = medium.beside();
    let settings = Settings { memory: 8, passes: 1, lanes: 1 };
    let first = NewSlot { secret: Secret::KeyFile(&KEY), label: "test", settings, made: 0 };
    let mut randomness = SystemRandomness::new().unwrap();
    let media_of_it = media(&medium, &seal);
    let created = Store::create(media_of_it, &first, memory(), (0, 0), now(), &mut randomness);
    let mut store = created.unwrap();
    let shared = store.make(ObjectId::ROOT, b"shared", &FILE, now()).unwrap().object;
    let change = Change { size: Some((RECORD * RECORDS) as u64), ..Change::default() };
    store.change(shared, &change, now()).unwrap();
    store.sync(now(), false).unwrap();
    let mut workers: Vec<Worker> = (0..THREADS).map(|number| Worker::new(number, seed)).collect();
    for round in 0..4 {
        medium.record();
        seal.record();
        let volume = Volume::new(store, None);
        thread::scope(|scope| {
            for worker in &mut workers {
                scope.spawn(|| worker.steps(&volume, shared));
            }
        });
        if round % 2 == 1 {
            volume.sync().unwrap();
            for worker in &mut workers {
                worker.sync(&volume);
            }
        }
        // The crash comes while the keeper and the threads that read ahead may still be at work.
        let crash = dice.number();
        let moment = medium.next_operation();
        drop(volume);
        (medium, seal) = crashed(&medium, &seal, moment, crash);
        let closed = Closed::look(media(&medium, &seal)).unwrap();
        let mut again = Dice(crash);
        store = closed.open(&Secret::KeyFile(&KEY), memory(), Some(&mut again)).unwrap();
        for worker in &mut workers {
            worker.find(&mut store, shared);
        }
        store.sync(now(), false).unwrap();
        assert_eq!(store.verify(&mut |_| true).unwrap().findings, []);
    }
}

#[test]
fn what_threads_synchronised_survives_and_what_they_read_is_what_they_wrote() {
    let soak: u64 = std::env::var("STORE_SOAK").map_or(1, |text| text.parse().expect("a number"));
    for seed in 0..3 * soak {
        stress(seed);
    }
}
