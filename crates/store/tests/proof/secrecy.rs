//! Nothing of what is in a store can be read from its media: not from what is there, and not from
//! anything that was ever written to them, whatever happened in between.

use crate::witness::Witness;
use crate::workload::make;
use crate::world::{memory, slot};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::keys::{Secret, unlock};
use store::medium::{Medium, Randomness};
use store::simulation::Dice;
use store::simulation::Simulation;
use store::{Change, Closed, Kind, Media, ObjectId, SetExtra, Store, Taken, Time, seal};

const PASSPHRASE: &[u8] = b"correct horse battery staple";
const TEXT: &[u8] = b"It was the best of times, it was the worst of times. ";
const VALUE: &[u8] = b"the value of an attribute";
const TARGET: &[u8] = b"../a/link/leads/there";
const SIZE: u64 = 0x1122_3344_5566_7788;
const SECONDS: i64 = 0x1213_1415_1617_1819;
const DEVICE: u64 = 0x2122_2324_2526_2728;
const OWNERS: [u32; 2] = [0xdead_beef, 0xfeed_face];

/// Randomness that keeps what it gave: keys are in it.
struct Drawn {
    dice: Dice,
    given: Vec<Vec<u8>>,
}

impl Randomness for Drawn {
    fn fill(&mut self, into: &mut [u8]) {
        self.dice.fill(into);
        self.given.push(into.to_vec());
    }
}

/// A store whose media are watched.
struct Watched {
    store: Witness,
    seal: Witness,
    drawn: Drawn,
    key_file: [u8; 32],
}

impl Watched {
    fn media(&self) -> Media {
        Media { store: Arc::new(self.store.clone()), seal: Arc::new(self.seal.clone()) }
    }

    fn open(&mut self) -> Store {
        let secret = Secret::KeyFile(&self.key_file);
        let closed = Closed::look(self.media()).unwrap();
        closed.open(&secret, memory(), Some(&mut self.drawn)).unwrap()
    }

    /// The power fails.
    fn crash(&mut self, seed: u64) {
        self.store = self.store.after(self.store.medium.crash(seed));
        self.seal = self.seal.after(self.seal.medium.crash(seed));
    }

    /// Another passphrase, then new keys for all that is written from now on.
    fn rekey(&mut self) {
        let secret = Secret::KeyFile(&self.key_file);
        let (mut keys, mut seal) = unlock(&self.store, &self.seal, &secret).unwrap();
        keys.add(&slot(Secret::Passphrase(PASSPHRASE)), &mut self.drawn).unwrap();
        let before = self.drawn.given.len();
        keys.rekey(&[secret, Secret::Passphrase(PASSPHRASE)], &mut self.drawn).unwrap();
        let master = keys.keyring().newest().unwrap().1;
        assert_eq!(self.drawn.given[before + 1], master, "the area key, then the master key");
        let seal_key = *keys.keyring().seal_key();
        seal.keys_intended = keys.next_serial().unwrap();
        seal.write(&self.seal, &seal_key).unwrap();
        self.seal.sync().unwrap();
        seal.keys_serial = keys.write(&self.store, &mut self.drawn).unwrap();
        self.store.sync().unwrap();
        seal.write(&self.seal, &seal_key).unwrap();
        self.seal.sync().unwrap();
    }
}

fn name(kind: &str, number: usize) -> Vec<u8> {
    format!("unmistakable {kind} name {number:04}").into_bytes()
}

/// Fills it with what is searched for; what was there before of the same names is replaced.
fn fill(store: &mut Store, round: usize, dice: &mut Dice) {
    let now = Time { seconds: SECONDS, nanoseconds: 987_654_321 };
    let owned = |kind| store::Make { user: OWNERS[0], group: OWNERS[1], ..make(kind) };
    let directory = name("directory", round);
    let parent =
        store.make(ObjectId::ROOT, &directory, &owned(Kind::Directory), now).unwrap().object;
    for number in 0..12 {
        let file = store.make(parent, &name("file", number), &owned(Kind::File), now).unwrap();
        // In the tree, in one page, in several; and the same in each, page by page.
        let length = [300, 1000, 4096, 20_000][number % 4];
        let text: Vec<u8> = TEXT.iter().copied().cycle().take(length).collect();
        store.write(file.object, 0, &text, now).unwrap();
        let extra = name("attribute", number);
        store.set_extra(file.object, &extra, VALUE, SetExtra::Any, now).unwrap();
    }
    let huge = store.make(parent, &name("huge", 0), &owned(Kind::File), now).unwrap().object;
    store.change(huge, &Change { size: Some(SIZE), ..Change::default() }, now).unwrap();
    store.make_link(parent, &name("link", 0), TARGET, OWNERS[0], OWNERS[1], now).unwrap();
    let device = store::Make { device: DEVICE, ..owned(Kind::Block) };
    store.make(parent, &name("device", 0), &device, now).unwrap();
    store.sync(now, false).unwrap();
    for number in 0..4 {
        let (old, new) = (name("file", number), name("new", number));
        store.rename(parent, &old, parent, &new, Taken::Replace, now).unwrap();
        store.unlink(parent, &name("file", 4 + number), now).unwrap();
        let file = store.lookup(parent, &new).unwrap().object;
        store.write(file, dice.below(9000) as u64, TEXT, now).unwrap();
    }
    store.sync(now, false).unwrap();
}

/// What is looked for: any eight bytes in a row of any of these.
struct Needles(HashMap<[u8; 8], String>);

impl Needles {
    fn add(&mut self, what: &str, bytes: &[u8]) {
        for window in bytes.windows(8) {
            self.0.insert(window.try_into().unwrap(), what.to_string());
        }
    }

