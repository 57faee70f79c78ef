//! Readers that outlive writers: what somebody reads stays as it is, though one writer frees it and
//! the next one is looking for room. And what `du` is told of what was not written yet.

use std::sync::Arc;
use store::keys::{NewSlot, Secret, Settings};
use store::simulation::{Dice, Simulation};
use store::{Closed, Heap, Kind, Make, Media, Memory, ObjectId, Store, Time};

const SECRET: Secret<'static> = Secret::KeyFile(&[9; 32]);
const NOW: Time = Time { seconds: 0, nanoseconds: 0 };

fn memory() -> Memory {
    Memory { frames: Box::new(Heap::new(400)), nodes: 200 }
}

fn created() -> (Store, Media) {
    let medium = Simulation::new();
    let seal = Arc::new(medium.beside());
    let media = Media { store: Arc::new(medium), seal };
    let first = NewSlot { secret: SECRET, label: "", settings: Settings::INTERACTIVE, made: 0 };
    let store = Store::create(media.clone(), &first, memory(), (0, 0), NOW, &mut Dice(1)).unwrap();
    (store, media)
}

fn reader(media: &Media) -> Store {
    Closed::look(media.clone()).unwrap().open(&SECRET, memory(), None).unwrap()
}

fn writer(media: &Media, dice: u64) -> Store {
    let closed = Closed::look(media.clone()).unwrap();
    closed.open(&SECRET, memory(), Some(&mut Dice(dice))).unwrap()
}

fn file(store: &mut Store, name: &[u8]) -> ObjectId {
    let make = Make { kind: Kind::File, permissions: 0o600, user: 0, group: 0, device: 0 };
    store.make(ObjectId::ROOT, name, &make, NOW).unwrap().object
}

/// Writes all files anew, each with other bytes; somebody reads meanwhile if `held`.
fn write_all(store: &mut Store, files: &[ObjectId], byte: u8, held: bool) {
    for &object in files {
        store.write(object, 0, &vec![byte; 200_000], NOW).unwrap();
        store.sync(NOW, held).unwrap();
    }
    store.finish(NOW, held).unwrap();
}

/// How the next writer is told what the one before kept.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Exactly,
    NotAtAll,
    /// It does not ask, which is the mistake that must be seen.
    Wrongly,
}

/// Three writers, one after the other, under the eyes of one reader. Gives what that finds damaged,
/// and how large the store became.
fn read_under(told: Told) -> (usize, u64) {
    let (mut store, media) = created();
    let files: Vec<_> = (0..5_u8).map(|number| file(&mut store, &[b'a' + number])).collect();
    write_all(&mut store, &files, 0, false);
    assert_eq!(store.kept_for_readers(10), Some(Vec::new()));
    drop(store);
    let mut reading = reader(&media);
    let mut kept = Some(Vec::new());
    for round in 1..4 {
        let mut store = writer(&media, round);
        if told != Told::Wrongly {
            store.keep_for_readers(kept.as_deref());
        }
        write_all(&mut store, &files, round as u8, true);
        assert_eq!(store.kept_for_readers(0), None, "more than so many");
        kept = store.kept_for_readers(1000).filter(|_| told == Told::Exactly);
        assert!(told == Told::NotAtAll || kept.is_some() == (told == Told::Exactly));
    }
    let size = media.store.size();
    let damaged = reading.verify(&mut |_| true).unwrap().findings.len();
    if damaged == 0 {
        let mut bytes = vec![1; 200_000];
        for &object in &files {
            assert_eq!(reading.read(object, 0, &mut bytes), Ok(200_000));
            assert!(bytes.iter().all(|&byte| byte == 0));
        }
        // Nobody reads any more: one commit, and the room is there again.
        let mut store = writer(&media, 9);
        store.keep_for_readers(kept.as_deref());
        write_all(&mut store, &files[..1], 9, false);
        assert_eq!(store.kept_for_readers(0), Some(Vec::new()));
        for round in 10..20 {
            write_all(&mut store, &files, round, false);
        }
        assert!(media.store.size() <= size, "it has room enough");
        assert_eq!(reader(&media).verify(&mut |_| true).unwrap().findings, []);
    }
    (damaged, size)
}

#[test]
fn what_a_reader_has_outlives_writers() {
    let (damaged, exactly) = read_under(Told::Exactly);
    assert_eq!(damaged, 0);
    let (damaged, coarsely) = read_under(Told::NotAtAll);
    assert_eq!(damaged, 0);
    assert!(exactly <= coarsely, "{exactly} and {coarsely} bytes");
    assert!(read_under(Told::Wrongly).0 > 0, "else this test sees nothing");
}

#[test]
fn runs_that_cannot_be_are_as_good_as_none() {
    let (mut store, media) = created();
    let object = file(&mut store, b"f");
    write_all(&mut store, &[object], 1, false);
    drop(store);
    for wrong in [(0, 1), (40, u64::MAX), (u64::MAX, 2), (1 << 40, 1)] {
        let mut store = writer(&media, 3);
        store.keep_for_readers(Some(&[wrong]));
        assert_eq!(store.kept_for_readers(1000), None, "{wrong:?}");
    }
}

#[test]
fn what_waits_to_be_written_is_counted() {
    let (mut store, _) = created();
    let (object, small) = (file(&mut store, b"f"), file(&mut store, b"small"));
    let counted = |store: &mut Store, object| {
        let found = store.attributes(object).unwrap();
        (found.blocks, found.waiting)
    };
    store.write(small, 0, b"few", NOW).unwrap();
    store.write(object, 0, &vec![1; 10 * 4096], NOW).unwrap();
    assert_eq!(counted(&mut store, object), (0, 10));
    assert_eq!(counted(&mut store, small), (0, 0), "it will have no block");
    store.sync(NOW, false).unwrap();
    assert_eq!(counted(&mut store, object), (10, 0));
    // Written over, it holds no more than before; behind a hole, only what was written.
    store.write(object, 0, &[2; 4096], NOW).unwrap();
    assert_eq!(counted(&mut store, object), (10, 0));
    store.sync(NOW, false).unwrap();
    store.write(object, 100 * 4096, &[3; 4097], NOW).unwrap();
    assert_eq!(counted(&mut store, object), (10, 2));
}
