//! `cargo xtask soak`: what takes hours.

use crate::debian;
use crate::fuzz::{self, Length, Sanitizer};
use crate::step::{self, Failed, Steps, cargo, output, root};
use serde_json::Value;
use std::process::Command;

/// How long it takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs of each fuzz target with `AddressSanitizer`, and again as many without
    #[arg(long, default_value_t = 10_000_000)]
    runs: u64,
    /// Only fuzz, without valgrind
    #[arg(long)]
    only_fuzz: bool,
}

/// Crates with modules that open unsafe code: their tests run under valgrind.
const UNSAFE: &[&str] = &["cofferdam-packet", "cofferdam-nic"];

/// Tests that say nothing under valgrind. It makes a fork of the `vfork` by which std starts a
/// program, so that a parent never hears that there was none to start: the child seems to run, and
/// ends with 127.
///
/// Those of `cofferdam-nic` that start themselves again, in a network of their own, hold; but what
/// they start runs without valgrind.
const NOT_UNDER_VALGRIND: &[&str] = &["a_program_that_is_not_there_is_named_with_its_package"];

/// Fuzzes long, then runs the tests of every crate with unsafe modules under valgrind.
pub(crate) fn run(options: &Options) -> Result<(), Failed> {
    let names = fuzz::targets()?;
    let length = Length::Runs(options.runs);
    let mut steps = Steps::new(if options.only_fuzz { 2 } else { 2 + UNSAFE.len() });
    steps.step("fuzzing with AddressSanitizer", || {
        fuzz::fuzz(&names, length, Some(Sanitizer::Address))
    })?;
    steps.step("fuzzing", || fuzz::fuzz(&names, length, None))?;
    if options.only_fuzz {
        return Ok(());
    }
    debian::install(&["valgrind".to_owned()].into())?;
    for one in UNSAFE {
        steps.step(&format!("valgrind over the tests of {one}"), || valgrind(one))?;
    }
    Ok(())
}

/// Runs each test program of a crate under valgrind.
fn valgrind(one: &str) -> Result<(), Failed> {
    for program in test_programs(one)? {
        let mut valgrind = Command::new("valgrind");
        valgrind.current_dir(root()).args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        // Still reachable at the end is what test runners keep; lost is what nobody can free.
        valgrind.args(["--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"]);
        valgrind.arg("--fair-sched=yes").arg(program).arg("--test-threads=1");
        valgrind.args(NOT_UNDER_VALGRIND.iter().flat_map(|name| ["--skip", name]));
        // One case of a property is as good as a hundred here; speed is a thirtieth.
        step::run(valgrind.env("PROPTEST_CASES", "8"))?;
    }
    Ok(())
}

/// Builds the test programs of a crate; says where they are.
fn test_programs(one: &str) -> Result<Vec<String>, Failed> {
    let arguments = ["test", "--no-run", "--message-format=json", "--lib", "--tests", "--package"];
    let messages = output(cargo(&arguments).arg(one))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter(|message| message["profile"]["test"] == true);
    Ok(programs.filter_map(|message| message["executable"].as_str().map(Into::into)).collect())
}
