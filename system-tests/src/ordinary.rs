//! A user who is nobody in particular: not root, in no group, without rights, and whose home is
//! nowhere.

use crate::process::tool;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Ids of a user and of a group that own nothing, on any Linux.
const NOBODY: u32 = 65_534;

/// A program as an ordinary user runs it: [`Ordinary::path`] is to be started in its place. Whoever
/// is no root starts it as he is.
pub struct Ordinary {
    folder: PathBuf,
    path: String,
}

impl Ordinary {
    /// A copy of `program`, since what was built may lie where only its builder may go.
    ///
    /// # Panics
    ///
    /// If there is no room for it, or no `setpriv`.
    pub fn running(program: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam-ordinary-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("room for a folder");
        let path = folder.join("start").to_str().expect("a name in UTF-8").to_owned();
        let ordinary = Self { folder, path };
        let copy = ordinary.folder.join("program");
        fs::copy(program, &copy).expect("the program, and room for a copy");
        let become_nobody = if rustix::process::geteuid().is_root() {
            tool("setpriv", "util-linux");
            // Whoever changes its user is no longer ended with who started it, unless it says so.
            format!(
                "setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps=-all \
                 --no-new-privs --pdeathsig=KILL"
            )
        } else {
            String::new()
        };
        let script = format!(
            "#!/bin/sh\ncd /\nexport HOME=/nonexistent\nexec {become_nobody} '{}' \"$@\"\n",
            copy.display()
        );
        fs::write(&ordinary.path, script).expect("room for a script");
        for open in [&*ordinary.folder, &*copy, Path::new(&ordinary.path)] {
            fs::set_permissions(open, Permissions::from_mode(0o755)).expect("they are ours");
        }
        ordinary
    }

    /// What to start.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Drop for Ordinary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
