//! A store that is open and mounted.

use crate::folder::{Folder, KEY};
use mount::{Console, Mounted, Options};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use store::host::{Access, Device, Segments, SystemRandomness, Volume, Writer};
use store::keys::{NewSlot, Secret, Settings};
use store::{Closed, Media, Memory, Store, Time};

/// As many as a mount ever has by itself.
const THREADS: usize = 16;
/// A seal has two blocks.
const SEAL: u64 = 8192;

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Console for Lines {
    fn tell(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// An open store, and its mount.
pub(crate) struct Serving {
    // Dropped in this order.
    mounted: Mounted<Volume>,
    volume: Volume,
    console: Arc<Lines>,
    /// The right to write, to be given back last.
    _writer: Writer,
}

/// Less than most suites use, so that pages and nodes are written out and read again.
fn memory() -> Memory {
    Memory { frames: store::host::frames(4096).unwrap(), nodes: 1024 }
}

impl Serving {
    /// A new store, with a root directory that others may enter.
    pub(crate) fn new(folder: &Folder) -> Self {
        let segments = Segments::create(&folder.store()).unwrap();
        let seal = Device::create(&folder.seal(), SEAL).unwrap();
        let writer = Writer::take(&folder.seal()).unwrap();
        let first = NewSlot {
            secret: Secret::KeyFile(&KEY),
            label: "test",
            settings: Settings::INTERACTIVE,
            made: 0,
        };
        let mut randomness = SystemRandomness::new().unwrap();
        let media = Media { store: Arc::new(segments), seal: Arc::new(seal) };
        let time = Time::default();
        let store = Store::create(media, &first, memory(), (0, 0), time, &mut randomness);
        let serving = Self::over(store.unwrap(), writer, folder);
        fs::set_permissions(folder.mount(), Permissions::from_mode(0o755)).unwrap();
        serving
    }

    /// The store that is there.
    pub(crate) fn open(folder: &Folder) -> Self {
        let writer = Writer::take(&folder.seal()).unwrap();
        let segments = Segments::open(&folder.store(), Access::Write).unwrap();
        let seal = Device::open(&folder.seal(), Access::Write).unwrap();
        let media = Media { store: Arc::new(segments), seal: Arc::new(seal) };
        let closed = Closed::look(media).unwrap_or_else(|error| panic!("{error}"));
        let mut randomness = SystemRandomness::new().unwrap();
        let opened = closed.open(&Secret::KeyFile(&KEY), memory(), Some(&mut randomness));
        Self::over(opened.unwrap_or_else(|error| panic!("{error}")), writer, folder)
    }

    fn over(mut store: Store, mut writer: Writer, folder: &Folder) -> Self {
        system_tests::tool("fusermount3", "fuse3");
        let holds = writer.opened(&mut store).unwrap();
        let volume = Volume::new(store, Some(holds));
        let console = Arc::new(Lines::default());
        let name = folder.store().display().to_string();
        // As on a machine with many processors.
        let options = Options { name, threads: THREADS, others: true, ..Options::default() };
        let files = Arc::new(volume.clone());
        let mounted = Mounted::new(files, &folder.mount(), &options, console.clone());
        let mounted = mounted.unwrap_or_else(|error| panic!("{error}"));
        Self { mounted, volume, console, _writer: writer }
    }

    /// Unmounts and closes it, which must go well, and nothing must have gone wrong before.
    pub(crate) fn end(mut self) {
        self.mounted.unmount().unwrap_or_else(|error| panic!("{error}"));
        self.volume.close().unwrap_or_else(|error| panic!("{error}"));
        let told = self.console.0.lock().unwrap();
        assert!(told.is_empty(), "{told:?}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // A test that failed says why by itself.
        let _ = self.volume.close();
    }
}
