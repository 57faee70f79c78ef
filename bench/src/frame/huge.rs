//! Huge pages for as long as somebody measures with them.

use std::fs;
use std::path::PathBuf;

const FILES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const SIZE: usize = 2 << 20;

/// Huge pages that were set aside, or were there already; what was set aside is given back when
/// this is dropped, after everything that uses them.
#[must_use = "the pages are given back when this is dropped"]
pub struct HugePages {
    /// How many there were before, if that was changed.
    before: Option<usize>,
}

impl HugePages {
    /// Sees that `bytes` of free huge pages of 2 MiB are there: sets some aside if there are too
    /// few and we are root.
    pub fn of(bytes: usize) -> Result<Self, String> {
        let wanted = bytes.div_ceil(SIZE);
        let (all, free) = (number("nr_hugepages")?, number("free_hugepages")?);
        if free >= wanted {
            return Ok(Self { before: None });
        }
        let more = all + wanted - free;
        let advice = format!("set huge pages aside as root: sysctl vm.nr_hugepages={more}");
        fs::write(file("nr_hugepages"), more.to_string()).map_err(|error| {
            format!("{free} of {wanted} huge pages are free ({error}); {advice}")
        })?;
        let pages = Self { before: Some(all) };
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
        if let Some(before) = self.before {
            // Nothing else would help: they stay set aside, and `sysctl` tells.
            let _ = fs::write(file("nr_hugepages"), before.to_string());
        }
    }
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
