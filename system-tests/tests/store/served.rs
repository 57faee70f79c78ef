//! A mount that another process serves, to be killed.

use crate::folder::Folder;
use crate::serving::Serving;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Tells a copy of the test that it is to serve, and which folder.
const WHERE: &str = "COFFERDAM_TEST_SERVE";
const READY: &str = "it is mounted";

/// Another process that has the store open and mounted.
pub(crate) struct Served {
    process: Child,
    /// Kept open, so that it can go on printing.
    output: Lines<BufReader<ChildStdout>>,
}

/// Serves, if this process was started for that, until its input ends; says whether it was.
pub(crate) fn serve_if_asked() -> bool {
    let Some(path) = env::var_os(WHERE) else { return false };
    let folder = Folder::of_another(Path::new(&path));
    let serving = Serving::open(&folder);
    println!("{READY}");
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).unwrap();
    serving.end();
    true
}

impl Served {
    /// Starts the test of that name once more, which calls [`serve_if_asked`] first of all.
    pub(crate) fn by(test: &str, folder: &Folder) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(WHERE, folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut served = Self { process: child, output };
        assert!(
            served.output.any(|line| line.unwrap().ends_with(READY)),
            "it could not be mounted"
        );
        served
    }

    /// Kills it in the midst of whatever it does.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// The most memory that it ever had, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kibibytes = line.trim().strip_suffix(" kB").unwrap();
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// Lets it unmount and close the store, which must go well.
    pub(crate) fn end(mut self) {
        drop(self.process.stdin.take());
        let status = self.process.wait().unwrap();
        let said: Vec<String> = self.output.by_ref().map_while(Result::ok).collect();
        assert!(status.success(), "{status}\n{}", said.join("\n"));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
