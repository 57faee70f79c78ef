//! stress-ng: each of its stressors for file systems, with what it can check being checked.

use crate::folder::Folder;
use crate::program::ended;
use crate::reader::prove;
use crate::serving::Serving;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;

/// Those that say nothing about a mounted store, and why.
const OUT_OF_PLACE: [(&str, &str); 4] = [
    (
        "bind-mount",
        "it fills the kernel's table of mounts, and stress-ng itself calls it dangerous",
    ),
    ("binderfs", "it mounts a file system of its own"),
    ("eventfd", "what it opens lies in no file system"),
    ("procfs", "it reads /proc"),
];

/// Those that ask for what cannot be had, and why. They must say so: who can have it one day is to
/// be told by this test.
const NOT_TO_BE_HAD: [(&str, &str); 3] = [
    (
        "fiemap",
        "the kernel does not pass that question on to FUSE; where a store's blocks lie is secret",
    ),
    ("inode-flags", "a store keeps no `chattr` flags"),
    ("verity", "the kernel has none for FUSE; all of a store is verified anyway"),
];

/// Seconds that each is given, and that one is given for which that was too short: thousands of
/// attributes are set, for instance, before that counts as one thing.
const SHORT: u32 = 2;
const LONG: u32 = 15;

/// At work at once: some wait most of the time.
const WORKERS: usize = 3;

fn all() -> BTreeSet<String> {
    system_tests::tool("stress-ng", "stress-ng");
    let output = ended(Command::new("stress-ng").args(["--class", "filesystem?"]), 10);
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.split_once(':').expect("a list of names").1;
    names.split_whitespace().map(str::to_owned).collect()
}

/// Runs one for so many seconds, and for longer if it has not done anything then. Gives what it said
/// if something was wrong.
fn run(folder: &Folder, name: &str, seconds: u32) -> Result<(), String> {
    let mut command = Command::new("stress-ng");
    command.arg(format!("--{name}")).args(["1", "--verify", "--metrics-brief"]);
    command.args(["--timeout", &seconds.to_string()]);
    command.arg("--temp-path").arg(folder.mount()).current_dir(folder.mount());
    let output = ended(&command, 40);
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    let not_to_be_had = NOT_TO_BE_HAD.iter().any(|(other, _)| *other == name);
    let skipped = text.contains("skipping");
    // How much it did is said in a line of its own: its name, then a number.
    let did = text.lines().any(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word != name).skip(1);
        words.next().and_then(|word| word.parse::<u64>().ok()).is_some_and(|count| count > 0)
    });
    let right = if not_to_be_had { skipped || !did } else { !skipped && did };
    if right && output.status.success() {
        return Ok(());
    }
    if output.status.success() && !skipped && !did && seconds < LONG {
        return run(folder, name, LONG);
    }
    Err(format!("{name}: {}, skipped: {skipped}, did something: {did}\n{text}", output.status))
}

#[test]
fn every_stressor_for_file_systems_finds_nothing_wrong() {
    let folder = Folder::new();
    let serving = Serving::new(&folder);
    let mut left = all();
    for (name, why) in OUT_OF_PLACE {
        assert!(left.remove(name), "stress-ng knows no {name} any more ({why})");
    }
    assert!(left.len() > 40, "{left:?}");
    let (left, failed) = (Mutex::new(left), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(name) = left.lock().unwrap().pop_first() else { return };
                    if let Err(error) = run(&folder, &name, SHORT) {
                        failed.lock().unwrap().push(error);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    prove(serving, &folder).end();
}
