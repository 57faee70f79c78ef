//! Every bench runs and says what it found in the form that is promised. Nothing is timed here.

use bench::frame::Document;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench")).args(arguments).output().unwrap()
}

fn names() -> Vec<String> {
    let listed = String::from_utf8(bench(&["list"]).stdout).unwrap();
    listed.lines().filter_map(|line| line.split_whitespace().next()).map(Into::into).collect()
}

#[test]
fn every_bench_runs_and_its_json_is_what_was_promised() {
    let names = names();
    assert!(names.iter().any(|name| name == "pages"), "{names:?}");
    for name in names {
        let output = bench(&[&name, "--smoke", "--json"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let document: Document = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{name}: {error}; {stderr}"));
        assert_eq!(document.bench, name);
        assert!(document.machine.cores > 0 && document.machine.tick_rate > 1e6);
        assert!(!document.rows.is_empty(), "{name}");
        for row in &document.rows {
            let measured = row.ours.is_some() && row.peer_value.is_some();
            assert_eq!(row.ratio.is_some(), measured, "{name}: {row:?}");
            assert_eq!(row.reason.is_none(), measured, "{name}: {row:?}");
            assert_eq!(row.met.is_some(), measured && row.goal.is_some(), "{name}: {row:?}");
            assert!(row.ratio.is_none_or(|ratio| ratio.is_finite() && ratio > 0.0), "{row:?}");
        }
        assert!(document.rows.iter().any(|row| row.ours.is_some()), "{name}: ours never ran");
    }
}

#[test]
fn a_bench_that_is_not_there_is_told_with_those_that_are() {
    let output = bench(&["pagse"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("pagse") && told.contains("pages"), "{told}");
}

#[test]
fn only_what_was_asked_for_is_held() {
    let output = bench(&["all", "--smoke", "--json", "--only", "allocate"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let documents: Vec<Document> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), 1, "{lines}");
    assert_eq!(documents[0].bench, "pages");
    assert!(documents[0].rows.iter().any(|row| row.case.contains("allocate")), "{lines}");
}

#[test]
fn a_case_that_is_not_there_is_told_with_those_that_are() {
    for name in ["pages", "all"] {
        let output = bench(&[name, "--smoke", "--only", "pagse"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty(), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.starts_with(&format!("`{name}` has no case with `pagse` in its name; it has:"))
        );
        assert!(told.contains("allocate"), "{told}");
    }
}
