//! `cargo xtask`: what developers run.
//!
//! Runs cargo, the compiler's tools and the test runner in the right order, says how long each
//! step took, and installs nothing that it was not told to. The checks themselves live in the
//! tests; here is only how they are started.

mod bench;
mod debian;
mod deny;
mod fuzz;
mod lint;
mod orders;
mod ratchet;
mod soak;
mod step;
mod test;
mod without_std;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use step::Failed;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "What developers of Cofferdam run")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold: lints, documents, licences, no-std builds, orders of threads,
    /// fuzzing, all tests
    Test,
    /// Only formatting, clippy and the documents
    Lint,
    /// Measure ours and the peers: a name, `all`, or `list`
    Bench(bench::Options),
    /// Feed a parser what nobody would send: a target's name, or `all`
    Fuzz(fuzz::Options),
    /// Hours of it: sanitizer, valgrind, more than ten million runs, stores of a million files
    Soak(soak::Options),
    /// Compare the counts of bad smells with `ratchet.toml`
    Ratchet(ratchet::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test => test::run(),
        Task::Lint => lint::run(&mut step::Steps::new(lint::STEPS)),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Soak(options) => soak::run(&options),
        Task::Ratchet(options) => ratchet::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(reason)) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
