//! The demo, as a newcomer runs it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn demo(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cofferdam"));
    command.args(["net", "demo"]).args(arguments).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn every_answer_is_right_and_none_is_lost() {
    let output = demo(&["--seconds", "2", "--keys", "500", "--json"]).wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let summary = document(&output);
    assert_eq!((&summary["wrong"], &summary["lost"]), (&0.into(), &0.into()), "{summary}");
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert!(count("hits") > 100 && count("stored") > 10, "{summary}");
    assert_eq!(count("server_entries"), 500, "{summary}");
    assert!(count("server_answered") >= count("hits") + count("stored") + count("missed"));
}

#[test]
fn a_file_gets_a_summary_and_no_table() {
    let output = demo(&["--seconds", "1"]).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("10.0.0.2:11211") && text.contains("0 wrong"), "{text}");
    assert!(!text.contains('\x1b') && !text.contains("Ctrl-C"), "{text}");
}

#[test]
fn ctrl_c_ends_it_with_its_summary() {
    for signal in [Signal::INT, Signal::TERM] {
        let child = demo(&["--seconds", "300", "--json"]);
        // Long enough to be under way; if it is not, the signal ends it without a summary.
        std::thread::sleep(Duration::from_secs(1));
        let asked = Instant::now();
        let id = Pid::from_raw(child.id().cast_signed()).unwrap();
        kill_process(id, signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(20));
        assert!(output.status.success(), "{signal:?}: {output:?}");
        assert!(document(&output)["hits"].as_u64().unwrap() > 0);
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    for (option, value) in [("--seconds", "0"), ("--keys", "0"), ("--window", "5000")] {
        let output = demo(&[option, value]).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(option) && told.contains(".."), "{told}");
    }
}
