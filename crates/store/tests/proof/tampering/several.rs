//! A store in three segments, whose files are taken away, cut, exchanged and replaced by other things:
//! what lies in them is refused and named, and what lies in the others is read.

use super::look;
use crate::snapshot::{self, Snapshot};
use crate::world::{SECRET, create, memory};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::host::{Access, Device, Segments};
use store::simulation::{Dice, Hollow};
use store::{Change, Closed, Heap, Kind, Make, Media, Memory, ObjectId, Store, Time};

const GIB: u64 = 1 << 30;
const SEGMENTS: usize = 3;

/// A store of three segments, and a small one; removed at the end, however that comes.
struct Place {
    path: PathBuf,
    state: Snapshot,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn make(store: &mut Store, name: &str) -> ObjectId {
    let file = Make { kind: Kind::File, permissions: 0o600, user: 0, group: 0, device: 0 };
    store.make(ObjectId::ROOT, name.as_bytes(), &file, Time::default()).unwrap().object
}

/// Makes a store with one file in each of so many segments, and all records in the first.
fn fill(folder: &Path, segments: usize, seed: u64) -> Snapshot {
    let hollow = Arc::new(Hollow::over(Segments::create(&folder.join("store")).unwrap()));
    let seal = Device::create(&folder.join("seal"), store::seal::SEAL_BYTES).unwrap();
    let media = Media { store: hollow.clone(), seal: Arc::new(seal) };
    let mut dice = Dice(seed);
    drop(create(media.clone(), &mut dice).unwrap());
    let memory = Memory { frames: Box::new(Heap::new(4096)), nodes: 1024 };
    let mut store = Closed::look(media).unwrap().open(&SECRET, memory, Some(&mut dice)).unwrap();
    let now = Time::default();
    for number in 0..segments {
        let file = make(&mut store, &format!("in segment {number}"));
        store.write(file, 0, &dice.bytes(300_000), now).unwrap();
        store.sync(now, false).unwrap();
        if number + 1 < segments {
            let filler = make(&mut store, &format!("filler {number}"));
            fill_a_segment(&mut store, &hollow, filler);
        }
    }
    for number in 0..segments - 1 {
        store.unlink(ObjectId::ROOT, format!("filler {number}").as_bytes(), now).unwrap();
        store.sync(now, false).unwrap();
    }
    // Written once more, all records find room at the front.
    for number in 0..segments {
        let file = store.resolve(format!("in segment {number}").as_bytes()).unwrap().object;
        let change = Change { permissions: Some(0o640), ..Change::default() };
        store.change(file, &change, now).unwrap();
    }
    store.finish(now, false).unwrap();
    assert_eq!(fs::read_dir(folder.join("store")).unwrap().count(), segments);
    snapshot::of(&mut store)
}

/// Writes a GiB that nobody will read, and keeps nothing of it but where it lies.
fn fill_a_segment(store: &mut Store, hollow: &Hollow<Segments>, file: ObjectId) {
    let piece = vec![7; 1 << 20];
    for at in (0..GIB).step_by(piece.len()) {
        store.write(file, at, &piece, Time::default()).unwrap();
        while let Some(mut job) = store.take_job().unwrap() {
            hollow.throw_away(true);
            let done = job.run();
            hollow.throw_away(false);
            store.finish_job(job, done).unwrap();
        }
        store.tidy();
        if store.needs_commit() {
            store.sync(Time::default(), false).unwrap();
        }
    }
    store.sync(Time::default(), false).unwrap();
}

fn open_seal(folder: &Path, access: Access) -> Device {
    Device::open(&folder.join("seal"), access).unwrap()
}

impl Place {
    fn new() -> Self {
        let name = format!("cofferdam-several-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        let mut place = Self { path, state: Snapshot::new() };
        fs::create_dir(place.path.join("other")).unwrap();
        fill(&place.path.join("other"), 1, 2);
        place.state = fill(&place.path, SEGMENTS, 1);
        place
    }

    fn segment(&self, number: usize) -> PathBuf {
        self.path.join(format!("store/segment-{number:06}"))
    }

    fn of_another(&self) -> PathBuf {
        self.path.join("other/store/segment-000000")
    }

    /// The files that are refused, or why all of it is.
    fn refused(&self, about: &str) -> Result<Vec<String>, String> {
        let segments = Segments::open(&self.path.join("store"), Access::Read);
        let segments = segments.map_err(|error| error.to_string())?;
        let seal = Arc::new(open_seal(&self.path, Access::Read));
        let media = Media { store: Arc::new(segments), seal };
        let closed = Closed::look(media).map_err(|error| error.to_string())?;
        let mut store = closed.open(&SECRET, memory(), None).map_err(|error| error.to_string())?;
        let refused = look::through(&mut store, &self.state, about);
        let mut paths: Vec<String> = refused.into_keys().map(|(path, _)| path).collect();
        paths.dedup();
        Ok(paths)
    }

    /// Does something to the folder, looks, and undoes it: the segments themselves are set aside.
    fn with(&self, touched: &[usize], what: impl Fn(&Place)) -> Result<Vec<String>, String> {
        let aside = |number| self.path.join(format!("aside-{number}"));
        for number in touched {
            fs::rename(self.segment(*number), aside(*number)).unwrap();
        }
        what(self);
        let refused = self.refused(&format!("{touched:?}"));
        for number in touched {
            let there = self.segment(*number);
            let _ = fs::remove_file(&there).or_else(|_| fs::remove_dir(&there));
            fs::rename(aside(*number), there).unwrap();
        }
        refused
    }
}

#[test]
fn segments_of_a_store_that_has_several_are_refused_each_for_itself() {
    let place = Place::new();
    assert_eq!(place.refused("as it was made").unwrap(), Vec::<String>::new());
    let aside = |number: usize| place.path.join(format!("aside-{number}"));
    for number in 0..SEGMENTS {
        let expect = |what: &str, refused: Result<Vec<String>, String>| match (number, refused) {
            // The beginning is what leads to all.
            (0, Err(error)) => assert!(!error.is_empty(), "{what}"),
            (_, Ok(refused)) if number > 0 => {
                assert_eq!(refused, [format!("/in segment {number}")], "{what}");
            }
            (_, other) => panic!("segment {number} {what}: {other:?}"),
        };
        let there = place.segment(number);
        expect("is missing", place.with(&[number], |_| ()));
        expect("is empty", place.with(&[number], |_| fs::write(&there, []).unwrap()));
        expect("is a folder", place.with(&[number], |_| fs::create_dir(&there).unwrap()));
        expect("is a link", place.with(&[number], |_| symlink(aside(number), &there).unwrap()));
        expect(
            "is a pipe",
            place.with(&[number], |_| {
                let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, &there, kind, mode, 0).unwrap();
            }),
        );
        expect("is cut short", place.with(&[number], |_| fs::write(&there, [0; 8192]).unwrap()));
        expect(
            "is of another store",
            place.with(&[number], |place| fs::hard_link(place.of_another(), &there).unwrap()),
        );
        let doubled = (number + 1) % SEGMENTS;
        expect(
            "is another one",
            place.with(&[number], |place| fs::hard_link(place.segment(doubled), &there).unwrap()),
        );
        let length = fs::metadata(&there).unwrap().len();
        let mut file = OpenOptions::new().append(true).open(&there).unwrap();
        file.write_all(&[7; 5000]).unwrap();
        let longer = place.refused("is too long");
        file.set_len(length).unwrap();
        assert_eq!(longer.unwrap(), Vec::<String>::new(), "what follows belongs to nobody");
    }
    let swapped = place.with(&[1, 2], |place| {
        fs::hard_link(aside(1), place.segment(2)).unwrap();
        fs::hard_link(aside(2), place.segment(1)).unwrap();
    });
    assert_eq!(swapped.unwrap(), ["/in segment 1", "/in segment 2"]);
    let one_more = place.segment(3);
    fs::write(&one_more, [7; 5000]).unwrap();
    assert_eq!(place.refused("one more").unwrap(), Vec::<String>::new());
    fs::remove_file(one_more).unwrap();
    assert_eq!(place.refused("as it was made").unwrap(), Vec::<String>::new());
}
