//! `cofferdam store rekey`: new keys for all that is written from now on.
//!
//! Contents are not rewritten: what was written before stays under the old keys, which the new list
//! still has. Who had a key, and has it no more, cannot read what comes.

use super::new_key;
use super::options::StoreOptions;
use super::secret::Held;
use super::session::{Session, usage};
use crate::{Context, Failure};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use store::Error;
use store::host::passphrase;
use store::keys::Secret;

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Another key file that is to stay; may be given several times
    #[arg(long, value_name = "FILE", help_heading = "Keys that stay")]
    keep_key_file: Vec<PathBuf>,
    /// Ask for another passphrase that is to stay
    #[arg(long, help_heading = "Keys that stay")]
    keep_passphrase: bool,
    /// A passphrase that is to stay, from an open descriptor; may be given several times
    #[arg(long, value_name = "NUMBER", help_heading = "Keys that stay")]
    keep_passphrase_fd: Vec<i32>,
    /// A recovery key that is to stay, from an open descriptor; may be given several times
    #[arg(long, value_name = "NUMBER", help_heading = "Keys that stay")]
    keep_recovery_key_fd: Vec<i32>,
    /// Drop all keys but those that are given
    #[arg(long, help_heading = "Keys that stay")]
    drop_others: bool,
}

/// Draws them.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let others = others(options)?;
    let slots = session.store().keys().slots();
    let opened_with = std::mem::replace(
        &mut session.secret,
        Held::KeyFile(store::host::key_file::Secret::default(), None),
    );
    let keep: Vec<Secret<'_>> =
        std::iter::once(&opened_with).chain(&others).map(Held::secret).collect();
    // Who forgets one would lock somebody out: so it has to be said. What counts is which slots the
    // secrets open: one may be given twice.
    let mut unnamed = Vec::new();
    let done = session.change_keys(|keys, randomness| {
        let dropped = keys.rekey(&keep, randomness)?;
        if dropped.is_empty() || options.drop_others {
            return Ok(dropped);
        }
        unnamed = dropped;
        Err(Error::Invalid("a key that is to stay was not given"))
    });
    session.secret = opened_with;
    if !unnamed.is_empty() {
        let list: Vec<_> = unnamed.iter().map(new_key::sentence).collect();
        return Err(usage(format!(
            "each key that is to stay has to be given, and {} of {} were not: {}; give them with \
             --keep-…, or add --drop-others",
            unnamed.len(),
            slots.len(),
            list.join(", ")
        )));
    }
    let dropped = done?;
    let generation = session.store().keys().keyring().generations();
    session.finish()?;
    let text = if context.json {
        let dropped: Vec<_> = dropped.iter().map(new_key::json).collect();
        json!({ "generation": generation, "dropped": dropped }).to_string()
    } else if dropped.is_empty() {
        format!("new keys are drawn (generation {generation}); all keys that open it stay")
    } else {
        let list: Vec<_> = dropped.iter().map(new_key::sentence).collect();
        format!("new keys are drawn (generation {generation}); dropped: {}", list.join(", "))
    };
    crate::stdout::print(format!("{text}\n").as_bytes())
}

fn others(options: &Options) -> Result<Vec<Held>, Failure> {
    let mut others = Vec::new();
    for path in &options.keep_key_file {
        others.push(Held::from_file(path)?);
    }
    if options.keep_passphrase {
        others.push(Held::Passphrase(super::secret::ask("Another passphrase: ")?));
    }
    for number in &options.keep_passphrase_fd {
        others.push(Held::Passphrase(passphrase::read_descriptor(*number)?));
    }
    for number in &options.keep_recovery_key_fd {
        others.push(Held::recovery(*number)?);
    }
    Ok(others)
}
