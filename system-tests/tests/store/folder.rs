//! Where one test's store, its seal, its key and its mount are; all gone with it, however it ends.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

/// The store's key, which is everybody's.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// A folder with `store`, `seal`, `key`, `mount` and whatever else a test puts there.
pub(crate) struct Folder {
    path: PathBuf,
    /// Whether it is to be removed.
    ours: bool,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        fs::create_dir(&path).unwrap();
        let folder = Self { path, ours: true };
        // Others look into the mount, too.
        fs::set_permissions(&folder.path, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.mount()).unwrap();
        fs::write(folder.key(), KEY).unwrap();
        folder
    }

    /// One that another process made, and removes.
    pub(crate) fn of_another(path: &Path) -> Self {
        Self { path: path.to_owned(), ours: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.at("store")
    }

    pub(crate) fn seal(&self) -> PathBuf {
        self.at("seal")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.at("key")
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.at("mount")
    }

    pub(crate) fn is_mounted(&self) -> bool {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        table.contains(&format!(" {} ", self.mount().display()))
    }

    /// Takes a mount away that nobody answers for.
    pub(crate) fn unmount_dead(&self) {
        system_tests::tool("fusermount3", "fuse3");
        let done = Command::new("fusermount3").arg("-uz").arg(self.mount()).status().unwrap();
        assert!(done.success() && !self.is_mounted(), "{} stays mounted", self.mount().display());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.ours {
            return;
        }
        if self.is_mounted() {
            self.unmount_dead();
        }
        // Fails if something is still mounted there: its files are not ours to remove.
        let removed = fs::remove_dir(self.mount()).and_then(|()| fs::remove_dir_all(&self.path));
        assert!(std::thread::panicking() || removed.is_ok(), "something is left: {removed:?}");
    }
}