    /// Which of them are there.
    fn find(&self, bytes: &[u8]) -> HashSet<&str> {
        let windows = bytes.windows(8);
        windows.filter_map(|window| self.0.get(window).map(String::as_str)).collect()
    }
}

fn needles(watched: &Watched) -> Needles {
    let mut needles = Needles(HashMap::new());
    needles.add("text", &[TEXT, TEXT].concat());
    needles.add("value", VALUE);
    needles.add("target", TARGET);
    for kind in ["directory", "file", "new", "huge", "link", "device", "attribute"] {
        needles.add("name", &name(kind, 1));
    }
    for (what, number) in
        [("size", SIZE), ("time", SECONDS as u64), ("device", DEVICE), ("pages", SIZE / 4096)]
    {
        needles.add(what, &number.to_le_bytes());
        needles.add(what, &number.to_be_bytes());
    }
    needles.add("owners", &OWNERS.map(u32::to_le_bytes).concat());
    needles.add("owners", &OWNERS.map(u32::to_be_bytes).concat());
    needles.add("passphrase", PASSPHRASE);
    needles.add("key file", &watched.key_file);
    needles
}

#[test]
fn nothing_that_was_ever_written_can_be_read() {
    let (store, seal) = (Simulation::new(), Simulation::new());
    let mut dice = Dice(77);
    let mut watched = Watched {
        store: Witness::over(store),
        seal: Witness::over(seal),
        drawn: Drawn { dice: Dice(5), given: Vec::new() },
        key_file: dice.bytes(32).try_into().unwrap(),
    };
    let key_file = watched.key_file;
    let first = slot(Secret::KeyFile(&key_file));
    let time = Time { seconds: SECONDS, nanoseconds: 1 };
    let made = Store::create(
        watched.media(),
        &first,
        memory(),
        (OWNERS[0], OWNERS[1]),
        time,
        &mut watched.drawn,
    );
    let mut store = made.unwrap();
    let identity = Closed::look(watched.media()).unwrap().identity();
    for round in 0..8 {
        fill(&mut store, round, &mut dice);
        match round % 4 {
            0 => store.finish(time, false).unwrap(),
            1 => {
                // In the middle of something.
                let parent = store.resolve(&name("directory", round)).unwrap().object;
                let file = store.lookup(parent, &name("file", 8)).unwrap().object;
                store.write(file, 0, &TEXT.repeat(500), time).unwrap();
                drop(store);
                watched.crash(round as u64);
                store = watched.open();
            }
            2 => {
                drop(store);
                watched.rekey();
                store = watched.open();
            }
            _ => {
                for number in 0..round {
                    empty(&mut store, &name("directory", number), time);
                }
                store.sync(time, false).unwrap();
            }
        }
    }
    store.finish(time, false).unwrap();

    let mut needles = needles(&watched);
    let keyring = store.keys().keyring();
    assert_eq!(keyring.generations(), 3);
    needles.add("seal key", keyring.seal_key());
    for generation in 0..3 {
        needles.add("master key", keyring.master(generation).unwrap());
    }
    // Identity, key of names, area key, seal key, master key.
    let given = &watched.drawn.given;
    assert_eq!((&given[0][..], &given[3][..]), (&identity.0[..], &keyring.seal_key()[..]));
    needles.add("key of names", &given[1]);
    needles.add("area key", &given[2]);

    // What is in clear is found, so the search is one.
    let mut clear = Needles(HashMap::new());
    clear.add("identity", &identity.0);
    for (watch, least) in [(&watched.store, 100), (&watched.seal, 20)] {
        let written = watch.written.lock().unwrap();
        assert!(written.len() > least, "{} writes", written.len());
        assert!(written.iter().any(|(_, bytes)| !clear.find(bytes).is_empty()));
        for (at, bytes) in written.iter() {
            let found = needles.find(bytes);
            assert!(found.is_empty(), "{found:?} can be read in what was written at {at}");
        }
        assert!(needles.find(&watch.medium.bytes()).is_empty());
    }
    no_block_comes_twice(&watched);
    newest_keys_are_used(&watched, keyring.seal_key());
}

/// The same text in many files, page after page, and no two blocks are alike.
fn no_block_comes_twice(watched: &Watched) {
    let mut blocks = HashSet::new();
    for (at, bytes) in watched.store.written.lock().unwrap().iter() {
        if *at < 32 * 4096 {
            continue;
        }
        for block in bytes.chunks(4096) {
            assert_eq!(block.len(), 4096);
            assert!(blocks.insert(block.to_vec()), "a block written at {at} came before");
        }
    }
    assert!(blocks.len() > 300, "{} blocks", blocks.len());
}

fn newest_keys_are_used(watched: &Watched, seal_key: &[u8; 32]) {
    let bytes = watched.seal.medium.bytes();
    let slots = bytes.as_chunks::<4096>().0;
    let seals = slots.iter().map(|slot| seal::decode(slot, seal_key).unwrap());
    let newest = seals.max_by_key(|seal| seal.serial).unwrap();
    assert_eq!(newest.current.session()[..2], [2, 0], "the generation of the last commit");
}

fn empty(store: &mut Store, path: &[u8], now: Time) {
    let Ok(directory) = store.resolve(path) else { return };
    let mut names = Vec::new();
    store
        .list(directory.object, 0, &mut |entry| {
            names.push(entry.name.clone());
            true
        })
        .unwrap();
    for name in names {
        store.unlink(directory.object, &name, now).unwrap();
    }
    store.remove_directory(ObjectId::ROOT, path, now).unwrap();
}
