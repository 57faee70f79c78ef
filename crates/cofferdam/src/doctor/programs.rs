//! Programs that we work with, and those that tests and benches compare us with.

use super::finding::Finding;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A program: its name, what it is for, and the Debian package it is in.
struct Program(&'static str, &'static str, &'static str);

const PROGRAMS: &[Program] = &[
    Program("passt", "--nic passt: the outside world without root", "passt"),
    Program("ip", "tests: networks to play in", "iproute2"),
    Program("ping", "tests against Linux", "iputils-ping"),
    Program("arping", "tests against Linux", "iputils-arping"),
    Program("dig", "tests against Linux", "bind9-dnsutils"),
    Program("nc", "tests against Linux", "netcat-openbsd"),
    Program("traceroute", "tests against Linux", "traceroute"),
    Program("memccapable", "tests: a real memcached client", "libmemcached-tools"),
    Program("memcached", "bench kv: a peer", "memcached"),
    Program("dpdk-testpmd", "tests, bench l2fwd: a peer on vhost", "dpdk-dev"),
    Program("qemu-system-x86_64", "tests: a virtual machine on vhost", "qemu-system-x86"),
    Program("cargo-nextest", "tests side by side, with time limits", ""),
];

/// One finding for each program.
pub(super) fn all() -> impl Iterator<Item = Finding> {
    PROGRAMS.iter().map(finding)
}

fn finding(Program(name, purpose, package): &Program) -> Finding {
    if let Some(path) = found(name) {
        return Finding::yes(name, purpose, path.display().to_string());
    }
    let way = if package.is_empty() {
        format!("cargo install --locked {name}")
    } else {
        format!("sudo apt-get install --no-install-recommends {package}")
    };
    Finding::no(name, purpose, "is not installed", way)
}

/// Where a program lies. Also looks where an ordinary user's `PATH` often does not lead.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
