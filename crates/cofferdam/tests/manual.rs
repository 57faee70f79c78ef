//! Completion scripts and manual pages, as they are installed.

use std::path::Path;
use std::process::{Command, Output};

fn cofferdam(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_cofferdam")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = String::from_utf8(cofferdam(&["completions", shell]).stdout).unwrap();
        for word in ["doctor", "l2fwd", "completions", "--json"] {
            assert!(script.contains(word.trim_start_matches('-')), "{shell} does not know {word}");
        }
    }
}

#[test]
fn bash_accepts_its_script_and_completes_with_it() {
    let folder = Folder::new("completions");
    let script = folder.0.join("cofferdam.bash");
    std::fs::write(&script, cofferdam(&["completions", "bash"]).stdout).unwrap();
    let program = "set -eu; source \"$1\"; COMP_WORDS=(cofferdam net l); COMP_CWORD=2; \
                   _cofferdam cofferdam l net || true; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", program, "bash"]).arg(&script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "l2fwd", "{output:?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new("manual");
    cofferdam(&["man", "--dir", folder.0.to_str().unwrap()]);
    for page in ["cofferdam", "cofferdam-doctor", "cofferdam-net", "cofferdam-net-kv"] {
        let text = std::fs::read_to_string(folder.0.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".TH") && text.contains(".SH NAME"), "{page}: {text}");
    }
    let first = String::from_utf8(cofferdam(&["man"]).stdout).unwrap();
    assert!(first.contains("Exit codes"), "{first}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let program = "\"$1\" completions bash | head -n 1; exit ${PIPESTATUS[0]}";
    let command = env!("CARGO_BIN_EXE_cofferdam");
    let status =
        Command::new("bash").args(["-c", program, "bash", command]).output().unwrap().status;
    assert!(status.success(), "{status}");
}

/// A folder that is gone when the test is over.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
