//! What a command prints.

use crate::Failure;
use std::io::{self, Write as _};

/// Prints to stdout, where the reader may have gone away.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Failure> {
    match io::stdout().write_all(bytes).and_then(|()| io::stdout().flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(refused),
    }
}

/// Stdout does not take it.
pub(crate) fn refused(source: io::Error) -> Failure {
    Failure::System { thing: "stdout".into(), source, way_out: "check where it is redirected to" }
}
