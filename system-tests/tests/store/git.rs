//! git: thousands of small files, renamed into place, mapped, linked and checked.

use crate::folder::Folder;
use crate::program::said;
use crate::reader::prove;
use crate::serving::Serving;
use std::fs;
use std::path::Path;
use std::process::Command;

const FOLDERS: u32 = 60;
const FILES: u32 = 50;

/// git in one of the folders of a mount, with nothing of this machine's configuration.
fn git(folder: &Folder, place: &Path, arguments: &[&str]) -> String {
    system_tests::tool("git", "git");
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]);
    command.args(["-c", "init.defaultBranch=main", "-c", "core.fsync=all", "-c", "gc.auto=0"]);
    command.args(arguments).current_dir(place);
    command.env("HOME", folder.path()).env("GIT_CONFIG_NOSYSTEM", "1");
    said(&mut command, 90)
}

fn write_tree(place: &Path, version: u32) {
    for folder in 0..FOLDERS {
        let within = place.join(format!("folder {folder}/deep"));
        fs::create_dir_all(&within).unwrap();
        for file in 0..FILES {
            // The second version changes some, removes some and adds some.
            let number = folder * FILES + file;
            let name = within.join(format!("file-{number}"));
            if version == 2 && number.is_multiple_of(7) {
                fs::remove_file(&name).unwrap();
                fs::write(within.join(format!("new-{number}")), format!("{number}\n")).unwrap();
            } else if version == 1 || number.is_multiple_of(3) {
                let line = format!("version {version} of {number}\n");
                fs::write(&name, line.repeat((number % 200) as usize)).unwrap();
            }
        }
    }
}

#[test]
fn what_git_committed_can_be_checked_cloned_and_checked_out() {
    let folder = Folder::new();
    let mut serving = Serving::new(&folder);
    let (first, second) = (folder.mount().join("first"), folder.mount().join("second"));
    fs::create_dir(&first).unwrap();
    git(&folder, &first, &["init", "--quiet"]);
    for version in [1, 2] {
        write_tree(&first, version);
        git(&folder, &first, &["add", "--all"]);
        git(&folder, &first, &["commit", "--quiet", "-m", &format!("version {version}")]);
        git(&folder, &first, &["tag", &format!("v{version}")]);
    }
    let (from, to) = (first.to_str().unwrap(), second.to_str().unwrap());
    // Twice: with links to the same files, and with copies of them.
    git(&folder, &folder.mount(), &["clone", "--quiet", from, to]);
    git(&folder, &folder.mount(), &["clone", "--quiet", "--no-hardlinks", from, "third"]);
    git(&folder, &first, &["gc", "--quiet", "--prune=now"]);
    serving = prove(serving, &folder);
    for place in [&first, &second, &folder.mount().join("third")] {
        git(&folder, place, &["fsck", "--full", "--strict"]);
        for version in ["v1", "v2", "v1"] {
            git(&folder, place, &["checkout", "--quiet", version]);
            assert_eq!(git(&folder, place, &["status", "--porcelain"]), "");
        }
        let tree = git(&folder, place, &["ls-files"]);
        assert_eq!(tree.lines().count(), (FOLDERS * FILES) as usize);
    }
    prove(serving, &folder).end();
}
