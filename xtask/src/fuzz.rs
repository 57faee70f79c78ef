//! `cargo xtask fuzz`: libFuzzer on the programs of `fuzz/`, without more than a compiler.
//!
//! On the stable toolchain the compiler is told to count edges by its LLVM options, which is all
//! that `cargo fuzz` would do without a sanitizer. With `--sanitizer address` the nightly
//! toolchain is used.

use crate::step::{self, Failed, output, root};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A target's name; `all` for each in turn, `list` to see their names
    name: String,
    /// How long to fuzz each target
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    seconds: u32,
    /// Also look for misuse of memory (nightly toolchain)
    #[arg(long)]
    sanitizer: Option<Sanitizer>,
}

/// What libFuzzer's runs can be watched by.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sanitizer {
    /// `AddressSanitizer`.
    Address,
}

/// How long one target runs.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    Seconds(u32),
    Runs(u64),
}

/// Fuzzes what the command line says.
pub(crate) fn run(options: &Options) -> Result<(), Failed> {
    let names = targets()?;
    if options.name == "list" {
        println!("{}", names.join("\n"));
        return Ok(());
    }
    let chosen: Vec<String> = names
        .iter()
        .filter(|name| options.name == "all" || **name == options.name)
        .cloned()
        .collect();
    if chosen.is_empty() {
        let (name, names) = (&options.name, names.join(", "));
        return Err(Failed(format!("there is no target `{name}`; there are: {names}")));
    }
    fuzz(&chosen, Length::Seconds(options.seconds), options.sanitizer)
}

/// Fuzzes every target for some seconds.
pub(crate) fn all(seconds: u32) -> Result<(), Failed> {
    fuzz(&targets()?, Length::Seconds(seconds), None)
}

/// The names of the programs in `fuzz/`.
pub(crate) fn targets() -> Result<Vec<String>, Failed> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps"];
    let text = output(cargo(None).args(arguments))?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Failed(format!("cargo's metadata of fuzz/ cannot be read: {error}")))?;
    let targets = metadata["packages"].as_array().into_iter().flatten();
    let targets = targets.filter_map(|package| package["targets"].as_array()).flatten();
    // Other programs there make seeds.
    let path = |target: &Value| target["src_path"].as_str().map(Into::into);
    let is_target = |path: PathBuf| path.parent().is_some_and(|dir| dir.ends_with("fuzz_targets"));
    let programs = targets.filter(|target| path(target).is_some_and(is_target));
    let mut names: Vec<String> =
        programs.filter_map(|target| target["name"].as_str()).map(Into::into).collect();
    names.sort();
    Ok(names)
}

/// Builds the targets and runs each, starting from its seeds and what earlier runs found.
pub(crate) fn fuzz(
    names: &[String],
    length: Length,
    sanitizer: Option<Sanitizer>,
) -> Result<(), Failed> {
    let fuzz = root().join("fuzz");
    let kind = if sanitizer.is_some() { "address" } else { "plain" };
    let target = fuzz.join("target").join(kind);
    let mut build = cargo(sanitizer);
    build.env("RUSTFLAGS", flags(sanitizer)).arg("build").args(["--release", "--locked"]);
    // Named, so that the flags are for the programs and not for what runs while building.
    build.args(["--target", HOST, "--target-dir"]).arg(&target);
    step::run(&mut build)?;
    for name in names {
        let (corpus, artifacts) =
            (fuzz.join("corpus").join(name), fuzz.join("artifacts").join(name));
        for folder in [&corpus, &artifacts] {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failed(format!("{}: {error}", folder.display())))?;
        }
        let mut program = Command::new(target.join(HOST).join("release").join(name));
        program.current_dir(&fuzz).arg(&corpus);
        let seeds = fuzz.join("seeds").join(name);
        if seeds.is_dir() {
            program.arg(seeds);
        }
        program.arg(match length {
            Length::Seconds(seconds) => format!("-max_total_time={seconds}"),
            Length::Runs(runs) => format!("-runs={runs}"),
        });
        program.arg(format!("-artifact_prefix={}/", artifacts.display()));
        // A run that needs a second or half a gigabyte for one packet is a finding as well.
        program.args(["-timeout=5", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]);
        let output = program.output().map_err(|error| Failed(format!("{name}: {error}")))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            eprintln!("{said}");
            return Err(Failed(format!(
                "the fuzz target {name} failed ({}); what broke it lies in fuzz/artifacts/{name}, \
                 and fuzz/README.md says how to run it again",
                output.status
            )));
        }
        let runs = statistic(&said, "number_of_executed_units");
        let new = statistic(&said, "new_units_added");
        eprintln!("{name:<12} {runs:>10} runs, {new:>5} inputs that reached something new");
    }
    Ok(())
}

/// One of the figures that libFuzzer prints in the end.
fn statistic<'a>(said: &'a str, name: &str) -> &'a str {
    let lines = said.lines().filter_map(|line| line.strip_prefix("stat::"));
    let found = lines.filter_map(|line| line.split_once(':')).find(|(key, _)| *key == name);
    found.map_or("?", |(_, value)| value.trim())
}

/// The target triple we were built for.
const HOST: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};

/// `cargo` in `fuzz/`, of the toolchain that has the sanitizer.
fn cargo(sanitizer: Option<Sanitizer>) -> Command {
    let mut command = if sanitizer.is_none() {
        step::cargo(&[])
    } else {
        // Through rustup, which is the one to know where nightly is.
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo"]);
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTC");
        command
    };
    command.current_dir(root().join("fuzz"));
    command
}

/// What makes the compiler count edges and comparisons.
fn flags(sanitizer: Option<Sanitizer>) -> String {
    let coverage = [
        "--cfg=fuzzing",
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=4",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
        "-Cllvm-args=-sanitizer-coverage-pc-table",
        "-Cllvm-args=-sanitizer-coverage-trace-compares",
        "-Ccodegen-units=1",
    ];
    let mut flags = coverage.join(" ");
    if sanitizer.is_some() {
        flags.push_str(" -Zsanitizer=address");
    }
    flags
}
