//! The exit codes are the same everywhere, and each is provoked by some test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn numbers<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<u8> {
    lines.filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

#[test]
fn help_manual_guide_and_tests_have_the_same_exit_codes() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cofferdam")).args(arguments).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let help = run(&["store", "--help"]);
    let help = numbers(help.split_once("Exit codes:").unwrap().1.lines());
    assert!(help.contains(&0) && help.contains(&20) && help.contains(&130), "{help:?}");
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(top.join("../../docs/store.md")).unwrap();
    let guide = guide.split_once("## Exit codes").unwrap().1.split_once("\n## ").unwrap().0;
    assert_eq!(numbers(guide.lines().filter_map(|line| line.strip_prefix("| "))), help);
    let mut tests = String::new();
    for entry in fs::read_dir(top.join("tests/store")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name != "codes.rs") {
            tests += &fs::read_to_string(path).unwrap();
        }
    }
    // `done` is what expects 0.
    for code in help.into_iter().filter(|&code| code > 0) {
        let provoked =
            [format!(", {code}, &["), format!("Some({code})"), format!(", {code}, told)")];
        assert!(provoked.iter().any(|text| tests.contains(text)), "no test provokes {code}");
    }
}
