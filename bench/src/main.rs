//! `bench NAME`: measures ours and the peers in turn, and says how they compare.
//!
//! Every bench has one shape, given by [`bench::frame`]; what is measured lies in one module for each
//! bench. People start it through `cargo xtask bench`, which builds it and installs the peers.

mod datagrams;
mod dpdk;
mod end;
mod kv;
mod l2fwd;
mod load;
mod pages;
mod sharing;
mod store;
mod udp;

use bench::frame::{Bench, Machine, Plan};
use bench::report;
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// All benches, in the order in which `bench all` runs them.
fn benches() -> Vec<Bench> {
    vec![
        l2fwd::bench(),
        kv::bench(),
        pages::bench(),
        sharing::bench(),
        store::bench(),
        udp::bench(),
    ]
}

/// Measures ours and the peers in turn, several times, and compares them.
#[derive(Parser)]
#[command(name = "bench")]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command line")]
struct Arguments {
    /// Which bench; `all` for every one, `list` to see their names.
    name: String,
    /// Fewer and shorter rounds: ends within a minute, and says less.
    #[arg(long)]
    quick: bool,
    /// Only see that everything runs; the figures mean nothing.
    #[arg(long, hide = true, conflicts_with = "quick")]
    smoke: bool,
    /// Hold only the contests that have a case with this text in its name.
    #[arg(long, value_name = "TEXT", conflicts_with = "plot")]
    only: Option<String>,
    /// One JSON document for each bench instead of tables, one a line.
    #[arg(long)]
    json: bool,
    /// Also write tables and plots into this folder: `benchmarks.md` and `benchmarks/`.
    #[arg(long, value_name = "FOLDER")]
    plot: Option<PathBuf>,
    /// Only name the Debian packages that the peers come from.
    #[arg(long)]
    packages: bool,
    /// Be the other process of `sharing`, over the memory in that file.
    #[arg(long, hide = true, value_name = "FILE")]
    application: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(file) = &arguments.application {
        return match sharing::application(file) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let all = benches();
    if arguments.name == "list" {
        // What is only listed needs no peers.
        for bench in all.iter().filter(|_| !arguments.packages) {
            println!("{:<8} {}", bench.name, bench.about);
        }
        return ExitCode::SUCCESS;
    }
    let names: Vec<_> = all.iter().map(|bench| bench.name).collect();
    let chosen: Vec<Bench> = all
        .into_iter()
        .filter(|bench| arguments.name == "all" || bench.name == arguments.name)
        .collect();
    if chosen.is_empty() {
        eprintln!("there is no bench `{}`; there are: {}", arguments.name, names.join(", "));
        return ExitCode::from(2);
    }
    if arguments.packages {
        for package in chosen.iter().flat_map(|bench| bench.packages) {
            println!("{package}");
        }
        return ExitCode::SUCCESS;
    }
    let machine = Machine::this();
    let (mut whole, mut held) = (true, false);
    for bench in &chosen {
        let plan = match (arguments.quick, arguments.smoke) {
            (_, true) => Plan::smoke(),
            (true, _) => Plan::quick(),
            _ => Plan::thorough(),
        };
        let document = bench.run(&plan, &machine, arguments.only.as_deref());
        if document.rows.is_empty() {
            // Others may have what was asked for.
            continue;
        }
        held = true;
        whole &= document.is_whole();
        if arguments.json {
            println!("{}", document.json());
        } else {
            document.print_table();
        }
        if let Some(folder) = &arguments.plot
            && let Err(error) = report::write(folder, &document)
        {
            eprintln!("{}: {error}; name a folder that can be written to", folder.display());
            whole = false;
        }
    }
    if !held {
        let (name, text) = (&arguments.name, arguments.only.unwrap_or_default());
        let cases: Vec<String> = chosen.iter().flat_map(Bench::cases).collect();
        let cases = cases.join("`, `");
        eprintln!("`{name}` has no case with `{text}` in its name; it has: `{cases}`");
        return ExitCode::from(2);
    }
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
