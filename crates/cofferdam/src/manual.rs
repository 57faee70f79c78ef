//! Completion scripts and manual pages, both made from the command line's own definition.

use crate::Failure;
use crate::cli::Cli;
use clap::CommandFactory as _;
use clap_complete::Shell;
use std::io::{self, Write as _};
use std::path::Path;

/// Prints the completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cofferdam", &mut script);
    print(&script)
}

/// Prints the manual page, or writes one for each command into `dir`.
pub(crate) fn pages(dir: Option<&Path>) -> Result<(), Failure> {
    if let Some(dir) = dir {
        let failed = |source| Failure::System {
            thing: format!("writing manual pages into {}", dir.display()),
            source,
            way_out: "name a folder that you may write to",
        };
        std::fs::create_dir_all(dir).map_err(failed)?;
        return clap_mangen::generate_to(Cli::command(), dir).map_err(failed);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(stdout)?;
    print(&page)
}

/// Prints to stdout, where the reader may have gone away.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(stdout),
    }
}

fn stdout(source: io::Error) -> Failure {
    Failure::System { thing: "stdout".into(), source, way_out: "check where it is redirected to" }
}
