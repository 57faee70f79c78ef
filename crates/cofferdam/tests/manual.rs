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

/// What bash offers after these words.
fn offered(script: &Path, words: &[&str]) -> String {
    let program = "set -u; source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                   COMPREPLY=(); _cofferdam cofferdam \"${COMP_WORDS[COMP_CWORD]}\" \
                   \"${COMP_WORDS[COMP_CWORD - 1]}\"; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["-c", program, "bash"])
        .arg(script)
        .args(words)
        .current_dir(script.parent().unwrap())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn bash_completes_the_commands_and_options_of_the_store() {
    let folder = Folder::new("completions-store");
    let script = folder.0.join("cofferdam.bash");
    std::fs::write(&script, cofferdam(&["completions", "bash"]).stdout).unwrap();
    std::fs::write(folder.0.join("my.key"), "").unwrap();
    for (words, expected) in [
        (&["cofferdam", "store", "b"][..], "backup"),
        (&["cofferdam", "store", "re"], "rekey restore"),
        (&["cofferdam", "store", "keys", "rem"], "remove"),
        (&["cofferdam", "store", "mount", "--read"], "--read-only"),
        (&["cofferdam", "store", "ls", "--key-file", "my"], "my.key"),
        // Nothing of its own: bash then offers files.
        (&["cofferdam", "store", "put", "s", "my"], ""),
    ] {
        assert_eq!(offered(&script, words), expected, "{words:?}");
    }
}

/// `mandoc` finds nothing that it would not show.
#[test]
fn the_pages_of_the_store_are_what_manual_pages_should_be() {
    system_tests::tool("mandoc", "mandoc");
    let folder = Folder::new("manual-lint");
    cofferdam(&["man", "--dir", folder.0.to_str().unwrap()]);
    let mut pages: Vec<_> =
        std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|page| page.to_string_lossy().contains("cofferdam-store"));
    assert!(pages.len() > 20, "{pages:?}");
    let output = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&pages).output();
    let told = String::from_utf8(output.unwrap().stdout).unwrap();
    // They have no date: it would be another with each build.
    let told: Vec<_> = told.lines().filter(|line| !line.contains("missing date")).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = Folder::new("manual");
    cofferdam(&["man", "--dir", folder.0.to_str().unwrap()]);
    for page in ["cofferdam", "cofferdam-doctor", "cofferdam-net", "cofferdam-net-kv"] {
        let text = std::fs::read_to_string(folder.0.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".TH") && text.contains(".SH NAME"), "{page}: {text}");
    }
    // Those of the store have its exit codes, and lead to the page with its commands.
    for page in ["cofferdam-store", "cofferdam-store-put", "cofferdam-store-keys-add"] {
        let text = std::fs::read_to_string(folder.0.join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".TH cofferdam-store"), "{page}: {text}");
        let codes = text.split_once(".SH \"EXIT STATUS\"\n").unwrap().1;
        for code in ["\n.B 0\ndone\n", "\n.B 16\nin use: ", "\n.B 130\ninterrupted\n"] {
            assert!(codes.contains(code), "{page} has no {code:?}: {codes}");
        }
        assert!(codes.contains(".SH \"SEE ALSO\"\n.BR cofferdam"), "{page}: {codes}");
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
