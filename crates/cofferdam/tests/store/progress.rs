//! Every long command shows on a terminal that it goes on, and elsewhere nothing.

use crate::terminal::{Terminal, shown};
use crate::world::{World, noise};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// For how long a command runs as on a machine that has hardly any time for it: longer than work may
/// be about which nothing is said.
const SLOW: Duration = Duration::from_secs(1);

/// Slows a command down at its beginning, and leaves it to itself then.
fn slow_down(child: &mut Child) {
    let began = Instant::now();
    let process = Pid::from_child(child);
    // As long as nobody has waited for it, the number is its own.
    while began.elapsed() < SLOW && child.try_wait().unwrap().is_none() {
        kill_process(process, Signal::STOP).unwrap();
        sleep(Duration::from_millis(30));
        kill_process(process, Signal::CONT).unwrap();
        sleep(Duration::from_millis(1));
    }
}

/// A world with a folder of one large file and many that are empty.
fn world() -> World {
    let world = World::new();
    fs::create_dir_all(world.at("f/many")).unwrap();
    let piece = noise(1 << 20);
    let mut large = File::create(world.at("f/large")).unwrap();
    for _ in 0..64 {
        large.write_all(&piece).unwrap();
    }
    for number in 0..5_000 {
        File::create(world.at("f/many").join(number.to_string())).unwrap();
    }
    world
}

/// The long commands, each with what the one before has left, and the line that it shows.
const COMMANDS: [(&[&str], &str); 9] = [
    (&["put", "-r", "s", "f", "docs"], "put: "),
    (&["verify", "s"], "verify: "),
    (&["get", "-r", "s", "docs", "out"], "get: "),
    (&["cp", "-r", "s", "docs", "copy"], "cp: "),
    (&["backup", "s", "saved"], "backup: "),
    (&["restore", "saved", "again"], "restore: "),
    (&["migrate", "s", "new"], "migrate: "),
    (&["rm", "-r", "s", "docs/many"], "rm: "),
    (&["rm", "-r", "s", "docs", "copy"], "rm: "),
];

#[test]
fn each_long_command_shows_on_a_terminal_how_far_it_is() {
    let world = world();
    for (arguments, line) in COMMANDS {
        let mut command = world.command(arguments);
        command.env("TERM", "xterm");
        let mut terminal = Terminal::over(80, command, None, Some(Stdio::null()));
        slow_down(&mut terminal.child.0);
        let (code, seen) = terminal.end();
        assert_eq!(code, Some(0), "{arguments:?}: {seen}");
        assert!(seen.contains(&format!("\r{line}")), "{arguments:?} shows {seen:?}");
        assert_eq!(shown(&seen).0, "", "{arguments:?} leaves something: {seen:?}");
        fs::remove_dir_all(world.at("out")).ok();
    }
}

#[test]
fn what_a_program_reads_has_no_progress_in_it() {
    let world = world();
    for (arguments, _) in COMMANDS {
        let mut command = world.command(arguments);
        command.env("TERM", "xterm").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = crate::world::Running(command.spawn().unwrap());
        slow_down(&mut child.0);
        let told = std::io::read_to_string(child.0.stderr.take().unwrap()).unwrap();
        assert_eq!((child.0.wait().unwrap().code(), &*told), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_terminal_shows_no_progress_beside_json() {
    let world = world();
    for (arguments, _) in COMMANDS {
        let mut command = world.command(arguments);
        command.arg("--json").env("TERM", "xterm");
        let mut terminal = Terminal::over(80, command, None, Some(Stdio::null()));
        slow_down(&mut terminal.child.0);
        assert_eq!(terminal.end(), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn what_is_read_on_the_terminal_has_no_progress_in_it() {
    let world = world();
    world.file("text", "one line of text\n".repeat(1 << 18).as_bytes());
    world.done(&["put", "s", "text", "text"]);
    world.done(&["put", "s", "f/large", "large"]);
    // `cat` shows none at all: it may be `less` that reads it, and shows it on the same terminal.
    let on = |arguments: &[&str], output| {
        let mut command = world.command(arguments);
        command.env("TERM", "xterm");
        let mut terminal = Terminal::over(80, command, None, output);
        slow_down(&mut terminal.child.0);
        terminal.end()
    };
    assert_eq!(on(&["cat", "s", "large"], Some(Stdio::null())), (Some(0), String::new()));
    let (code, seen) = on(&["get", "s", "large", "-"], Some(Stdio::null()));
    assert!(code == Some(0) && seen.contains("\rget: "), "{seen:?}");
    let (code, seen) = on(&["get", "s", "text", "-"], None);
    assert_eq!((code, seen.len()), (Some(0), 18 << 18), "its lines end with CR LF there");
    assert!(!seen.contains("get: "));
}
