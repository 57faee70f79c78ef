//! Every order in which threads can meet, tried by loom.

use crate::step::{self, Failed, cargo, output, root};

/// Runs the tests of the list of pages at home, with loom's atomics in the place of core's: in a
/// folder of its own, since everything is built anew for it.
pub(crate) fn run() -> Result<(), Failed> {
    const TESTS: &str = "buffer::pool::tests";
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let tests = || {
        let mut tests = cargo(&["test", "--quiet", "--package", "cofferdam-packet", "--lib"]);
        tests.args(["--profile", "orders", "--target-dir"]).arg(target.join("loom"));
        tests.env("RUSTFLAGS", "--cfg loom").args([TESTS, "--"]);
        tests
    };
    // To the runner it is no error if nothing has the name.
    if !output(tests().arg("--list"))?.contains(TESTS) {
        return Err(Failed(format!("packet has no tests in {TESTS}; name those of the list here")));
    }
    step::run(&mut tests())
}
