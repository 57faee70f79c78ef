//! One writer, and readers that it knows of, in processes that end however they like.

use crate::folder::Folder;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use store::host::{Device, Error, Hold, Writer};
use system_tests::eventually;

/// Names the seal to the test that is started as another process.
const SEAL: &str = "COFFERDAM_TEST_SEAL";

/// What it is to take.
const ROLE: &str = "COFFERDAM_TEST_ROLE";

fn seal(folder: &Folder) -> PathBuf {
    let path = folder.join("store.seal");
    drop(Device::create(&path, 8192).unwrap());
    path
}

/// Another process that has the lock or a mark until it is killed.
struct Other(Child);

impl Other {
    fn taking(role: &str, seal: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "locks::another_process_takes_what_it_is_told", "--nocapture"]);
        command.env(SEAL, seal).env(ROLE, role).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let other = Self(child);
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with("taken")), "it never said that it has it");
        other
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // SIGKILL.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn another_process_takes_what_it_is_told() {
    let Some(path) = std::env::var_os(SEAL).map(PathBuf::from) else {
        // Alone, it is a test that a lock comes back when it is dropped.
        let folder = Folder::new();
        let path = seal(&folder);
        drop(Writer::take(&path).unwrap());
        drop(Writer::take(&path).unwrap());
        return;
    };
    // Killed, it leaves behind what it made: so it makes nothing.
    let _taken: Box<dyn std::any::Any> = if std::env::var(ROLE).unwrap() == "writer" {
        Box::new(Writer::take(&path).unwrap())
    } else {
        Box::new(Hold::take(&path).unwrap())
    };
    println!("\ntaken");
    // Until it is killed, or whoever started it has ended.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let folder = Folder::new();
    let path = seal(&folder);
    let other = Other::taking("writer", &path);
    let Err(refused) = Writer::take(&path) else { panic!("two have it") };
    let Error::Held { holder: Some(holder), .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(holder.process, other.0.id());
    let program = std::env::current_exe().unwrap();
    assert_eq!(holder.program, program.file_name().unwrap().to_str().unwrap());
    let said = refused.to_string();
    assert!(said.contains(&format!("(process {} on ", holder.process)), "{said}");
    assert!(said.ends_with("; end that first, or open the store for reading only"), "{said}");
    // Killed, and at once nobody has it.
    drop(other);
    let writer = Writer::take(&path).unwrap();
    let Err(Error::Held { holder: Some(holder), .. }) = Writer::take(&path) else {
        panic!("two in one process have it")
    };
    assert_eq!(holder.process, std::process::id());
    drop(writer);
    assert_eq!(fs::read(folder.join("store.seal.lock")).unwrap(), b"");
    Writer::take(&path).unwrap();
}

#[test]
fn other_names_of_a_seal_lead_to_the_same_lock() {
    let folder = Folder::new();
    let path = seal(&folder);
    std::os::unix::fs::symlink(&path, folder.join("link")).unwrap();
    fs::hard_link(&path, folder.join("second")).unwrap();
    let writer = Writer::take(&folder.join("link")).unwrap();
    for name in ["store.seal", "link", "second"] {
        let refused = Writer::take(&folder.join(name));
        assert!(matches!(refused, Err(Error::Held { .. })), "{name}: {refused:?}");
    }
    let hold = Hold::take(&folder.join("link")).unwrap();
    assert!(writer.holds().unwrap().any());
    drop(hold);
}

#[test]
fn the_writer_knows_of_readers_until_they_are_killed() {
    let folder = Folder::new();
    let path = seal(&folder);
    let writer = Writer::take(&path).unwrap();
    let holds = writer.holds().unwrap();
    assert!(!holds.any());
    let first = Other::taking("reader", &path);
    let second = Hold::take(&path).unwrap();
    assert!(holds.any());
    drop(second);
    assert!(holds.any(), "one is left");
    drop(first);
    eventually("the mark vanishes with its process", || !holds.any());
    // A reader that was there first, and one without any writer, are known as well.
    drop((writer, holds));
    let early = Hold::take(&path).unwrap();
    let writer = Writer::take(&path).unwrap();
    assert!(writer.holds().unwrap().any());
    drop(early);
    assert!(!writer.holds().unwrap().any());
}

#[test]
fn readers_get_their_mark_while_the_writer_asks_all_the_time() {
    let folder = Folder::new();
    let path = seal(&folder);
    let writer = Writer::take(&path).unwrap();
    let holds = writer.holds().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..200 {
                let _hold = Hold::take(&path).unwrap();
                assert!(holds.any());
            }
        });
        while !reader.is_finished() {
            holds.any();
        }
    });
    assert!(!holds.any());
}

#[test]
fn asking_for_marks_costs_about_a_microsecond() {
    const TIMES: u32 = 20_000;
    let folder = Folder::new();
    let path = seal(&folder);
    let holds = Writer::take(&path).unwrap().holds().unwrap();
    // The best of some rounds: others run on this machine, too.
    let best = (0..5).map(|_| {
        let begin = Instant::now();
        (0..TIMES).for_each(|_| assert!(!holds.any()));
        begin.elapsed() / TIMES
    });
    let best = best.min().unwrap();
    println!("asking costs {best:?}");
    assert!(best < Duration::from_micros(10), "{best:?}");
}

#[test]
fn the_lock_file_may_be_read_by_those_who_may_read_the_seal() {
    let folder = Folder::new();
    let path = seal(&folder);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    drop(Writer::take(&path).unwrap());
    let mode = fs::metadata(folder.join("store.seal.lock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn what_is_no_seal_is_not_locked() {
    let folder = Folder::new();
    assert!(matches!(Writer::take(&folder.join("")), Err(Error::WrongKind { .. })));
    let Err(error) = Writer::take(&folder.join("none")) else { panic!("locked") };
    assert!(error.to_string().contains("check the path"), "{error}");
    // A link in the place of the lock file leads nowhere.
    let path = seal(&folder);
    std::os::unix::fs::symlink(folder.join("victim"), folder.join("store.seal.lock")).unwrap();
    assert!(Writer::take(&path).is_err() && Hold::take(&path).is_err());
    assert!(!folder.join("victim").exists());
}
