//! Settings of the machine that are others for a while.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Sets it back when there is nothing more to read, whoever asks it to end before.
const SET_BACK: &str = r#"trap '' HUP INT TERM; read -r end; echo "$1" > "$2""#;

/// A file of the kernel's that holds another text until this is dropped, or this process is
/// killed.
#[must_use = "the setting is what it was when this is dropped"]
pub struct Setting {
    /// Who sets it back when its input ends.
    keeper: Child,
}

impl Setting {
    /// Writes `text` into the file at `path`.
    pub fn change(path: &Path, text: &str) -> io::Result<Self> {
        let before = fs::read_to_string(path)?;
        let mut keeper = Command::new("sh");
        keeper.args(["-c", SET_BACK, "sh", before.trim()]).arg(path);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let setting = Self { keeper: keeper.spawn()? };
        fs::write(path, text)?;
        Ok(setting)
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Nothing else would help if it failed.
        let _ = self.keeper.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_there_again() {
        let path = std::env::temp_dir().join(format!("setting-{}", std::process::id()));
        fs::write(&path, "5\n").expect("a file");
        let setting = Setting::change(&path, "256").expect("changed");
        assert_eq!(fs::read_to_string(&path).expect("there"), "256");
        drop(setting);
        assert_eq!(fs::read_to_string(&path).expect("there"), "5\n");
        fs::remove_file(&path).expect("removed");
        assert!(Setting::change(&path, "1").is_err());
        assert!(!path.exists(), "what was not there is not made");
    }
}
