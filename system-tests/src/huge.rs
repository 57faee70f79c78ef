//! Huge pages for as long as somebody tests or measures with them.

use crate::Setting;
use std::fs;
use std::path::PathBuf;

const FILES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const SIZE: usize = 2 << 20;

/// Huge pages that were set aside, or were there already; what was set aside is given back when
/// this is dropped, after everything that uses them, and also when this process is killed.
#[must_use = "the pages are given back when this is dropped"]
pub struct HugePages {
    /// Their number, if it was changed.
    _number: Option<Setting>,
}

impl HugePages {
    /// Sees that `bytes` of free huge pages of 2 MiB are there: sets some aside if there are too
    /// few and we are root.
    pub fn of(bytes: usize) -> Result<Self, String> {
        let wanted = bytes.div_ceil(SIZE);
        let (all, free) = (number("nr_hugepages")?, number("free_hugepages")?);
        if free >= wanted {
            return Ok(Self { _number: None });
        }
        let more = all + wanted - free;
        let advice = format!("set huge pages aside as root: sysctl vm.nr_hugepages={more}");
        let number_now = Setting::change(&file("nr_hugepages"), &more.to_string());
        let pages = Self {
            _number: Some(number_now.map_err(|error| {
                format!("{free} of {wanted} huge pages are free ({error}); {advice}")
            })?),
        };
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

fn file(name: &str) -> PathBuf {
    PathBuf::from(FILES).join(name)
}

fn number(name: &str) -> Result<usize, String> {
    let path = file(name);
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}; this kernel has no huge pages", path.display()))?;
    text.trim().parse().map_err(|_| format!("{} holds `{}`", path.display(), text.trim()))
}
