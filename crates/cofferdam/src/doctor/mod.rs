//! `cofferdam doctor`: what this machine can do, and what to install for the rest.
//!
//! It looks and tries, and changes nothing: a socket is opened and closed, a device likewise.

mod devices;
mod finding;
mod machine;
mod privileges;
mod programs;
mod report;

use crate::{Context, Failure};
use finding::Finding;
use machine::Machine;
use privileges::Privileges;
use std::io::{self, IsTerminal as _};

/// Looks, and prints what it found.
pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let machine = Machine::this();
    let findings = findings(&machine);
    let text = if context.json {
        report::json(&machine, &findings)
    } else {
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        report::text(&machine, &findings, colours)
    };
    crate::stdout::print(text.as_bytes())
}

fn findings(machine: &Machine) -> Vec<Finding> {
    let privileges = Privileges::of_this_process();
    let mut findings = vec![
        machine.kernel(),
        privileges.finding(),
        privileges::user_namespaces(),
        machine::locked_memory(&privileges),
        machine::huge_pages(),
    ];
    findings.extend(devices::all(&privileges));
    findings.extend(programs::all());
    findings
}
