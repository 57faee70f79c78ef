//! `SQLite`, with a log and with a journal, from two processes: what it said is in the database stays
//! there, whoever is killed.

use crate::folder::Folder;
use crate::program::said;
use crate::reader::{prove, read, same};
use crate::served::{Served, serve_if_asked};
use crate::serving::Serving;
use crate::shown::shown;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Adds rows of some size, each in a transaction of its own, and says so when that is done.
/// `extra` is what makes the end of a transaction safe also with a journal, whose removal it is. It
/// rests for a moment in between: who waits for a journal only looks now and then whether it is free,
/// and could find it taken for many seconds.
const WRITER: &str = "
import sqlite3, sys, time
base = sqlite3.connect('data.db', timeout=20, isolation_level=None)
base.execute('PRAGMA synchronous=extra')
who, number = int(sys.argv[1]), int(sys.argv[2])
while True:
    base.execute('BEGIN IMMEDIATE')
    for part in range(3):
        base.execute('INSERT INTO t VALUES(?, ?, ?, ?)', (who, number, part, bytes(number % 3000)))
    base.execute('COMMIT')
    print(number, flush=True)
    number += 1
    time.sleep(0.002)
";

/// One process that adds rows.
struct Writer {
    child: Child,
    done: Receiver<u64>,
    last: Option<u64>,
}

impl Writer {
    fn start(place: &Path, who: u64, from: u64) -> Self {
        let mut child = Command::new("/usr/bin/python3")
            .args(["-Ic", WRITER, &who.to_string(), &from.to_string()])
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, done) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = tell.send(line.parse().unwrap());
            }
        });
        Self { child, done, last: from.checked_sub(1) }
    }

    /// Waits until it has added so many transactions, or some time has gone by.
    fn add(&mut self, transactions: u64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        for _ in 0..transactions {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.done.recv_timeout(left) {
                Ok(number) => self.last = Some(number),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => panic!("it ended on its own"),
            }
        }
        assert!(self.last.is_some(), "nothing was added");
    }

    /// Kills it; gives the number of the last transaction that it said is safe.
    fn kill(mut self) -> u64 {
        let _ = self.child.kill();
        self.child.wait().unwrap();
        while let Ok(number) = self.done.recv() {
            self.last = Some(number);
        }
        self.last.unwrap()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sqlite(place: &Path, statements: &str) -> String {
    system_tests::tool("sqlite3", "sqlite3");
    let mut command = Command::new("sqlite3");
    command.args(["-bail", "-cmd", ".timeout 20000", "data.db", statements]).current_dir(place);
    said(&mut command, 30)
}

fn make(place: &Path, mode: &str) {
    let said = sqlite(
        place,
        &format!(
            "PRAGMA journal_mode={mode}; CREATE TABLE t(who, number, part, bytes); \
             CREATE INDEX i ON t(who, number);"
        ),
    );
    assert_eq!(said, format!("{mode}\n"));
}

/// That the database is whole, that each transaction is there as a whole or not at all, and that
/// all those are there that were said to be. Gives the number of the next one.
fn check(place: &Path, said: [u64; 2]) -> u64 {
    assert_eq!(sqlite(place, "PRAGMA integrity_check;"), "ok\n");
    let torn = "SELECT count(*) FROM (SELECT 1 FROM t GROUP BY who, number HAVING count(*) <> 3);";
    assert_eq!(sqlite(place, torn), "0\n");
    let counts = "SELECT who, count(*) / 3, max(number) FROM t GROUP BY who ORDER BY who;";
    let mut most = 0;
    for (line, said) in sqlite(place, counts).lines().zip(said) {
        let [_, count, last] =
            <[u64; 3]>::try_from(line.split('|').map(|n| n.parse().unwrap()).collect::<Vec<_>>())
                .unwrap();
        assert_eq!(count, last + 1, "one is missing in between");
        assert!(last >= said, "{said} was said to be there, {last} is the last");
        assert!(last <= said + 1, "nobody added {last}");
        most = most.max(last + 1);
    }
    assert!(most > 0);
    most
}

fn killed_writers(mode: &str) {
    let folder = Folder::new();
    let serving = Serving::new(&folder);
    let place = folder.mount();
    make(&place, mode);
    let mut next = [0, 0];
    for _ in 0..3 {
        let mut writers = [0, 1].map(|who| Writer::start(&place, who, next[who as usize]));
        for writer in &mut writers {
            writer.add(25);
        }
        let said = writers.map(Writer::kill);
        check(&place, said);
        // What was under way may have been finished, without a word of it.
        next = [0, 1].map(|who| {
            let last = format!("SELECT max(number) + 1 FROM t WHERE who = {who};");
            sqlite(&place, &last).trim().parse().unwrap()
        });
    }
    prove(serving, &folder).end();
}

#[test]
fn with_a_log_what_was_said_survives_those_who_said_it() {
    killed_writers("wal");
}

#[test]
fn with_a_journal_what_was_said_survives_those_who_said_it() {
    killed_writers("delete");
}

fn killed_server(test: &str, mode: &str) {
    if serve_if_asked() {
        return;
    }
    let folder = Folder::new();
    let place = folder.mount();
    Serving::new(&folder).end();
    let mut next = [0, 0];
    for round in 0..3 {
        let served = Served::by(test, &folder);
        if round == 0 {
            make(&place, mode);
        }
        let mut writers = [0, 1].map(|who| Writer::start(&place, who, next[who as usize]));
        for writer in &mut writers {
            writer.add(25);
        }
        served.kill();
        let said = writers.map(Writer::kill);
        assert!(std::fs::metadata(&place).is_err(), "nobody answers for it");
        folder.unmount_dead();
        // As it was left.
        let found = read(&folder);
        let serving = Serving::open(&folder);
        same(&shown(&place), &found, "the mount", "the second reader");
        check(&place, said);
        next = [0, 1].map(|who| {
            let last = format!("SELECT max(number) + 1 FROM t WHERE who = {who};");
            sqlite(&place, &last).trim().parse().unwrap()
        });
        prove(serving, &folder).end();
    }
}

#[test]
fn with_a_log_what_was_said_survives_who_serves_the_mount() {
    killed_server("sqlite::with_a_log_what_was_said_survives_who_serves_the_mount", "wal");
}

#[test]
fn with_a_journal_what_was_said_survives_who_serves_the_mount() {
    killed_server("sqlite::with_a_journal_what_was_said_survives_who_serves_the_mount", "delete");
}
