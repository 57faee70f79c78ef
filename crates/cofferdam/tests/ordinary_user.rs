//! What a newcomer does first, as an ordinary user: no root, no rights, no home to write to.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use system_tests::Ordinary;

/// Runs the command to its end as somebody who is nobody in particular.
fn cofferdam(arguments: &[&str]) -> Output {
    let user = Ordinary::running(Path::new(env!("CARGO_BIN_EXE_cofferdam")));
    Command::new(user.path()).args(arguments).output().expect("it starts")
}

#[test]
fn the_demo_needs_nothing() {
    let output = cofferdam(&["net", "demo", "--seconds", "1"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(told.contains("A client and a key-value server"), "{told}");
    assert!(told.contains(": 0 wrong, 0 lost."), "{told}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_doctor_says_what_is_missing_and_how_to_get_it() {
    let output = cofferdam(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (name, answers, detail, way) in [
        (
            "privileges",
            &["no"][..],
            "an ordinary user without CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF",
            "sudo setcap cap_net_admin,cap_net_raw,cap_bpf+ep cofferdam",
        ),
        ("tap", &["no", "partly"], "", "sudo "),
        ("packet", &["no"], "not permitted", "sudo setcap cap_net_raw+ep cofferdam"),
        ("xdp", &["no"], "not permitted", "sudo setcap cap_net_admin,cap_net_raw,cap_bpf+ep"),
    ] {
        let findings = document["findings"].as_array().expect("a list");
        let finding = findings.iter().find(|it| it["name"] == name).expect("it was looked at");
        let holds = |key: &str, text| finding[key].as_str().is_some_and(|it| it.contains(text));
        assert!(answers.iter().any(|answer| finding["answer"] == *answer), "{finding}");
        assert!(holds("detail", detail) && holds("way", way), "{finding}");
    }
    let output = cofferdam(&["doctor"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("→ run as root, or: sudo setcap cap_net_raw+ep cofferdam"), "{told}");
    assert!(told.contains("What works in any case: the in-memory wire"), "{told}");
}

#[test]
fn a_store_needs_nothing_either() {
    let user = Ordinary::running(Path::new(env!("CARGO_BIN_EXE_cofferdam")));
    // `$0` is the program; the folder is gone when the shell ends, however it ends.
    let script = "set -e; cd \"$(mktemp -d)\"; trap 'rm -rf \"$PWD\"' EXIT; \
                  export COFFERDAM_TRUSTED=\"$PWD/trusted\" S=\"$PWD/s\"; \
                  \"$0\" store init \"$S\" > /dev/null; echo hello | \"$0\" store put \"$S\" - name; \
                  \"$0\" store cat \"$S\" name; stat -c %a trusted/*.key";
    let become_nobody = user.path().replace("/start", "/shell");
    let start = std::fs::read_to_string(user.path()).expect("its script");
    let program = user.path().replace("/start", "/program");
    std::fs::write(&become_nobody, start.replace(&format!("'{program}'"), "sh")).expect("room");
    let output = Command::new("sh")
        .args([&become_nobody, "-c", script, &program])
        .output()
        .expect("it starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n600\n", "{output:?}");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// Golden transcripts, as `transcripts.rs` has them of whoever runs the tests.
#[test]
fn commands_say_what_they_are_recorded_to_say() {
    let user = Ordinary::running(Path::new(env!("CARGO_BIN_EXE_cofferdam")));
    let cases = trycmd::TestCases::new();
    cases.env("NO_COLOR", "1").register_bin("cofferdam", Path::new(user.path()));
    cases.case("tests/commands/ordinary_user/*.trycmd").run();
}
