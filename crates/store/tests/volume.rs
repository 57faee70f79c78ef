//! A store that threads share, on a medium in memory.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};
use store::host::{SystemRandomness, Volume};
use store::keys::{NewSlot, Secret, Settings};
use store::simulation::Simulation;
use store::{Change, Closed, Error, Kind, Make, Media, Memory, ObjectId, Seek, Store, Time};

const KEY: [u8; 32] = [7; 32];
const FILE: Make = Make { kind: Kind::File, permissions: 0o644, user: 0, group: 0, device: 0 };

fn memory() -> Memory {
    Memory { frames: store::host::frames(1024).unwrap(), nodes: 256 }
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

#[test]
fn what_is_being_written_is_no_hole() {
    let (medium, seal) = (Arc::new(Simulation::new()), Arc::new(Simulation::new()));
    let mut store = create(&medium, &seal);
    let file = store.make(ObjectId::ROOT, b"f", &FILE, Time::default()).unwrap().object;
    store.write(file, 8 << 12, &[7; 3 << 12], Time::default()).unwrap();
    let seen = |store: &mut Store| {
        let mut found = |what, from| store.seek(file, what, from);
        [found(Seek::Data, 0), found(Seek::Hole, 8 << 12), found(Seek::Hole, 0)]
    };
    let expected = [Ok(8 << 12), Ok(11 << 12), Ok(0)];
    assert_eq!(seen(&mut store), expected, "only in memory");
    let mut job = store.take_job().unwrap().unwrap();
    assert_eq!(seen(&mut store), expected, "on its way");
    assert_eq!(store.attributes(file).unwrap().waiting, 3);
    store.write(file, 9 << 12, &[8; 1 << 12], Time::default()).unwrap();
    assert_eq!(seen(&mut store), expected, "on its way, and changed");
    assert_eq!(store.attributes(file).unwrap().waiting, 3);
    let done = job.run();
    store.finish_job(job, done).unwrap();
    assert_eq!(seen(&mut store), expected, "written");
    store.sync(Time::default(), false).unwrap();
    assert_eq!(seen(&mut store), expected, "safe");
}

#[test]
fn pages_that_are_copied_become_nobody_elses() {
    const LENGTH: usize = 100 << 12;
    let (medium, seal) = (Arc::new(Simulation::new()), Arc::new(Simulation::new()));
    let mut store = create(&medium, &seal);
    let file = store.make(ObjectId::ROOT, b"f", &FILE, Time::default()).unwrap().object;
    store.write(file, 0, &vec![7; LENGTH], Time::default()).unwrap();
    let mut into = vec![9; LENGTH];
    let reading = store.begin_read_of_file(file, 0, &mut into).unwrap();
    assert_eq!(reading.length, LENGTH);
    assert!(reading.fetches.is_empty() && !reading.lent.is_empty());
    let cut = Change { size: Some(5 << 12), ..Change::default() };
    store.change(file, &cut, Time::default()).unwrap();
    // More than there are frames.
    let other = store.make(ObjectId::ROOT, b"other", &FILE, Time::default()).unwrap().object;
    for page in 0..2000 {
        store.write(other, page << 12, &[8; 1 << 12], Time::default()).unwrap();
        if page % 100 == 0 {
            store.sync(Time::default(), false).unwrap();
        }
    }
    reading.lent.copy(&mut into);
    assert!(into[..5 << 12].iter().all(|byte| *byte == 7));
    assert!(into[5 << 12..].iter().all(|byte| *byte == 0), "cut off");
    store.copied(&reading.lent);
    let grown = Change { size: Some(LENGTH as u64), ..Change::default() };
    store.change(file, &grown, Time::default()).unwrap();
    assert_eq!(store.read(file, 0, &mut into).unwrap(), LENGTH);
    assert!(into[5 << 12..].iter().all(|byte| *byte == 0), "and back as zeros");
}

#[test]
fn what_will_be_synchronised_is_written_out_before_that_is_asked_for() {
    let (medium, seal) = (Arc::new(Simulation::new()), Arc::new(Simulation::new()));
    let volume = Volume::new(create(&medium, &seal), None);
    let file = volume.make(ObjectId::ROOT, b"log", &FILE, Time::default()).unwrap().object;
    let dirty = || volume.with(|store| Ok(store.dirty_pages())).unwrap();
    let write = |page: u64| {
        volume.write(file, page * 4096, &[page as u8; 4096], Time::default()).unwrap();
        volume.get_ahead().unwrap();
    };
    // Two pages, and always the same two: nobody knows yet that they will be synchronised.
    for _ in 0..3 {
        write(1);
        write(2);
        assert_eq!(dirty(), 2);
        volume.sync().unwrap();
    }
    for _ in 0..10 {
        write(1);
        write(2);
        volume.sync().unwrap();
    }
    write(1);
    assert_eq!(dirty(), 1, "there will be one more");
    write(2);
    assert_eq!(dirty(), 0);
    // Whoever does not synchronise then has lost nothing by it, and gained nothing.
    write(3);
    assert_eq!(dirty(), 1);
    volume.sync().unwrap();
    let mut page = [0; 4096];
    for number in 1..4 {
        volume.read(file, number * 4096, &mut page).unwrap();
        assert_eq!(page, [number as u8; 4096]);
    }
    volume.close().unwrap();
}
