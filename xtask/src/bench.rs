//! `cargo xtask bench`: builds the benches, installs the peers, runs.

use crate::debian;
use crate::step::{self, Failed, cargo, output, root};

/// Which bench, and how.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Its name; `all` for every one, `list` to see their names
    name: String,
    /// Fewer and shorter rounds: ends within a minute, and says less
    #[arg(long)]
    quick: bool,
    /// Hold only the contests that have a case with this text in its name
    #[arg(long, value_name = "TEXT", conflicts_with = "plot")]
    only: Option<String>,
    /// One JSON document a line instead of tables
    #[arg(long)]
    json: bool,
    /// Also write tables and plots to docs/benchmarks.md
    #[arg(long)]
    plot: bool,
}

/// Runs a bench, or all.
pub(crate) fn run(options: &Options) -> Result<(), Failed> {
    const PROGRAM: &[&str] = &["run", "--quiet", "--package", "bench", "--profile", "bench", "--"];
    let mut packages = cargo(PROGRAM);
    let packages = output(packages.args([&options.name, "--packages"]))?;
    // A peer that is missing is a row with the reason, so nobody must be root.
    if let Err(Failed(missing)) = debian::install(&packages.lines().map(Into::into).collect()) {
        eprintln!("some peers will be missing: {missing}");
    }
    let mut bench = cargo(PROGRAM);
    bench.arg(&options.name);
    let flags = [("--quick", options.quick), ("--json", options.json)];
    bench.args(flags.iter().filter(|(_, given)| *given).map(|(flag, _)| flag));
    if let Some(text) = &options.only {
        bench.args(["--only", text]);
    }
    if options.plot {
        bench.arg("--plot").arg(root().join("docs"));
    }
    step::run(&mut bench)
}
