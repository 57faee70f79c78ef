//! `PostgreSQL`, run by its own user in a mount that others may see: what was committed is there when
//! all its processes were killed.

use crate::folder::Folder;
use crate::program::{bounded, ended, said};
use crate::reader::prove;
use crate::serving::Serving;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An ordinary user: `PostgreSQL` refuses to run as root.
const NOBODY: u32 = 65_534;

/// A cluster in a mount, and its server if that runs.
struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    server: Option<Child>,
}

impl Cluster {
    fn new(folder: &Folder) -> Self {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let programs = versions.filter_map(Result::ok).map(|entry| entry.path().join("bin")).max();
        let programs = programs.expect("`sudo apt-get install -y postgresql`");
        let place = folder.mount().join("postgres");
        fs::create_dir(&place).unwrap();
        chown(&place, Some(NOBODY), Some(NOBODY)).unwrap();
        Self { programs, folder: place, server: None }
    }

    /// One of its programs, as the ordinary user, with nothing of this machine's configuration.
    fn program(&self, name: &str) -> Command {
        system_tests::tool("setpriv", "util-linux");
        let mut command = Command::new("setpriv");
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--pdeathsig=KILL"]);
        command.arg(self.programs.join(name)).current_dir(&self.folder);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command.env("HOME", &self.folder).env("PGHOST", &self.folder).env("PGUSER", "somebody");
        command.env("PGDATABASE", "postgres").env("PGPASSFILE", "/dev/null");
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn start(&mut self) {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        command.args(["-c", "listen_addresses=", "-c", "fsync=on", "-c", "full_page_writes=on"]);
        command.args(["-c", "wal_sync_method=fdatasync", "-c", "checkpoint_timeout=30s"]);
        command.args(["-c", "shared_memory_type=mmap", "-c", "dynamic_shared_memory_type=mmap"]);
        let log = fs::File::create(self.folder.join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server = Some(command.spawn().unwrap());
        system_tests::eventually("the server answers", || {
            ended(self.program("pg_isready").arg("--quiet"), 10).status.success()
        });
    }

    /// Sends a signal to the server and waits until all of its processes are gone.
    fn stop(&mut self, signal: Signal) {
        let Some(mut server) = self.server.take() else { return };
        let pid = Pid::from_child(&server);
        let children = children(&server);
        // It may have ended on its own.
        let _ = kill_process(pid, signal);
        let _ = server.wait();
        // They notice that it is gone, and end.
        system_tests::eventually("the server's processes are gone", || {
            children.iter().all(|child| test_kill_process(*child).is_err())
        });
    }

    fn ask(&self, statement: &str) -> String {
        said(self.program("psql").args(["--no-psqlrc", "-tAc", statement]), 30)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.server.is_none(), "it was not stopped");
        } else if let Some(mut server) = self.server.take() {
            for child in children(&server) {
                let _ = kill_process(child, Signal::KILL);
            }
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// The processes that a server has started.
fn children(server: &Child) -> Vec<Pid> {
    let id = server.id();
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
}

#[test]
fn what_postgres_committed_survives_its_death() {
    let folder = Folder::new();
    let serving = Serving::new(&folder);
    let mut cluster = Cluster::new(&folder);
    let data = cluster.data();
    let mut make = cluster.program("initdb");
    make.args(["--auth=trust", "--username=somebody", "--encoding=UTF8", "--data-checksums"]);
    said(make.arg("-D").arg(&data), 60);
    cluster.start();
    said(cluster.program("pgbench").args(["--initialize", "--quiet", "--scale=3"]), 60);
    said(cluster.program("pgbench").args(["--client=4", "--time=5", "--jobs=2"]), 60);
    // Killed while it works, with those who use it.
    let mut load = cluster.program("pgbench");
    // The history of what came before is to stay.
    load.args(["--client=4", "--time=30", "--no-vacuum"]);
    let mut load = bounded(&load, 40).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let before: u64 = cluster.ask("SELECT count(*) FROM pgbench_history").trim().parse().unwrap();
    cluster.stop(Signal::KILL);
    let _ = load.wait();
    cluster.start();
    assert!(fs::read_to_string(cluster.folder.join("log")).unwrap().contains("not properly shut"));
    let after: u64 = cluster.ask("SELECT count(*) FROM pgbench_history").trim().parse().unwrap();
    assert!(before > 0 && after >= before, "{before} were seen, {after} are there");
    check(&cluster);
    cluster.stop(Signal::INT);
    assert!(fs::read_to_string(cluster.folder.join("log")).unwrap().contains("is shut down"));
    let serving = prove(serving, &folder);
    said(cluster.program("pg_checksums").arg("--check").arg("-D").arg(&data), 60);
    cluster.start();
    check(&cluster);
    cluster.stop(Signal::INT);
    prove(serving, &folder).end();
}

/// That the tables agree with one another, and each index with its table.
fn check(cluster: &Cluster) {
    let sums = "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = d \
                AND (SELECT sum(bbalance) FROM pgbench_branches) = d \
                AND (SELECT sum(tbalance) FROM pgbench_tellers) = d \
                FROM (SELECT coalesce(sum(delta), 0) AS d FROM pgbench_history) AS history";
    assert_eq!(cluster.ask(sums), "t\n");
    let mut amcheck = cluster.program("pg_amcheck");
    said(amcheck.args(["--install-missing", "--heapallindexed", "--all"]), 60);
}
