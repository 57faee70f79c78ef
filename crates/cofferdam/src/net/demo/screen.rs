//! What people see: a table while it runs, a summary behind.

use super::figures::Now;
use crossterm::cursor::{Hide, MoveUp, Show};
use crossterm::execute;
use crossterm::terminal::{Clear, ClearType};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// The table on a terminal; nothing where there is none.
pub(super) struct Screen {
    on: bool,
    /// Lines of the table that is there.
    lines: u16,
    /// Answers and seconds when it was last drawn.
    before: (u64, f64),
}

impl Screen {
    /// A screen that draws if it is `wanted` and stdout is a terminal.
    pub(super) fn on_terminal(wanted: bool) -> Self {
        let on = wanted && io::stdout().is_terminal();
        if on {
            let _ = execute!(io::stdout(), Hide);
        }
        Self { on, lines: 0, before: (0, 0.0) }
    }

    /// Draws the table over the last one.
    pub(super) fn draw(&mut self, now: &Now, length: Duration) {
        if !self.on {
            return;
        }
        let answers = now.hits + now.stored + now.missed;
        let (answers_before, seconds_before) = self.before;
        let span = (now.seconds - seconds_before).max(1e-9);
        let speed = (answers - answers_before) as f64 / span;
        self.before = (answers, now.seconds);
        let table = format!(
            "cofferdam net demo   {:.1} of {} s   (Ctrl-C ends it)\n\n{}",
            now.seconds,
            length.as_secs(),
            table(now, speed)
        );
        self.erase();
        // A terminal that went away is noticed by the signal that comes with it.
        let _ = io::stdout().write_all(table.as_bytes()).and_then(|()| io::stdout().flush());
        self.lines = table.lines().count() as u16;
    }

    /// Takes the table away; the summary takes its place.
    pub(super) fn leave(&mut self) {
        if self.on {
            self.erase();
            let _ = execute!(io::stdout(), Show);
        }
    }

    fn erase(&mut self) {
        if self.lines > 0 {
            let _ = execute!(io::stdout(), MoveUp(self.lines), Clear(ClearType::FromCursorDown));
            self.lines = 0;
        }
    }
}

/// What there is to say in the end.
pub(super) fn summary(now: &Now, json: bool) -> String {
    if json {
        return serde_json::to_string(now).unwrap_or_default() + "\n";
    }
    let heading = format!(
        "A client and a key-value server, each on a stack of its own, for {:.1} s:\n\n",
        now.seconds
    );
    let checked = now.hits + now.stored + now.missed + now.wrong;
    let ending = format!(
        "\nEvery byte of {} answers was checked: {} wrong, {} lost.\n",
        grouped(checked),
        grouped(now.wrong),
        grouped(now.lost)
    );
    heading + &table(now, now.requests_per_second) + &ending
}

fn table(now: &Now, speed: f64) -> String {
    let rows = [
        ("", "client".to_owned(), "server".to_owned()),
        ("address", super::CLIENT.to_string(), format!("{}:{}", super::SERVER, super::PORT)),
        ("requests", grouped(now.requests), grouped(now.server_received)),
        ("answers", grouped(now.hits + now.stored + now.missed), grouped(now.server_answered)),
        ("  found", grouped(now.hits), String::new()),
        ("  stored", grouped(now.stored), format!("{} entries", grouped(now.server_entries))),
        ("  not there", grouped(now.missed), String::new()),
        ("wrong", grouped(now.wrong), String::new()),
        ("lost", grouped(now.lost), format!("{} dropped", grouped(now.server_dropped))),
        ("requests/s", spread(&format!("{speed:.0}")), String::new()),
        ("half within", format!("{:.0} µs", now.median_microseconds), String::new()),
        ("99 % within", format!("{:.0} µs", now.p99_microseconds), String::new()),
    ];
    let mut text = String::new();
    for (name, client, server) in rows {
        let line = format!("{name:<12} {client:>16} {server:>24}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    spread(&number.to_string())
}

/// Digits with their thousands set apart.
fn spread(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
