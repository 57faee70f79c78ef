//! Who has a store open for writing, as it says so itself. It is for people to read: what keeps a
//! second writer out is the lock, not this name.

use super::clock;
use super::record::Record;
use core::fmt;
use rustix::process::{Pid, test_kill_process};
use std::string::{String, ToString};

/// Who has a store open for writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The name of the program.
    pub program: String,
    /// The number of the process.
    pub process: u32,
    /// The machine it runs on.
    pub host: String,
    /// Since when: seconds since 1970.
    pub since: u64,
}

impl Holder {
    /// This process, now.
    pub(super) fn this() -> Self {
        let program = std::env::args_os().next().unwrap_or_default();
        let program = std::path::Path::new(&program).file_name().unwrap_or_default();
        Self {
            program: program.to_string_lossy().into_owned(),
            process: std::process::id(),
            host: host(),
            since: clock::now(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        Record::default()
            .with("program", self.program.as_bytes())
            .with("process", self.process.to_string().as_bytes())
            .with("host", self.host.as_bytes())
            .with("since", self.since.to_string().as_bytes())
            .to_text()
    }

    /// Nothing if it is no such text, as while it is being written.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let record = Record::parse(text).ok()?;
        Some(Self {
            program: record.text("program")?.into(),
            process: record.text("process")?.parse().ok()?,
            host: record.text("host")?.into(),
            since: record.text("since")?.parse().ok()?,
        })
    }

    /// Whether it is known to have ended.
    pub(super) fn ended(&self) -> bool {
        let process = i32::try_from(self.process).ok().and_then(Pid::from_raw);
        self.host == host()
            && process
                .is_none_or(|process| test_kill_process(process) == Err(rustix::io::Errno::SRCH))
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They come from a file: nothing in them may move a terminal's cursor.
        let (program, host) = (self.program.escape_debug(), self.host.escape_debug());
        let since = clock::readable(i64::try_from(self.since).unwrap_or(i64::MAX));
        write!(f, "{program} (process {} on {host}, since {since})", self.process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written_and_an_unfinished_one_not_at_all() {
        let this = Holder { program: "a \"b\"\u{1b}\n".into(), ..Holder::this() };
        let text = this.to_text();
        assert_eq!(Holder::parse(text.as_bytes()), Some(this.clone()));
        assert!(!this.ended());
        assert!(!this.to_string().contains(['\u{1b}', '\n']), "{this}");
        for cut in 0..text.len() - 1 {
            assert_eq!(Holder::parse(&text.as_bytes()[..cut]), None, "cut at {cut}");
        }
    }
}
