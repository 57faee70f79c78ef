//! Licences and sources of everything we build on, by `cargo deny` and `deny.toml`.

use crate::step::{self, Failed, cargo, root};
use std::path::PathBuf;

/// Checks them; builds `cargo-deny` into `target/tools` first where it is missing.
pub(crate) fn check() -> Result<(), Failed> {
    let program = program()?;
    let mut deny = std::process::Command::new(program);
    deny.current_dir(root()).args([
        "--workspace",
        "--all-features",
        "check",
        "--hide-inclusion-graph",
    ]);
    step::run(deny.args(["licenses", "bans", "sources"]))
}

fn program() -> Result<PathBuf, Failed> {
    if step::answers("cargo-deny", &["--version"]) {
        return Ok("cargo-deny".into());
    }
    let tools = root().join("target/tools");
    let program = tools.join("bin/cargo-deny");
    if !program.exists() {
        eprintln!("building cargo-deny into target/tools, once; this takes minutes");
        let mut install = cargo(&["install", "--locked", "cargo-deny", "--root"]);
        step::run(install.arg(&tools))?;
    }
    Ok(program)
}
