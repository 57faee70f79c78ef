//! Huge pages for as long as somebody tests or measures with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const FILES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const SIZE: usize = 2 << 20;

/// Sets the number back when there is nothing more to read, whoever asks it to end before.
const SET_BACK: &str = r#"trap '' HUP INT TERM; read -r end; echo "$1" > "$2""#;

/// Huge pages that were set aside, or were there already; what was set aside is given back when
/// this is dropped, after everything that uses them, and also when this process is killed.
#[must_use = "the pages are given back when this is dropped"]
pub struct HugePages {
    /// Who sets their number back when its input ends, if it was changed.
    keeper: Option<Child>,
}

impl HugePages {
    /// Sees that `bytes` of free huge pages of 2 MiB are there: sets some aside if there are too
    /// few and we are root.
    pub fn of(bytes: usize) -> Result<Self, String> {
        let wanted = bytes.div_ceil(SIZE);
        let (all, free) = (number("nr_hugepages")?, number("free_hugepages")?);
        if free >= wanted {
            return Ok(Self { keeper: None });
        }
        let more = all + wanted - free;
        let advice = format!("set huge pages aside as root: sysctl vm.nr_hugepages={more}");
        let name = file("nr_hugepages");
        let keeper = keep(all, &name).map_err(|error| format!("sh does not start: {error}"))?;
        let pages = Self { keeper: Some(keeper) };
        fs::write(name, more.to_string()).map_err(|error| {
            format!("{free} of {wanted} huge pages are free ({error}); {advice}")
        })?;
        let free = number("free_hugepages")?;
        if free < wanted {
            return Err(format!(
                "only {free} of {wanted} huge pages could be set aside: memory is in pieces; \
                 try again after a restart"
            ));
        }
        Ok(pages)
    }
}

impl Drop for HugePages {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            drop(keeper.stdin.take());
            // Nothing else would help: they stay set aside, and `sysctl` tells.
            let _ = keeper.wait();
        }
    }
}

fn keep(number: usize, name: &Path) -> std::io::Result<Child> {
    let mut keeper = Command::new("sh");
    keeper.args(["-c", SET_BACK, "sh", &number.to_string()]).arg(name);
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(FILES).join(name)
}

fn number(name: &str) -> Result<usize, String> {
    let path = file(name);
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}; this kernel has no huge pages", path.display()))?;
    text.trim().parse().map_err(|_| format!("{} holds `{}`", path.display(), text.trim()))
}
