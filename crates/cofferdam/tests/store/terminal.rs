//! What a person at a terminal sees: a pseudo-terminal, with the test at its keys.

use crate::world::{Running, World, noise};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use system_tests::eventually;

/// Cheap ones: what they cost is not the question here.
const CHEAP: [&str; 4] = ["--argon2-memory", "64K", "--argon2-passes", "1"];

/// A terminal, and a command that runs at it.
pub(crate) struct Terminal {
    keyboard: File,
    /// The command's side, which lives on when the command has ended.
    line: File,
    seen: Arc<Mutex<String>>,
    pub(crate) child: Running,
}

impl Terminal {
    /// One of which it becomes the terminal, as in a session of its own.
    fn running(world: &World, arguments: &[&str]) -> Self {
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(env!("CARGO_BIN_EXE_cofferdam")).arg("store");
        command.args(arguments).current_dir(&world.0).env("COFFERDAM_TRUSTED", "trusted");
        Self::at(80, command, false)
    }

    /// One that writes to it, and reads from it or from a pipe.
    fn at(columns: u16, command: Command, pipe: bool) -> Self {
        Self::over(columns, command, pipe.then(Stdio::piped), None)
    }

    /// One that has it where nothing else is given.
    pub(crate) fn over(
        columns: u16,
        mut command: Command,
        input: Option<Stdio>,
        output: Option<Stdio>,
    ) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = File::from(openpt(flags).unwrap());
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let line = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).unwrap();
        let side = || Stdio::from(line.try_clone().unwrap());
        command
            .stdin(input.unwrap_or_else(side))
            .stdout(output.unwrap_or_else(side))
            .stderr(side());
        let child = Running(command.spawn().unwrap());
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut reader, all) = (keyboard.try_clone().unwrap(), seen.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                all.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { keyboard, line, seen, child }
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Types something when that is the last thing to be seen, and nothing is shown.
    fn answer(&mut self, question: &str, keys: &str) {
        eventually(question, || {
            let modes = tcgetattr(&self.line).unwrap().local_modes;
            self.seen().ends_with(question) && !modes.contains(LocalModes::ECHO)
        });
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// The exit code, and all that was to be seen; the terminal is as it was.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.0.wait().unwrap().code();
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        let usual = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        assert!(modes.contains(usual), "the terminal is as it was: {modes:?}");
        self.line.write_all(b"<end>").unwrap();
        eventually("all is to be seen", || self.seen().ends_with("<end>"));
        let seen = self.seen();
        (code, seen.trim_end_matches("<end>").to_owned())
    }
}

#[test]
fn a_passphrase_is_asked_for_twice_when_it_is_new_and_never_shown() {
    let world = World::new();
    let init = [&["init", "t", "--passphrase"], &CHEAP[..]].concat();
    let mut terminal = Terminal::running(&world, &init);
    terminal.answer("New passphrase: ", "correct horse\r");
    terminal.answer("The same again: ", "correct house\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(10), "{seen}");
    assert!(seen.contains("not the same") && !seen.contains("hor"), "{seen}");
    assert!(!world.at("t").exists(), "nothing was made");
    let mut terminal = Terminal::running(&world, &init);
    terminal.answer("New passphrase: ", "correct horse\r");
    terminal.answer("The same again: ", "correct horse\r");
    let (code, seen) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("store    ") && !seen.contains("horse"), "{seen}");
    // To open it, it is asked for once, without being told to.
    for (typed, expected) in [("correct horse\r", 0), ("correct house\r", 10), ("\r", 10)] {
        let mut terminal = Terminal::running(&world, &["ls", "t"]);
        terminal.answer("Passphrase of t: ", typed);
        let (code, seen) = terminal.end();
        assert_eq!(code, Some(expected), "{typed}: {seen}");
        assert!(!seen.contains("correct"), "{seen}");
    }
}

#[test]
fn ctrl_c_at_the_question_ends_it_and_nothing_is_made() {
    let world = World::new();
    let init = [&["init", "t", "--passphrase"], &CHEAP[..]].concat();
    for second in [false, true] {
        let mut terminal = Terminal::running(&world, &init);
        if second {
            terminal.answer("New passphrase: ", "word\r");
            terminal.answer("The same again: ", "wo\x03");
        } else {
            terminal.answer("New passphrase: ", "wo\x03");
        }
        let (code, seen) = terminal.end();
        assert_eq!(code, Some(130), "{seen}");
        assert!(!world.at("t").exists());
    }
    let left = std::fs::read_dir(world.at("trusted")).unwrap().flatten();
    assert!(
        left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().contains("new-"))
    );
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let world = World::new();
    for arguments in [&["ls", "s", "--passphrase"][..], &["init", "t", "--passphrase"]] {
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(env!("CARGO_BIN_EXE_cofferdam")).arg("store").args(arguments);
        command.current_dir(&world.0).env("COFFERDAM_TRUSTED", "trusted").stdin(Stdio::null());
        let output = command.output().unwrap();
        let words = ["there is no terminal", "--passphrase-fd"];
        crate::world::refused(&output, 10, &words, arguments);
        assert!(!world.at("t").exists());
    }
}

/// What a terminal of that width shows in the end, and the longest line that it ever showed.
pub(crate) fn shown(seen: &str) -> (String, usize) {
    let (mut lines, mut longest) = (vec![String::new()], 0);
    for line in seen.split_inclusive(['\r', '\n']) {
        let text = line.trim_end_matches(['\r', '\n']);
        let last = lines.last_mut().unwrap();
        if let Some(rest) = text.strip_suffix("\x1b[K") {
            rest.clone_into(last);
        } else if !text.is_empty() {
            text.clone_into(last);
        }
        longest = longest.max(last.len());
        if line.ends_with('\n') {
            lines.push(String::new());
        }
    }
    (lines.concat(), longest)
}

#[test]
fn long_work_shows_one_line_that_fits_and_is_wiped() {
    let world = World::new();
    for (columns, kind) in [(80, "xterm"), (24, "xterm"), (80, "dumb")] {
        let name = format!("file{columns}{kind}");
        let mut command = world.command(&["put", "s", "-", &name]);
        command.env("TERM", kind).env("NO_COLOR", "1");
        let mut terminal = Terminal::at(columns, command, true);
        // Longer than work may be about which nothing is said.
        let mut input = terminal.child.0.stdin.take().unwrap();
        for _ in 0..50 {
            input.write_all(&noise(1 << 17)).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        drop(input);
        let (code, seen) = terminal.end();
        assert_eq!(code, Some(0), "{seen}");
        let (left, longest) = shown(&seen);
        assert_eq!(left, "", "{seen:?}");
        assert!(longest < usize::from(columns), "{longest} letters: {seen:?}");
        assert!(!seen.contains("\x1b[3") && !seen.contains('\n'), "no colours, one line: {seen:?}");
        let lines = seen.matches("\rput: ").count();
        assert!(if kind == "dumb" { seen.is_empty() } else { lines >= 2 }, "{seen:?}");
    }
    // What a program reads has none of it.
    let mut command = world.command(&["put", "s", "-", "piped"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    for _ in 0..10 {
        child.stdin.as_mut().unwrap().write_all(&noise(1 << 17)).unwrap();
        thread::sleep(Duration::from_millis(80));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}
