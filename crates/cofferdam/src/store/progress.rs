//! A line on the terminal while long work goes on, and the wish to end it.
//!
//! It is shown only where somebody looks, only when the work takes longer than half a second, and
//! wiped when the work is done: what a program reads never has it. It has no colours, and never more
//! letters than the terminal has columns: a line that wraps could not be wiped.

use super::exit::{Exit, Refused};
use super::shown;
use crate::{Context, Failure, Stop};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Work that is shorter needs no line.
const SILENCE: Duration = Duration::from_millis(500);
/// How often the line changes.
const PAUSE: Duration = Duration::from_millis(100);

/// How far the work is.
pub(super) struct Progress {
    stop: Stop,
    /// What is being done.
    verb: &'static str,
    total: Option<u64>,
    done: u64,
    /// Files and directories, which may be empty, or go without being read.
    things: u64,
    began: Instant,
    next: Instant,
    visible: bool,
    shown: bool,
}

impl Progress {
    /// Work that begins now; `total` bytes of it, if that is known.
    pub(super) fn begin(verb: &'static str, total: Option<u64>, context: &Context) -> Self {
        let began = Instant::now();
        Self {
            stop: context.stop.clone(),
            verb,
            total,
            done: 0,
            things: 0,
            began,
            next: began + SILENCE,
            visible: can_redraw() && !context.json,
            shown: false,
        }
    }

    /// What the work gives goes to stdout: on a terminal that is what somebody looks at.
    pub(super) fn beside_stdout(mut self) -> Self {
        self.visible &= !std::io::stdout().is_terminal();
        self
    }

    /// What the work gives is read as it comes, and often on the same terminal, by `less`.
    pub(super) fn never_shown(mut self) -> Self {
        self.visible = false;
        self
    }

    /// More is done. Fails if somebody wants the work to end.
    pub(super) fn add(&mut self, bytes: u64) -> Result<(), Failure> {
        self.done += bytes;
        self.show()
    }

    /// The next of many files and directories is begun. Fails if somebody wants the work to end.
    pub(super) fn begin_next(&mut self) -> Result<(), Failure> {
        self.things += 1;
        self.show()
    }

    fn show(&mut self) -> Result<(), Failure> {
        self.check()?;
        if self.visible && Instant::now() >= self.next {
            self.next = Instant::now() + PAUSE;
            self.shown = true;
            let took = self.began.elapsed();
            let line = if self.done == 0 && self.things > 0 {
                line_of_things(self.verb, self.things, took)
            } else {
                line(self.verb, self.done, self.total, took)
            };
            let line = fitting(&line, columns());
            // Where nobody reads any more there is nothing to tell.
            let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
        }
        Ok(())
    }

    /// It became known how much it will be.
    pub(super) fn set_total(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// Fails if somebody wants the work to end.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.stop.is_wanted() {
            let text = format!("{}: interrupted; what was not finished is not there", self.verb);
            return Err(Refused::new(Exit::Interrupted, text).into());
        }
        Ok(())
    }

    /// Makes room for a line of its own on stderr.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Whether stderr is a terminal on which a line can be wiped.
fn can_redraw() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|kind| kind != "dumb")
}

/// How wide it is now; it may become another while the work goes on.
fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    // A serial line does not know.
    size.ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0).unwrap_or(80)
}

/// As much of it as fits in one line: whole parts, and of the first what there is room for. The last
/// column stays free, where some terminals wrap.
fn fitting(line: &str, columns: usize) -> &str {
    let room = columns.saturating_sub(1);
    let mut fits = line;
    while fits.len() > room {
        match fits.rsplit_once(", ") {
            Some((shorter, _)) => fits = shorter,
            None => return fits.get(..room).unwrap_or(""),
        }
    }
    fits
}

fn line(verb: &str, done: u64, total: Option<u64>, took: Duration) -> String {
    let rate = shown::size(a_second(done, took), true);
    let amount = shown::size(done, true);
    match total {
        Some(total) if total > 0 => {
            let percent = (u128::from(done) * 100 / u128::from(total)).min(100);
            let total = shown::size(total, true);
            format!("{verb}: {amount}B of {total}B, {percent} %, {rate}B/s")
        }
        _ => format!("{verb}: {amount}B, {rate}B/s"),
    }
}

fn line_of_things(verb: &str, done: u64, took: Duration) -> String {
    format!("{verb}: {done} done, {} a second", a_second(done, took))
}

fn a_second(done: u64, took: Duration) -> u64 {
    let rate = u128::from(done) * 1000 / took.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_gets_what_fits() {
        let line = "put: 512KB of 1.0MB, 50 %, 512KB/s";
        assert_eq!(fitting(line, 80), line);
        assert_eq!(fitting(line, 35), line);
        assert_eq!(fitting(line, 34), "put: 512KB of 1.0MB, 50 %");
        assert_eq!(fitting(line, 20), "put: 512KB of 1.0MB");
        assert_eq!(fitting(line, 10), "put: 512K");
        assert_eq!(fitting(line, 1), "");
        assert_eq!(fitting(line, 0), "");
    }

    #[test]
    fn the_line_says_bytes_rate_and_percent() {
        let second = Duration::from_secs(1);
        let text = line("put", 512 << 10, Some(1 << 20), second);
        assert_eq!(text, "put: 512KB of 1.0MB, 50 %, 512KB/s");
        assert_eq!(line("put", 3 << 20, None, 2 * second), "put: 3.0MB, 1.5MB/s");
        assert_eq!(line_of_things("rm", 900, 3 * second), "rm: 900 done, 300 a second");
        assert_eq!(line("put", 9, Some(3), Duration::ZERO), "put: 9B of 3B, 100 %, 8.8KB/s");
    }
}
