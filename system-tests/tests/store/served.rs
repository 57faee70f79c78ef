//! A mount that another process serves, to be killed.

use crate::folder::Folder;
use crate::serving::Serving;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Tells a copy of the test that it is to serve, and which folder.
const WHERE: &str = "COFFERDAM_TEST_SERVE";
const READY: &str = "it is mounted";

/// Another process that has the store open and mounted.
pub(crate) struct Served(Child);

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
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let served = Self(child);
        assert!(output.any(|line| line.unwrap().ends_with(READY)), "it could not be mounted");
        served
    }

    /// Kills it in the midst of whatever it does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
