//! The doctor's answers, whatever the machine.

use serde_json::Value;
use std::process::Command;

fn doctor(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    let output = command.arg("doctor").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_finding_says_how_to_get_what_is_not_there() {
    let document: Value = serde_json::from_str(&doctor(&["--json"])).unwrap();
    assert!(document["machine"]["cores"].as_u64().unwrap() > 0);
    assert!(document["machine"]["memory_bytes"].as_u64().unwrap() > 0);
    let findings = document["findings"].as_array().unwrap();
    for finding in findings {
        assert!(finding["name"].is_string() && finding["purpose"].is_string(), "{finding}");
        assert!(finding["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{finding}");
        let there = finding["answer"] == "yes";
        assert!(there || finding["answer"] == "no" || finding["answer"] == "partly", "{finding}");
        assert_eq!(finding["way"].is_null(), there, "{finding}");
    }
    for name in ["kernel", "privileges", "locked memory", "huge pages", "tap", "xdp", "passt"] {
        assert!(findings.iter().any(|finding| finding["name"] == name), "{name} is missing");
    }
}

#[test]
fn a_file_gets_no_colours() {
    let text = doctor(&[]);
    assert!(text.contains("kernel") && !text.contains('\x1b'), "{text}");
}

#[test]
fn programs_that_are_missing_are_named_with_their_package() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    let output = command.args(["doctor", "--json"]).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "nothing needs all of it");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let passt = findings.iter().find(|finding| finding["name"] == "passt").unwrap();
    assert_eq!((&passt["answer"], &passt["detail"]), (&"no".into(), &"is not installed".into()));
    assert_eq!(passt["way"], "sudo apt-get install --no-install-recommends passt");
}
