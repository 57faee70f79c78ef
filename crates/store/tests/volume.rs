//! A store that threads share, on a medium in memory.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use store::host::{SystemRandomness, Volume};
use store::keys::{NewSlot, Secret, Settings};
use store::simulation::Simulation;
use store::{Closed, Error, Heap, Kind, Make, Media, Memory, ObjectId, Store, Time};

const KEY: [u8; 32] = [7; 32];
const FILE: Make = Make { kind: Kind::File, permissions: 0o644, user: 0, group: 0, device: 0 };

fn memory() -> Memory {
    Memory { frames: Box::new(Heap::new(1024)), nodes: 256 }
}

fn media(medium: &Arc<Simulation>, seal: &Arc<Simulation>) -> Media {
    Media { store: medium.clone(), seal: seal.clone() }
}

fn create(medium: &Arc<Simulation>, seal: &Arc<Simulation>) -> Store {
    let first = NewSlot {
        secret: Secret::KeyFile(&KEY),
        label: "test",
        settings: Settings::INTERACTIVE,
        made: 0,
    };
    let mut randomness = SystemRandomness::new().unwrap();
    let time = Time::default();
    Store::create(media(medium, seal), &first, memory(), (0, 0), time, &mut randomness).unwrap()
}

#[test]
fn who_drops_it_unclosed_leaves_nothing_that_goes_on_writing() {
    let (medium, seal) = (Arc::new(Simulation::new()), Arc::new(Simulation::new()));
    let volume = Volume::new(create(&medium, &seal), None);
    volume.make(ObjectId::ROOT, b"safe", &FILE, Time::default()).unwrap();
    volume.sync().unwrap();
    volume.make(ObjectId::ROOT, b"not safe", &FILE, Time::default()).unwrap();
    // The keeper has confirmed the one, and sleeps until the other is to be committed.
    sleep(Duration::from_millis(300));
    let writes = medium.counts().writes;
    drop(volume);
    let deadline = Instant::now() + Duration::from_secs(2);
    while Arc::strong_count(&medium) > 1 || Arc::strong_count(&seal) > 1 {
        assert!(Instant::now() < deadline, "somebody still has it");
        sleep(Duration::from_millis(1));
    }
    assert_eq!(medium.counts().writes, writes);
    let closed = Closed::look(media(&medium, &seal)).unwrap();
    let mut store = closed.open(&Secret::KeyFile(&KEY), memory(), None).unwrap();
    assert!(store.lookup(ObjectId::ROOT, b"safe").is_ok());
    assert_eq!(store.lookup(ObjectId::ROOT, b"not safe").unwrap_err(), Error::NotFound);
}

#[test]
fn what_is_listed_can_be_opened_whichever_block_is_damaged() {
    let (medium, seal) = (Arc::new(Simulation::new()), Arc::new(Simulation::new()));
    let mut store = create(&medium, &seal);
    for number in 0..400 {
        let name = format!("{number} {}", "long ".repeat(30));
        store.make(ObjectId::ROOT, name.as_bytes(), &FILE, Time::default()).unwrap();
    }
    store.finish(Time::default(), false).unwrap();
    drop(store);
    let bytes = medium.bytes();
    let mut damaged = 0;
    for at in (32 * 4096 + 100..bytes.len()).step_by(4096) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let changed = Arc::new(Simulation::holding(changed));
        let closed = Closed::look(media(&changed, &seal)).unwrap();
        let Ok(mut store) = closed.open(&Secret::KeyFile(&KEY), memory(), None) else { continue };
        let mut objects = Vec::new();
        let listed = store.list(ObjectId::ROOT, 0, &mut |entry| {
            objects.push(entry.object);
            true
        });
        if listed.is_err() {
            continue;
        }
        assert_eq!(objects.len(), 400);
        for object in objects {
            assert_eq!(store.open(object), Ok(()));
            if let Err(error) = store.attributes(object) {
                assert!(matches!(error, Error::Damaged(_)), "{error}");
                damaged += 1;
            }
        }
    }
    assert!(damaged > 0, "no block held nothing but inodes");
    let closed = Closed::look(media(&medium, &seal)).unwrap();
    let mut store = closed.open(&Secret::KeyFile(&KEY), memory(), None).unwrap();
    assert_eq!(store.open(ObjectId(5000)), Err(Error::Stale));
}
