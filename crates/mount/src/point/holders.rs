//! Who keeps a mount from being unmounted, as far as this user may see it.
//!
//! Only links and maps under `/proc` are read, never the mount itself.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A process that uses a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// Its name, as `ps` shows it.
    pub name: String,
}

/// How many are named: who has to end more than that will use other means.
const MOST: usize = 8;

pub(super) fn of(point: &Path) -> Vec<Holder> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let holding = |process: &u32| holds(&Path::new("/proc").join(process.to_string()), point);
    let mut found: Vec<u32> = processes.filter_map(number).filter(holding).take(MOST).collect();
    found.sort_unstable();
    found.into_iter().map(|process| Holder { process, name: name(process) }).collect()
}

fn name(process: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    // Whoever names a process must not be able to say something else by it.
    name.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn holds(process: &Path, point: &Path) -> bool {
    let within = |link: &Path| fs::read_link(link).is_ok_and(|target| target.starts_with(point));
    if ["cwd", "root", "exe"].iter().any(|link| within(&process.join(link))) {
        return true;
    }
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    descriptors.into_iter().any(|entry| within(&entry.path())) || maps(process, point)
}

/// Mapped files: the last word of a line of `maps`.
fn maps(process: &Path, point: &Path) -> bool {
    let Ok(maps) = fs::read(process.join("maps")) else { return false };
    maps.split(|byte| *byte == b'\n').any(|line| {
        let name = line.iter().position(|byte| *byte == b'/').and_then(|at| line.get(at..));
        name.is_some_and(|name| Path::new(std::ffi::OsStr::from_bytes(name)).starts_with(point))
    })
}
