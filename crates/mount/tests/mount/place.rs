//! A mount of its own for each test, gone with it however it ends.

use crate::Watched;
use mount::{Console, Mounted, Options};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use store::Attributes;

#[derive(Default)]
pub(crate) struct Lines(pub(crate) Mutex<Vec<String>>);

impl Console for Lines {
    fn tell(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A directory that is removed with what is in it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam mount-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // An empty directory only: were something still mounted, its files would be removed.
        let removed = fs::remove_dir(&self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "something is left: {removed:?}");
    }
}

pub(crate) struct Place {
    // Dropped in this order: the mount, then its directory.
    pub(crate) mounted: Mounted<Watched>,
    folder: Folder,
    options: Options,
    pub(crate) files: Arc<Watched>,
    pub(crate) console: Arc<Lines>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(&Options { name: "store".to_owned(), others: true, ..Options::default() })
    }

    pub(crate) fn with(options: &Options) -> Self {
        Self::of(Watched::new(), options)
    }

    /// One with a store that has room for so many bytes.
    pub(crate) fn with_room(bytes: u64) -> Self {
        Self::of(Watched::with_room(bytes), &Options::default())
    }

    fn of(files: Watched, options: &Options) -> Self {
        system_tests::tool("fusermount3", "fuse3");
        let folder = Folder::new();
        let (files, console) = (Arc::new(files), Arc::new(Lines::default()));
        let mounted = Mounted::new(files.clone(), &folder.0, options, console.clone())
            .unwrap_or_else(|error| panic!("{error}"));
        Self { mounted, folder, options: options.clone(), files, console }
    }

    /// Mounts the same store anew, so that neither the kernel nor the store remembers anything of it.
    pub(crate) fn again(&mut self) {
        self.mounted.unmount().unwrap_or_else(|error| panic!("{error}"));
        self.files.reopen();
        let (files, console) = (self.files.clone(), self.console.clone());
        self.mounted = Mounted::new(files, &self.folder.0, &self.options, console)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// What is stored about something in the root, whatever the kernel believes.
    pub(crate) fn stored(&self, name: &str) -> Attributes {
        self.files.stored(name.as_bytes())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.folder.0
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// Runs a Python program in the mount, which must end well.
    #[track_caller]
    pub(crate) fn python(&self, program: &str) -> String {
        system_tests::tool("python3", "python3");
        said(Command::new("python3").args(["-c", program]).current_dir(self.root()).output())
    }
}

/// What a program printed, which must have ended well.
#[track_caller]
pub(crate) fn said(output: std::io::Result<Output>) -> String {
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {errors}{printed}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
