//! Completion scripts and manual pages, both made from the command line's own definition.

use crate::Failure;
use crate::cli::Cli;
use crate::stdout::{print, refused};
use clap::builder::Resettable;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Prints the completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cofferdam", &mut script);
    print(&script)
}

/// Prints the manual page, or writes one for each command into `dir`.
pub(crate) fn pages(dir: Option<&Path>) -> Result<(), Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = dir else {
        return print(page(&command, None, None).map_err(refused)?.as_bytes());
    };
    let failed = |source| Failure::System {
        thing: format!("writing manual pages into {}", dir.display()),
        source,
        way_out: "name a folder that you may write to",
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    write_pages(&command, None, None, dir).map_err(failed)
}

/// What a command is called as a page.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// Writes the page of a command, and of all below it. Exit codes are those of the command above.
fn write_pages(
    command: &Command,
    codes: Option<&str>,
    above: Option<&str>,
    dir: &Path,
) -> io::Result<()> {
    let own = codes_of(command);
    let codes = own.as_deref().or(codes);
    std::fs::write(dir.join(format!("{}.1", name(command))), page(command, codes, above)?)?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, codes, Some(name(command)), dir)?;
    }
    Ok(())
}

/// The table of exit codes that a command's help ends with.
fn codes_of(command: &Command) -> Option<String> {
    let text = command.get_after_help()?.to_string();
    text.strip_prefix("Exit codes:\n").map(str::to_owned)
}

/// The page of a command.
fn page(command: &Command, codes: Option<&str>, above: Option<&str>) -> io::Result<String> {
    let mut told = command.clone();
    if codes_of(command).is_some() {
        // They have a section of their own, and a form that pages have.
        told = told.after_help(Resettable::Reset);
    }
    let title = format!(".TH {} 1 \"\" \"cofferdam {}\" Cofferdam", name(command), VERSION);
    let mut page = Vec::new();
    clap_mangen::Man::new(told).render(&mut page)?;
    let mut text = tidy(&String::from_utf8_lossy(&page), &title);
    if let Some(codes) = codes {
        text += ".SH \"EXIT STATUS\"\n";
        for (number, meaning) in codes.lines().filter_map(|line| line.trim().split_once("  ")) {
            let meaning = meaning.trim().replace('\'', "\\(aq");
            // Writing to a string cannot fail.
            let _ = write!(text, ".TP 6\n.B {number}\n{meaning}\n");
        }
    }
    if let Some(above) = above {
        let _ = write!(text, ".SH \"SEE ALSO\"\n.BR {above} (1)\n");
    }
    Ok(text)
}

/// Without what those who check pages complain about: spaces at ends, an empty line between two
/// breaks, and a title whose empty date is left out, so that what follows is taken for one.
fn tidy(page: &str, title: &str) -> String {
    let lines =
        page.lines().map(|line| if line.starts_with(".TH ") { title } else { line.trim_end() });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    text.replace("\n.br\n\n.br\n", "\n.sp\n")
}
