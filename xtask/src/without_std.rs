//! Proof that what must do without std does.

use crate::step::{self, Failed, cargo, root};

/// Builds and runs the program `without-std`, which has a panic handler of its own: if any crate
/// below it used std, the compiler would find two and refuse.
pub(crate) fn run() -> Result<(), Failed> {
    step::run(&mut cargo(&[
        "build",
        "--quiet",
        "--package",
        "without-std",
        "--profile",
        "without-std",
    ]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    step::run(&mut std::process::Command::new(target.join("without-std/without-std")))
}
