//! What the workloads do, whoever's files they are.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use store::host::Volume;
use store::{Attributes, Kind, Make, ObjectId, Taken, Time};

/// One directory's files. Everything is named by the names in it.
pub(super) trait Files {
    /// An open file.
    type Open;
    fn make(&self, name: &str) -> Result<Self::Open, String>;
    fn open(&self, name: &str) -> Result<Self::Open, String>;
    fn read(&self, file: &Self::Open, at: u64, into: &mut [u8]) -> Result<(), String>;
    fn write(&self, file: &Self::Open, at: u64, from: &[u8]) -> Result<(), String>;
    fn sync(&self, file: &Self::Open) -> Result<(), String>;
    fn close(&self, file: Self::Open);
    fn stat(&self, name: &str) -> Result<u64, String>;
    fn list(&self) -> Result<usize, String>;
    fn rename(&self, from: &str, to: &str) -> Result<(), String>;
    fn remove(&self, name: &str) -> Result<(), String>;
    /// All that was written is safe.
    fn settle(&self) -> Result<(), String>;
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A directory of this machine, whatever is mounted there.
pub(super) struct Directory(pub(super) PathBuf);

impl Files for Directory {
    type Open = File;

    fn make(&self, name: &str) -> Result<File, String> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        options.open(self.0.join(name)).map_err(said)
    }

    fn open(&self, name: &str) -> Result<File, String> {
        File::options().read(true).write(true).open(self.0.join(name)).map_err(said)
    }

    fn read(&self, file: &File, at: u64, into: &mut [u8]) -> Result<(), String> {
        file.read_exact_at(into, at).map_err(said)
    }

    fn write(&self, file: &File, at: u64, from: &[u8]) -> Result<(), String> {
        file.write_all_at(from, at).map_err(said)
    }

    fn sync(&self, file: &File) -> Result<(), String> {
        file.sync_all().map_err(said)
    }

    fn close(&self, file: File) {
        drop(file);
    }

    fn stat(&self, name: &str) -> Result<u64, String> {
        std::fs::symlink_metadata(self.0.join(name)).map(|stat| stat.len()).map_err(said)
    }

    fn list(&self) -> Result<usize, String> {
        Ok(std::fs::read_dir(&self.0).map_err(said)?.count())
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), String> {
        std::fs::rename(self.0.join(from), self.0.join(to)).map_err(said)
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        std::fs::remove_file(self.0.join(name)).map_err(said)
    }

    fn settle(&self) -> Result<(), String> {
        settle(&self.0)
    }
}

/// What lies on the file system of a path is written out.
pub(super) fn settle(path: &Path) -> Result<(), String> {
    let directory = File::open(path).map_err(said)?;
    rustix::fs::syncfs(&directory).map_err(said)
}

/// A store, called as a library.
pub(super) struct Library(pub(super) Volume);

/// Times count up: what they are does not matter here, and reading the clock is not what is measured.
fn now() -> Time {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Time {
        seconds: (count / 1_000_000_000).cast_signed(),
        nanoseconds: (count % 1_000_000_000) as u32,
    }
}

impl Library {
    fn named(&self, name: &str) -> Result<Attributes, String> {
        self.0.lookup(ObjectId::ROOT, name.as_bytes()).map_err(said)
    }
}

impl Files for Library {
    type Open = ObjectId;

    fn make(&self, name: &str) -> Result<ObjectId, String> {
        if let Ok(there) = self.named(name) {
            let change = store::Change { size: Some(0), ..store::Change::default() };
            return self.0.change(there.object, &change, now()).map(|a| a.object).map_err(said);
        }
        let make = Make { kind: Kind::File, permissions: 0o644, user: 0, group: 0, device: 0 };
        let made = self.0.make(ObjectId::ROOT, name.as_bytes(), &make, now()).map_err(said)?;
        Ok(made.object)
    }

    fn open(&self, name: &str) -> Result<ObjectId, String> {
        let object = self.named(name)?.object;
        self.0.open(object).map_err(said)?;
        self.0.close_object(object).map_err(said)?;
        Ok(object)
    }

    fn read(&self, file: &ObjectId, at: u64, into: &mut [u8]) -> Result<(), String> {
        match self.0.read(*file, at, into) {
            Ok(read) if read == into.len() => Ok(()),
            Ok(read) => Err(format!("{read} bytes instead of {}", into.len())),
            Err(error) => Err(said(error)),
        }
    }

    fn write(&self, file: &ObjectId, at: u64, from: &[u8]) -> Result<(), String> {
        self.0.write(*file, at, from, now()).map_err(said)
    }

    fn sync(&self, _file: &ObjectId) -> Result<(), String> {
        self.0.sync().map_err(said)
    }

    fn close(&self, _file: ObjectId) {}

    fn stat(&self, name: &str) -> Result<u64, String> {
        self.named(name).map(|attributes| attributes.size)
    }

    fn list(&self) -> Result<usize, String> {
        let mut count = 0;
        let mut visit = |_: &store::Entry| {
            count += 1;
            true
        };
        self.0.list(ObjectId::ROOT, 0, &mut visit).map_err(said)?;
        Ok(count)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), String> {
        let root = ObjectId::ROOT;
        let (from, to) = (from.as_bytes(), to.as_bytes());
        self.0.rename(root, from, root, to, Taken::Replace, now()).map_err(said)
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        self.0.unlink(ObjectId::ROOT, name.as_bytes(), now()).map_err(said)
    }

    fn settle(&self) -> Result<(), String> {
        self.0.sync().map_err(said)
    }
}
