//! Where the files of a side are: brought up, made to forget what it remembers, taken down.

use super::files::{Directory, Library, settle};
use mount::{Console, Mounted, Options};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::host::{Device, Segments, SystemRandomness, Volume};
use store::keys::{NewSlot, Secret, Settings};
use store::{Media, Memory, Store, Time};
use system_tests::tool;

/// Pages and nodes that a store may keep: more than any workload here needs, as the kernel has more
/// than any workload here needs for the peers.
const FRAMES: usize = 131_072;
const NODES: usize = 16_384;
const KEY: [u8; 32] = [1; 32];

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A folder that is removed at the end.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("cofferdam-bench-{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(said)?;
        Ok(Self(path))
    }

    fn make(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.0.join(name);
        fs::create_dir(&path).map_err(said)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes the kernel forget what it has of files.
fn forget(path: &Path) -> Result<(), String> {
    settle(path)?;
    fs::write("/proc/sys/vm/drop_caches", "3")
        .map_err(|error| format!("only root can make the kernel forget ({error})"))
}

/// A place for files.
pub(super) trait Place {
    type Files: super::files::Files;
    fn files(&self) -> &Self::Files;
    /// Nothing is left in memory, ours or the kernel's.
    fn forget(&mut self) -> Result<(), String>;
}

/// The file system that the temporary folder is on.
pub(super) struct Plain {
    files: Directory,
    folder: Folder,
}

impl Plain {
    pub(super) fn new() -> Result<Self, String> {
        let folder = Folder::new()?;
        let kind = rustix::fs::statfs(&folder.0).map_err(said)?.f_type;
        if kind != 0xef53 {
            return Err("the temporary folder is not on ext4; set TMPDIR".into());
        }
        Ok(Self { files: Directory(folder.make("files")?), folder })
    }
}

impl Place for Plain {
    type Files = Directory;

    fn files(&self) -> &Directory {
        &self.files
    }

    fn forget(&mut self) -> Result<(), String> {
        forget(&self.folder.0)
    }
}

/// A store on disk, and what it takes to open it.
struct OnDisk(Folder);

impl OnDisk {
    fn new() -> Result<(Self, Volume), String> {
        let folder = Folder::new()?;
        let media = Media {
            store: Arc::new(Segments::create(&folder.0.join("store")).map_err(said)?),
            seal: Arc::new(Device::create(&folder.0.join("seal"), 8192).map_err(said)?),
        };
        let first = NewSlot {
            secret: Secret::KeyFile(&KEY),
            label: "bench",
            settings: Settings::INTERACTIVE,
            made: 0,
        };
        let mut randomness = SystemRandomness::new().map_err(said)?;
        let made =
            Store::create(media, &first, memory()?, (0, 0), Time::default(), &mut randomness);
        Ok((Self(folder), Volume::new(made.map_err(said)?, None)))
    }

    /// The kernel forgets, and the store's own cache, as it stands for the kernel's.
    fn forget(&self, volume: &Volume) -> Result<(), String> {
        volume.sync().map_err(said)?;
        forget(&self.0.0)?;
        volume.forget().map_err(said)
    }
}

fn memory() -> Result<Memory, String> {
    Ok(Memory { frames: store::host::frames(FRAMES).map_err(said)?, nodes: NODES })
}

/// A store, called as a library.
pub(super) struct Called {
    files: Library,
    disk: OnDisk,
}

impl Called {
    pub(super) fn new() -> Result<Self, String> {
        let (disk, volume) = OnDisk::new()?;
        Ok(Self { files: Library(volume), disk })
    }
}

impl Place for Called {
    type Files = Library;

    fn files(&self) -> &Library {
        &self.files
    }

    fn forget(&mut self) -> Result<(), String> {
        self.disk.forget(&self.files.0)
    }
}

struct Silent;

impl Console for Silent {
    fn tell(&self, line: &str) {
        eprintln!("{line}");
    }
}

/// A store, mounted.
pub(super) struct Mount {
    _mounted: Mounted<Volume>,
    volume: Volume,
    files: Directory,
    disk: OnDisk,
}

impl Mount {
    pub(super) fn new() -> Result<Self, String> {
        tool("fusermount3", "fuse3");
        let (disk, volume) = OnDisk::new()?;
        let point = disk.0.make("mount")?;
        let mounted = mounted(&volume, &point)?;
        Ok(Self { _mounted: mounted, volume, files: Directory(point), disk })
    }
}

fn mounted(volume: &Volume, point: &Path) -> Result<Mounted<Volume>, String> {
    Mounted::new(Arc::new(volume.clone()), point, &Options::default(), Arc::new(Silent))
        .map_err(said)
}

impl Place for Mount {
    type Files = Directory;

    fn files(&self) -> &Directory {
        &self.files
    }

    fn forget(&mut self) -> Result<(), String> {
        self.disk.forget(&self.volume)
    }
}

/// The peer, mounted.
pub(super) struct Gocryptfs {
    server: Option<Child>,
    files: Directory,
    folder: Folder,
}

impl Gocryptfs {
    pub(super) fn new() -> Result<Self, String> {
        tool("gocryptfs", "gocryptfs");
        tool("fusermount3", "fuse3");
        let folder = Folder::new()?;
        let (cipher, point) = (folder.make("cipher")?, folder.make("mount")?);
        fs::write(folder.0.join("password"), "bench\n").map_err(said)?;
        let init = Command::new("gocryptfs")
            .args(["-init", "-q", "-scryptn", "10", "-passfile"])
            .arg(folder.0.join("password"))
            .arg(&cipher)
            .status()
            .map_err(said)?;
        if !init.success() {
            return Err("gocryptfs -init failed".into());
        }
        let mut this = Self { server: None, files: Directory(point), folder };
        this.mount()?;
        Ok(this)
    }

    fn mount(&mut self) -> Result<(), String> {
        let server = Command::new("gocryptfs")
            .args(["-q", "-fg", "-nosyslog", "-passfile"])
            .arg(self.folder.0.join("password"))
            .arg(self.folder.0.join("cipher"))
            .arg(&self.files.0)
            .stdin(Stdio::null())
            .spawn()
            .map_err(said)?;
        self.server = Some(server);
        let device = |path: &Path| {
            fs::symlink_metadata(path).map(|stat| std::os::unix::fs::MetadataExt::dev(&stat))
        };
        let outside = device(&self.folder.0).map_err(said)?;
        let begin = Instant::now();
        while device(&self.files.0).map_err(said)? == outside {
            if begin.elapsed() > Duration::from_secs(10) {
                return Err("gocryptfs did not mount within 10 s".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), String> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        let done = Command::new("fusermount3").arg("-u").arg(&self.files.0).status();
        if !done.is_ok_and(|status| status.success()) {
            let _ = Command::new("fusermount3").arg("-uz").arg(&self.files.0).status();
        }
        server.wait().map_err(said)?;
        Ok(())
    }
}

impl Drop for Gocryptfs {
    fn drop(&mut self) {
        let _ = self.unmount();
    }
}

impl Place for Gocryptfs {
    type Files = Directory;

    fn files(&self) -> &Directory {
        &self.files
    }

    fn forget(&mut self) -> Result<(), String> {
        forget(&self.folder.0)
    }
}
