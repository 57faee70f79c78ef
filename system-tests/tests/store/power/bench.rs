//! Where it happens: a folder with the disk, the file system on it, and the disks that were cut.
//!
//! All of it lies in memory. Whatever is mounted here goes away when this is dropped, and also when
//! this process is killed: a shell waits for that.

use super::disk::{Log, NAME};
use crate::program::{ended, said};
use fuser::BackgroundSession;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Takes away what is still there when there is nothing more to read.
const UNDO: &str = r#"trap '' HUP INT TERM; read -r end
for name in cut system disk; do mountpoint -q "$1/$name" && umount -l "$1/$name"; done
umount -l "$1"; rmdir "$1""#;

/// How long a file system that somebody still uses for a moment is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A kind of file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) make: &'static [&'static str],
    /// How it is mounted.
    pub(super) options: &'static str,
    /// The package that has the program which makes one.
    pub(super) package: &'static str,
    pub(super) megabytes: usize,
    /// Where its superblock is.
    pub(super) superblock: usize,
    /// Whether one flush of it is known to make a store and its seal safe.
    pub(super) shares: bool,
}

pub(super) struct Bench {
    path: PathBuf,
    undo: Child,
}

impl Bench {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        for (name, package) in
            [("mount", "mount"), ("losetup", "mount"), ("mountpoint", "util-linux")]
        {
            system_tests::tool(name, package);
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam-power-{}-{number}", std::process::id());
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        fs::create_dir(&path).unwrap();
        let mut undo = Command::new("sh");
        undo.args(["-c", UNDO, "sh"]).arg(&path);
        undo.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let bench = Self { path, undo: undo.spawn().unwrap() };
        said(Command::new("mount").args(["-t", "tmpfs", "power"]).arg(&bench.path), 20);
        for name in ["cut", "system", "disk"] {
            fs::create_dir(bench.at(name)).unwrap();
        }
        bench
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What a new file system of that kind looks like on a disk.
    pub(super) fn make(&self, kind: Kind) -> Vec<u8> {
        let [program, arguments @ ..] = kind.make else { panic!("nothing makes {}", kind.name) };
        system_tests::tool(program, kind.package);
        let path = self.at("new");
        fs::File::create_new(&path).unwrap().set_len((kind.megabytes as u64) << 20).unwrap();
        said(Command::new(program).args(arguments).arg(&path), 60);
        let contents = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        contents
    }

    /// The same disk, recorded and mounted.
    pub(super) fn mount(&self, log: &Log, kind: Kind) -> Mounted<'_> {
        let served = log.serve(&self.at("disk"));
        let mut attach = Command::new("losetup");
        attach.args(["--find", "--show", "--direct-io=on"]).arg(self.at("disk").join(NAME));
        let device = said(&mut attach, 20).trim().to_owned();
        let mounted = mount(kind, Path::new(&device), &self.at("system"));
        // From now on it goes when it is unmounted; or now, if it could not be mounted.
        said(Command::new("losetup").args(["--detach", &device]), 20);
        mounted.unwrap();
        let name = Path::new(&device).file_name().unwrap_or_default();
        let attached = Path::new("/sys/block").join(name).join("loop");
        Mounted { path: self.at("system"), served: Some((served, attached)), _bench: self }
    }

    /// A disk that was cut, mounted; or why that cannot be.
    pub(super) fn mount_image(&self, image: &Path, kind: Kind) -> io::Result<Mounted<'_>> {
        mount(kind, image, &self.at("cut"))?;
        Ok(Mounted { path: self.at("cut"), served: None, _bench: self })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(self.undo.stdin.take());
        let ended = self.undo.wait();
        assert!(std::thread::panicking() || !self.path.exists(), "something is left: {ended:?}");
    }
}

fn mount(kind: Kind, what: &Path, at: &Path) -> io::Result<()> {
    if kind.name == "btrfs" {
        // It remembers disks by their names, and all of ours have one name.
        ended(Command::new("btrfs").args(["device", "scan", "--forget"]), 20);
    }
    let mut command = Command::new("mount");
    let over = if what.is_file() { ",loop" } else { "" };
    command.args(["-t", kind.name, "-o", &format!("{}{over}", kind.options)]);
    let output = ended(command.arg(what).arg(at), 60);
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// A file system that is mounted.
pub(super) struct Mounted<'a> {
    pub(super) path: PathBuf,
    /// Who serves its disk, which ends after it, and what is there as long as the disk is used.
    served: Option<(BackgroundSession, PathBuf)>,
    _bench: &'a Bench,
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = ended(Command::new("umount").arg(&self.path), 20);
            if output.status.success() {
                break;
            }
            if Instant::now() > deadline {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(std::thread::panicking(), "{} stays mounted: {why}", self.path.display());
                break;
            }
            sleep(Duration::from_millis(5));
        }
        if let Some((served, attached)) = self.served.take() {
            // The kernel lets go of it some time after it was unmounted.
            while attached.exists() && Instant::now() < deadline {
                sleep(Duration::from_millis(5));
            }
            let ended = served.umount_and_join();
            assert!(std::thread::panicking() || ended.is_ok(), "the disk: {ended:?}");
        }
    }
}
