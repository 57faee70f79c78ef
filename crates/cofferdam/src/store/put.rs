//! `cofferdam store put`: a file or a folder goes into a store.

use super::exit::Refused;
use super::into_store::{Counts, IntoStore, Pipe};
use super::options::{CopyOptions, StoreOptions};
use super::path::{self, Spot};
use super::progress::Progress;
use super::session::{Session, usage};
use super::shown;
use super::troubles::Troubles;
use crate::{Context, Failure};
use clap::Args;
use rustix::fs::Mode;
use serde_json::json;
use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use store::{Kind, Make};

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// What to put there; `-` for stdin
    file: PathBuf,
    /// Under which name; into it, if it is a directory
    name: std::ffi::OsString,
    #[command(flatten)]
    copy: CopyOptions,
}

/// Puts it there.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let (from, name) = (&options.file, options.name.as_bytes());
    let stdin = from == Path::new("-");
    let recursive = options.copy.directories();
    let about = if stdin {
        None
    } else if options.copy.archive {
        Some(fs::symlink_metadata(from))
    } else {
        Some(fs::metadata(from))
    };
    let about = about.transpose().map_err(|error| Refused::outside("reading", from, &error))?;
    if about.as_ref().is_some_and(fs::Metadata::is_dir) && !recursive {
        return Err(usage(format!("{} is a folder; add -r to put it there", shown::path(from))));
    }
    let mut session = Session::write(&options.store)?;
    let own = own_name(from, stdin, name);
    let to =
        path::target(session.store(), name, &own).map_err(|error| session.about(name, &error))?;
    let total = about.as_ref().filter(|about| about.is_file()).map(fs::Metadata::len);
    let mut into = IntoStore {
        session: &mut session,
        progress: Progress::begin("put", total, context),
        troubles: Troubles::none(context),
        keeps: options.copy.archive,
        replaces: options.copy.force,
        owner: owner(),
        mask: mask(),
        counts: Counts::default(),
        seen: HashMap::new(),
    };
    let done = match &about {
        Some(about) if options.copy.archive || !about.file_type().is_fifo() => {
            into.any(from, about, &to)
        }
        _ => pipe(&mut into, from, &to, context),
    };
    let IntoStore { counts, troubles, .. } = into;
    session.end(done)?;
    if context.json {
        let told = json!({
            "files": counts.files, "directories": counts.directories, "links": counts.links,
            "bytes": counts.bytes,
        });
        println!("{told}");
    }
    troubles.end()
}

/// Stdin, or what a shell makes of `<(command)`.
fn pipe(
    into: &mut IntoStore<'_>,
    from: &Path,
    to: &Spot,
    context: &Context,
) -> Result<(), Failure> {
    let file = if from == Path::new("-") {
        std::io::stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open(from)
    };
    let file = file.map_err(|error| Refused::outside("reading", from, &error))?;
    let permissions = 0o666 & !into.mask;
    let (user, group) = into.owner;
    let make = Make { kind: Kind::File, permissions, user, group, device: 0 };
    into.stream(&mut Pipe::new(file, &context.stop), None, &make, None, to).map(drop)
}

/// Under which name it goes into a directory.
fn own_name(from: &Path, stdin: bool, name: &[u8]) -> Vec<u8> {
    if stdin {
        return path::last(name).to_vec();
    }
    let own = from.file_name().map(ToOwned::to_owned);
    // `.` and `..` have names elsewhere.
    let own = own.or_else(|| Some(fs::canonicalize(from).ok()?.file_name()?.to_owned()));
    own.map(OsStringExt::into_vec).unwrap_or_default()
}

/// Whose new files are.
pub(super) fn owner() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// The permissions that this user's new files do not get.
pub(super) fn mask() -> u32 {
    // It cannot be asked for without being set.
    let mask = rustix::process::umask(Mode::empty());
    rustix::process::umask(mask);
    mask.bits()
}
