//! `cofferdam store`: an encrypted store that notices every change it did not make.
//!
//! Each command is a module with its options and a `run`. What they share: how a store is opened
//! (`session`), where its trusted half is (`place`), what opens it (`secret`), and the exit codes
//! (`exit`).

mod backup;
mod change;
mod contents;
mod copy;
mod exit;
mod extras;
mod get;
mod init;
mod into_store;
mod keys;
mod list;
mod migrate;
mod mount;
mod new_key;
mod options;
mod out_of_store;
mod path;
mod place;
mod progress;
mod put;
mod rekey;
mod secret;
mod session;
mod shown;
mod stat;
mod tree;
mod trim;
mod troubles;
mod unnamed;
mod verify;

pub(crate) use exit::Refused;

use crate::{Context, Failure};
use clap::Subcommand;

/// What can be done with a store.
#[derive(Debug, Subcommand)]
#[command(after_help = exit::TABLE)]
pub(crate) enum Command {
    /// Make a store, with its seal and its first key
    Init(init::Options),
    /// Put a file or a folder into a store
    Put(put::Options),
    /// Get a file or a directory out of a store
    Get(get::Options),
    /// Print files of a store
    Cat(get::CatOptions),
    /// List directories of a store
    Ls(list::Options),
    /// Show a directory of a store with all that is in it
    Tree(tree::Options),
    /// Show all that is known of a file, or of the store
    Stat(stat::Options),
    /// Copy within a store
    Cp(copy::Options),
    /// Move or rename within a store
    Mv(change::MvOptions),
    /// Remove from a store
    Rm(change::RmOptions),
    /// Make directories in a store
    Mkdir(change::MkdirOptions),
    /// Make a link in a store
    Ln(change::LnOptions),
    /// The ways to open a store: list, add, remove
    #[command(subcommand)]
    Keys(keys::Command),
    /// Draw new keys for all that is written from now on; contents are not rewritten
    Rekey(rekey::Options),
    /// Read and check everything in a store
    Verify(verify::Options),
    /// Give the room of what is free in a store back to the disk
    Trim(trim::Options),
    /// Write the last commit to one file, as encrypted as the store; others may write meanwhile
    Backup(backup::Options),
    /// Make a store of a backup
    Restore(backup::RestoreOptions),
    /// Bring a store to the newest version of the format, or copy it into a new one with new keys
    Migrate(migrate::Options),
    /// Mount a store as a file system, until Ctrl-C
    Mount(mount::Options),
}

/// Does it.
pub(crate) fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Init(options) => init::run(&options, context),
        Command::Put(options) => put::run(&options, context),
        Command::Get(options) => get::run(&options, context),
        Command::Cat(options) => get::cat(&options, context),
        Command::Ls(options) => list::run(&options, context),
        Command::Tree(options) => tree::run(&options, context),
        Command::Stat(options) => stat::run(&options, context),
        Command::Cp(options) => copy::run(&options, context),
        Command::Mv(options) => change::mv(&options, context),
        Command::Rm(options) => change::rm(&options, context),
        Command::Mkdir(options) => change::mkdir(&options, context),
        Command::Ln(options) => change::ln(&options, context),
        Command::Keys(command) => keys::run(&command, context),
        Command::Rekey(options) => rekey::run(&options, context),
        Command::Verify(options) => verify::run(&options, context),
        Command::Trim(options) => trim::run(&options, context),
        Command::Backup(options) => backup::run(&options, context),
        Command::Restore(options) => backup::run_restore(&options, context),
        Command::Migrate(options) => migrate::run(&options, context),
        Command::Mount(options) => mount::run(&options, context),
    }
}
