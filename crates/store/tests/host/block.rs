//! A block device that is a file below.

use std::process::Command;
use system_tests::tool;

/// A loop device, gone when this is dropped.
pub(crate) struct Loop(pub(crate) String);

impl Loop {
    pub(crate) fn over(path: &str) -> Self {
        tool("losetup", "mount");
        let made = Command::new("losetup").args(["--find", "--show", path]).output().unwrap();
        let complaint = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success(), "no loop device: {complaint}");
        Self(String::from_utf8(made.stdout).unwrap().trim().to_owned())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // A lock file of the device lies until the machine is started again.
        if let Ok(about) = rustix::fs::stat(&*self.0) {
            let (major, minor) =
                (rustix::fs::major(about.st_rdev), rustix::fs::minor(about.st_rdev));
            for folder in ["/run/lock", "/run"] {
                let _ =
                    std::fs::remove_file(format!("{folder}/cofferdam-seal-{major}-{minor}.lock"));
            }
        }
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}
