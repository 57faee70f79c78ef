//! `cofferdam store keys`: the ways to open a store.

use super::exit::Refused;
use super::new_key::{self, NewKeyOptions};
use super::options::StoreOptions;
use super::place::Trusted;
use super::secret::Held;
use super::session::{Session, usage};
use super::shown;
use crate::{Context, Failure};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use store::host::{self, Access, SystemRandomness, passphrase};
use store::keys::{RecoveryKey, SlotInfo};
use store::superblock::Superblocks;
use store::{Closed, Media};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the keys that open a store
    List(ListOptions),
    /// Add a key
    Add(AddOptions),
    /// Remove a key; who has it and an old copy of the list can still read what was written before:
    /// `rekey` keeps what comes from them
    Remove(RemoveOptions),
}

/// Options of `list`.
#[derive(Args, Debug)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// Without opening the store: what is shown may have been changed by anybody
    #[arg(long)]
    unproven: bool,
}

/// Options of `add`.
#[derive(Args, Debug)]
pub(crate) struct AddOptions {
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    new: NewKeyOptions,
}

/// What is to open the store from now on.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
#[command(next_help_heading = "New key")]
struct Which {
    /// A key file; it is made if it is not there
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    /// A key from an open descriptor: its first 32 bytes
    #[arg(long, value_name = "NUMBER")]
    new_key_fd: Option<i32>,
    /// A passphrase, asked for twice at the terminal
    #[arg(long)]
    new_passphrase: bool,
    /// A passphrase from an open descriptor: its first line
    #[arg(long, value_name = "NUMBER")]
    new_passphrase_fd: Option<i32>,
    /// A recovery key, which is printed once, to be written down
    #[arg(long)]
    recovery: bool,
}

/// Options of `remove`.
#[derive(Args, Debug)]
pub(crate) struct RemoveOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// The key's number, as `list` shows it
    number: usize,
    /// Even if it is the one that this command was given
    #[arg(short, long)]
    force: bool,
}

/// Does it.
pub(crate) fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List(options) => list(options, context),
        Command::Add(options) => add(options, context),
        Command::Remove(options) => remove(options, context),
    }
}

fn list(options: &ListOptions, context: &Context) -> Result<(), Failure> {
    if options.unproven {
        return print(&unproven(&options.store)?, None, context);
    }
    let mut session = Session::read(&options.store)?;
    let keys = session.store().keys();
    print(&keys.slots(), keys.opened_with(), context)
}

/// The slots as they stand in clear.
fn unproven(options: &StoreOptions) -> Result<Vec<SlotInfo>, Failure> {
    let path = &options.store;
    let refused = |error| Refused::about(shown::path(path), &error);
    let medium = host::open(path, Access::Read)?;
    let superblocks = Superblocks::read(&*medium).map_err(refused)?;
    let identity = superblocks.newest().map_err(refused)?.identity;
    let trusted = Trusted::find(path, identity, &options.trusted, Access::Read)?;
    let seal = host::open(&trusted.seal, Access::Read)?;
    let media = Media { store: Arc::from(medium), seal: Arc::from(seal) };
    Ok(Closed::look(media).map_err(refused)?.slots())
}

fn print(slots: &[SlotInfo], used: Option<usize>, context: &Context) -> Result<(), Failure> {
    let mut text = String::new();
    if context.json {
        let keys: Vec<_> = slots.iter().map(new_key::json).collect();
        text = json!({ "keys": keys, "opened_with": used }).to_string() + "\n";
    } else {
        for slot in slots {
            let mark = if Some(slot.index) == used { "*" } else { " " };
            let (kind, made) = (new_key::kind(slot.kind), host::readable(slot.made));
            let label = super::shown::safe(slot.label.as_bytes());
            let line = format!("{:>2}{mark} {kind:<12}  {made}  {label}", slot.index);
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    crate::stdout::print(text.as_bytes())
}

fn add(options: &AddOptions, context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let mut randomness = SystemRandomness::new()?;
    let mut made_file = None;
    let which = &options.which;
    let key = if let Some(path) = &which.new_key_file {
        let (key, made) = new_key::file(path, &mut randomness)?;
        made_file = made.then_some(path);
        key
    } else if let Some(number) = which.new_key_fd {
        Held::KeyFile(host::key_file::read_descriptor(number)?, None)
    } else if let Some(number) = which.new_passphrase_fd {
        Held::Passphrase(passphrase::read_descriptor(number)?)
    } else if which.new_passphrase {
        Held::new_passphrase()?
    } else {
        Held::Recovery(RecoveryKey::draw(&mut randomness))
    };
    let slot = options.new.slot(&key);
    let added = session.change_keys(|keys, randomness| keys.add(&slot, randomness));
    let number = match added {
        Ok(number) => number,
        Err(failure) => {
            if let Some(path) = made_file {
                // It opens nothing.
                let _ = std::fs::remove_file(path);
            }
            return Err(failure);
        }
    };
    session.finish()?;
    tell_added(number, &key, made_file.is_some(), context)
}

fn tell_added(number: usize, key: &Held, made: bool, context: &Context) -> Result<(), Failure> {
    let recovery = match key {
        Held::Recovery(key) => Some(key.text()),
        _ => None,
    };
    if context.json {
        let mut told = json!({ "number": number });
        if let Some(text) = &recovery {
            told["recovery_key"] = text.as_str().into();
        }
        return crate::stdout::print(format!("{told}\n").as_bytes());
    }
    let mut text = format!("key {number} added\n");
    if let (Some(path), true) = (key.key_file(), made) {
        text = format!("key {number} added; its file is {}, keep it safe\n", shown::path(path));
    }
    if let Some(recovery) = &recovery {
        text = format!(
            "key {number} added; write this recovery key down, it is not shown again:\n  {}\n",
            recovery.as_str()
        );
    }
    crate::stdout::print(text.as_bytes())
}

fn remove(options: &RemoveOptions, context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let used = session.store().keys().opened_with() == Some(options.number);
    if used && !options.force {
        return Err(usage(format!(
            "key {} is the one that this command was given; give another one, or add --force if \
             you have another one",
            options.number
        )));
    }
    let number = options.number;
    session.change_keys(|keys, _| keys.remove(number))?;
    if used && session.secret.key_file().is_some() {
        session.trusted.forget_key_file();
        session.secret_is_gone();
    }
    session.finish()?;
    if context.json {
        return crate::stdout::print(format!("{}\n", json!({ "removed": number })).as_bytes());
    }
    crate::stdout::print(format!("key {number} removed\n").as_bytes())
}
