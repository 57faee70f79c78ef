//! `cargo xtask test`: everything that must hold.

use crate::step::{self, Failed, Steps, cargo};
use crate::{debian, deny, fuzz, lint, orders, without_std};

/// Seconds for each fuzz target.
const FUZZ_SECONDS: u32 = 5;

/// Runs every check; the tests come last, so that their summary is the last thing to be read.
pub(crate) fn run() -> Result<(), Failed> {
    let mut steps = Steps::new(lint::STEPS + 7);
    steps.step("programs that tests need", || debian::install(&debian::for_tests()?))?;
    lint::run(&mut steps)?;
    steps.step("licences and sources", deny::check)?;
    steps.step("without std", without_std::run)?;
    steps.step("every order of threads", orders::run)?;
    steps.step("examples in documents", || {
        step::run(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]))
    })?;
    steps.step("fuzzing, short", || fuzz::all(FUZZ_SECONDS))?;
    steps.announce("tests");
    if step::answers("cargo-nextest", &["nextest", "--version"]) {
        step::run(&mut cargo(&["nextest", "run", "--workspace"]))
    } else {
        eprintln!("cargo-nextest is not installed: one test after the other, without time limits");
        step::run(&mut cargo(&[
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--",
            "--test-threads=1",
        ]))
    }
}
