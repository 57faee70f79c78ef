//! Debian packages that tests and benches need.
//!
//! A crate names what its tests need in its `Cargo.toml`:
//!
//! ```toml
//! [package.metadata.debian]
//! test = ["iputils-ping", "dnsutils"]
//! ```

use crate::step::{self, Failed, cargo, output};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// What the tests of all crates need.
pub(crate) fn for_tests() -> Result<BTreeSet<String>, Failed> {
    let text = output(&mut cargo(&["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Failed(format!("cargo's metadata cannot be read: {error}")))?;
    let crates = metadata["packages"].as_array().into_iter().flatten();
    let names = crates.filter_map(|one| one["metadata"]["debian"]["test"].as_array()).flatten();
    Ok(names.filter_map(Value::as_str).map(Into::into).collect())
}

/// Sees that all of `packages` are installed: installs what is missing if we are root, else
/// names it.
pub(crate) fn install(packages: &BTreeSet<String>) -> Result<(), Failed> {
    if !step::answers("dpkg-query", &["--version"]) {
        eprintln!(
            "This is not Debian. The tests look for programs that Debian has in: {}",
            list(packages)
        );
        return Ok(());
    }
    let missing: BTreeSet<String> =
        packages.iter().filter(|package| !is_installed(package)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let install = format!("apt-get install -y --no-install-recommends {}", list(&missing));
    if !rustix::process::geteuid().is_root() {
        return Err(Failed(format!("packages are missing; run: sudo {install}")));
    }
    eprintln!("{install}");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        // What we print ourselves may be one JSON document.
        command.stdout(std::io::stderr());
        step::run(command.args(["-q", "-o", "DPkg::Lock::Timeout=120"]).args(arguments))
    };
    let arguments: Vec<&str> = ["install", "-y", "--no-install-recommends"]
        .into_iter()
        .chain(missing.iter().map(String::as_str))
        .collect();
    // An image's package lists are often missing or old; fetch them only then.
    apt(&arguments).or_else(|_| apt(&["update"]).and_then(|()| apt(&arguments)))
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Status}", package]).stderr(Stdio::null());
    query.output().is_ok_and(|output| output.stdout == b"installed")
}

fn list(packages: &BTreeSet<String>) -> String {
    packages.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_name_what_their_tests_need() {
        let packages = for_tests().unwrap();
        for package in ["iproute2", "memcached", "passt", "tcpdump"] {
            assert!(packages.contains(package), "{package} is not in {packages:?}");
        }
    }

    #[test]
    fn what_every_debian_has_is_installed() {
        if step::answers("dpkg-query", &["--version"]) {
            assert!(is_installed("dpkg") && !is_installed("no-such-package"));
            assert!(install(&["dpkg".to_owned()].into()).is_ok());
        }
    }
}
