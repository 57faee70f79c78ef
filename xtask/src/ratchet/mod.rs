//! The ratchet: counts of bad smells that may only fall.
//!
//! The numbers lie in `ratchet.toml`. A count above its number is an error, and so is one below:
//! whoever made things better takes the number down with `cargo xtask ratchet --lower`, and
//! nobody can use up the difference later.

mod count;
mod numbers;

use crate::step::{Failed, root};
use numbers::Numbers;

/// What to do about counts that fell.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write numbers that fell into `ratchet.toml`; never raises one
    #[arg(long)]
    lower: bool,
    /// Print the numbers that were counted, in the form of `ratchet.toml`
    #[arg(long, conflicts_with = "lower")]
    print: bool,
}

/// Compares, and lowers where asked to.
pub(crate) fn run(options: &Options) -> Result<(), Failed> {
    let root = root();
    let counted = count::all(&root)?;
    if options.print {
        print!("{}", Numbers::of(&counted).text()?);
        return Ok(());
    }
    let mut allowed = Numbers::read(&root)?;
    if options.lower {
        allowed.lower_to(&counted);
        allowed.write(&root)?;
    }
    let complaints = allowed.complaints(&counted);
    if complaints.is_empty() { Ok(()) } else { Err(Failed(complaints.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smells_only_fall() {
        if let Err(Failed(complaints)) = run(&Options { lower: false, print: false }) {
            panic!("{complaints}");
        }
    }
}
