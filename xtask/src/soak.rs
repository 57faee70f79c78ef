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
    /// Only fuzz, without valgrind and large stores
    #[arg(long)]
    only_fuzz: bool,
    /// Files of the largest store, pages of its largest file, and random operations beside a plain
    /// directory and on a mount
    #[arg(long, default_value_t = 1_000_000)]
    files: u64,
    /// Only large stores, without fuzzing and valgrind
    #[arg(long, conflicts_with = "only_fuzz")]
    only_store: bool,
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

/// How often the tests of crashes and tampering try what they otherwise try once.
const PROOFS: u64 = 20;

/// Fuzzes long, runs the tests of every crate with unsafe modules under valgrind, and those of the
/// store with all that they can be made to do.
pub(crate) fn run(options: &Options) -> Result<(), Failed> {
    if options.only_store {
        return store(&mut Steps::new(STORE), options.files);
    }
    let names = fuzz::targets()?;
    let length = Length::Runs(options.runs);
    let mut steps = Steps::new(if options.only_fuzz { 2 } else { 2 + UNSAFE.len() + STORE });
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
    store(&mut steps, options.files)
}

/// Steps that [`store`] takes.
const STORE: usize = 4;

/// The store's tests at sizes that nobody waits for, optimised: how costs and memory grow, random
/// operations, every crash and every damage.
fn store(steps: &mut Steps, files: u64) -> Result<(), Failed> {
    debian::install(&debian::for_tests()?)?;
    let [files, proofs] = [files, PROOFS].map(|number| number.to_string());
    let large = |package: &str, test: &str, sizes: &[(&str, &str)], only: &[&str]| {
        let mut command = cargo(&["test", "--release", "--package", package, "--test", test, "--"]);
        command.args(["--nocapture", "--test-threads=1"]).args(only);
        step::run(command.envs(sizes.iter().copied()))
    };
    let growth = [("STORE_GROWTH", &*files), ("STORE_GROWTH_PAGES", &*files)];
    steps.step("a store of many files, and of one large one", || {
        large("cofferdam-store", "growth", &growth, &[])
    })?;
    steps.step("a store beside a plain directory", || {
        large("cofferdam-store", "plain_directory", &[("STORE_OPERATIONS", &files)], &[])
    })?;
    steps.step("a store crashed and tampered with", || {
        large("cofferdam-store", "proof", &[("STORE_SOAK", &proofs)], &[])
    })?;
    steps.step("many files and random operations on a mounted store", || {
        let sizes = [growth[0], ("COFFERDAM_SHADOW_OPERATIONS", &*files)];
        large("system-tests", "store", &sizes, &["growth", "shadow"])
    })
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
