//! Programs that ask much of a file system.

use crate::Place;
use crate::place::said;
use std::process::{Command, Stdio};

fn sqlite(place: &Place, statements: &str) -> Command {
    system_tests::tool("sqlite3", "sqlite3");
    let mut command = Command::new("sqlite3");
    command.args(["-bail", "-cmd", ".timeout 20000", "data.db", statements]);
    command.current_dir(place.root()).stdin(Stdio::null());
    command
}

#[test]
fn sqlite_with_shared_memory_between_two_processes() {
    let place = Place::new();
    let mode = said(sqlite(&place, "PRAGMA journal_mode=wal; CREATE TABLE t(a, b);").output());
    assert_eq!(mode, "wal\n");
    let insert = |who: u32| {
        (0..200).fold(String::new(), |all, number| {
            all + &format!("INSERT INTO t VALUES({who}, {number});")
        })
    };
    let children: Vec<_> = [1, 2]
        .map(|who| {
            sqlite(&place, &insert(who))
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .into_iter()
        .collect();
    for child in children {
        said(child.wait_with_output());
    }
    let sums = said(
        sqlite(&place, "SELECT a, count(*), sum(b) FROM t GROUP BY a; PRAGMA integrity_check;")
            .output(),
    );
    assert_eq!(sums, "1|200|19900\n2|200|19900\nok\n");
}

#[test]
fn locks_of_one_process_are_seen_by_another() {
    let place = Place::new();
    let said = place.python(
        "import fcntl, os\n\
         a = open('f', 'w'); fcntl.lockf(a, fcntl.LOCK_EX, 10, 5)\n\
         w = open('g', 'w'); fcntl.flock(w, fcntl.LOCK_EX)\n\
         if os.fork() == 0:\n\
         \x20   for name, lock in (('f', lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 14)),\n\
         \x20                      ('f', lambda f: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 15)),\n\
         \x20                      ('g', lambda f: fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB))):\n\
         \x20       f = open(name, 'r+')\n\
         \x20       try: lock(f); print('mine', flush=True)\n\
         \x20       except BlockingIOError: print('taken', flush=True)\n\
         \x20   os._exit(0)\n\
         os.wait()",
    );
    assert_eq!(said, "taken\nmine\ntaken\n");
}

#[test]
fn copies_of_folders_are_the_same() {
    let place = Place::new();
    place.python(
        "import os, random\n\
         random.seed(7); os.makedirs('from/a/b')\n\
         for n in range(300):\n\
         \x20   where = random.choice(('from', 'from/a', 'from/a/b'))\n\
         \x20   f = open(f'{where}/{n}', 'wb')\n\
         \x20   for piece in range(random.randrange(4)):\n\
         \x20       f.seek(random.randrange(200000)); f.write(random.randbytes(random.randrange(40000)))\n\
         os.symlink('a/b', 'from/link')",
    );
    let run = |program: &str, arguments: &[&str]| {
        said(Command::new(program).args(arguments).current_dir(place.root()).output())
    };
    run("cp", &["-a", "--sparse=auto", "from", "to"]);
    assert_eq!(run("diff", &["-r", "from", "to"]), "");
    run("rm", &["-r", "from", "to"]);
    system_tests::eventually("all are gone", || place.files.objects() == 1);
}
