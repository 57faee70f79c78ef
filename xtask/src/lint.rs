//! `cargo xtask lint`: what the compiler and its tools say about the text.

use crate::step::{self, Failed, Steps, cargo};

/// How many steps this takes.
pub(crate) const STEPS: usize = 3;

/// Formatting, clippy, documents; every warning is an error.
pub(crate) fn run(steps: &mut Steps) -> Result<(), Failed> {
    steps.step("formatting", || step::run(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.step("clippy", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        step::run(&mut cargo(&arguments))
    })?;
    steps.step("documents", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
        step::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })
}
