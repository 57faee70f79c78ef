//! `cofferdam store mv`, `rm`, `mkdir` and `ln`: names within a store.

use super::options::StoreOptions;
use super::out_of_store::entries;
use super::path::{self, Spot, join};
use super::progress::Progress;
use super::session::{Session, usage};
use super::troubles::Troubles;
use crate::{Context, Failure};
use clap::Args;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use store::{Error, Kind, Make, ObjectId, Taken};

/// Options of `mv`.
#[derive(Args, Debug)]
pub(crate) struct MvOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// What to move
    from: OsString,
    /// Its new name; into it, if it is a directory
    to: OsString,
    /// Replace what has the name
    #[arg(short, long)]
    force: bool,
}

/// Options of `rm`.
#[derive(Args, Debug)]
pub(crate) struct RmOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// What to remove
    #[arg(required = true)]
    name: Vec<OsString>,
    /// Directories, too, with all that is in them
    #[arg(short, long)]
    recursive: bool,
    /// What is not there is no error
    #[arg(short, long)]
    force: bool,
}

/// Options of `mkdir`.
#[derive(Args, Debug)]
pub(crate) struct MkdirOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// Directories to make
    #[arg(required = true)]
    name: Vec<OsString>,
    /// Those above them, too; one that is there is no error
    #[arg(short, long)]
    parents: bool,
}

/// Options of `ln`.
#[derive(Args, Debug)]
pub(crate) struct LnOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// What the link leads to
    target: OsString,
    /// Its name
    name: OsString,
    /// A symbolic link
    #[arg(short, long)]
    symbolic: bool,
}

/// Moves.
pub(crate) fn mv(options: &MvOptions, _context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let (from, to) = (options.from.as_bytes(), options.to.as_bytes());
    let source = path::spot(session.store(), from).map_err(|error| session.about(from, &error))?;
    let target = path::target(session.store(), to, &source.name)
        .map_err(|error| session.about(to, &error))?;
    let taken = if options.force { Taken::Replace } else { Taken::Refuse };
    let moved = session.change(|store, now| {
        store.rename(source.parent, &source.name, target.parent, &target.name, taken, now)
    });
    let done = moved.map_err(|error| {
        let about = if error == Error::NotFound { &source.path } else { &target.path };
        session.about(about, &error)
    });
    session.end(done)
}

/// Removes.
pub(crate) fn rm(options: &RmOptions, context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let mut progress = Progress::begin("rm", None, context);
    let mut troubles = Troubles::none(context);
    let mut done = Ok(());
    for name in &options.name {
        done = progress.begin_next();
        if done.is_err() {
            break;
        }
        let name = name.as_bytes();
        let removed = path::spot(session.store(), name)
            .and_then(|spot| {
                session.store().lookup(spot.parent, &spot.name).map(|it| (spot, it.kind()))
            })
            .map_err(|error| (error == Error::NotFound, session.about(name, &error)));
        let removed = match removed {
            Err((true, _)) if options.force => Ok(()),
            Err((_, failure)) => Err(failure),
            Ok((spot, Kind::Directory)) if options.recursive => {
                directory(&mut session, &spot, (&mut progress, &mut troubles))
            }
            Ok((spot, kind)) => one(&mut session, &spot, kind),
        };
        done = removed
            .or_else(|failure| troubles.bear_one_of(options.name.len(), failure, &mut progress));
        if done.is_err() {
            break;
        }
    }
    session.end(done)?;
    troubles.end()
}

fn one(session: &mut Session, spot: &Spot, kind: Kind) -> Result<(), Failure> {
    if kind == Kind::Directory {
        let path = super::shown::safe(&spot.path);
        return Err(usage(format!("{path} is a directory; add -r to remove it with all in it")));
    }
    let removed = session.change(|store, now| store.unlink(spot.parent, &spot.name, now));
    removed.map_err(|error| session.about(&spot.path, &error))
}

fn directory(
    session: &mut Session,
    spot: &Spot,
    (progress, troubles): (&mut Progress, &mut Troubles),
) -> Result<(), Failure> {
    let found = session.store().lookup(spot.parent, &spot.name);
    let it = found.map_err(|error| session.about(&spot.path, &error))?;
    let (entries, damage) = entries(session, it.object);
    if let Some(damage) = damage {
        return Err(session.about(&spot.path, &damage));
    }
    for entry in entries {
        progress.begin_next()?;
        let path = join(&spot.path, &entry.name);
        let inner = Spot { parent: it.object, name: entry.name, path };
        let done = if entry.kind == Kind::Directory {
            directory(session, &inner, (&mut *progress, &mut *troubles))
        } else {
            one(session, &inner, entry.kind)
        };
        if let Err(failure) = done {
            troubles.bear(failure, progress)?;
        }
    }
    let removed = session.change(|store, now| store.remove_directory(spot.parent, &spot.name, now));
    removed.map_err(|error| session.about(&spot.path, &error))
}

/// Makes directories.
pub(crate) fn mkdir(options: &MkdirOptions, context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let mut progress = Progress::begin("mkdir", None, context);
    let mut troubles = Troubles::none(context);
    let mut done = Ok(());
    for name in &options.name {
        let name = name.as_bytes();
        let made = if options.parents {
            make_all(&mut session, name)
        } else {
            path::spot(session.store(), name)
                .and_then(|spot| make_one(&mut session, &spot).map(drop))
                .map_err(|error| session.about(name, &error))
        };
        done = made
            .or_else(|failure| troubles.bear_one_of(options.name.len(), failure, &mut progress));
        if done.is_err() {
            break;
        }
    }
    session.end(done)?;
    troubles.end()
}

fn make_one(session: &mut Session, spot: &Spot) -> Result<ObjectId, Error> {
    let permissions = 0o777 & !super::put::mask();
    let (user, group) = super::put::owner();
    let make = Make { kind: Kind::Directory, permissions, user, group, device: 0 };
    let made = session.change(|store, now| store.make(spot.parent, &spot.name, &make, now));
    made.map(|made| made.object)
}

fn make_all(session: &mut Session, name: &[u8]) -> Result<(), Failure> {
    let mut upto = 0;
    while upto < name.len() {
        let rest = name.get(upto..).unwrap_or_default();
        let slashes = rest.iter().take_while(|&&byte| byte == b'/').count();
        let part = rest.iter().skip(slashes).take_while(|&&byte| byte != b'/').count();
        upto += slashes + part;
        let path = name.get(..upto).unwrap_or(name);
        let found = path::follow(session.store(), path);
        let done = match found {
            Ok(it) if it.kind() == Kind::Directory => Ok(()),
            Ok(_) => Err(Error::NotDirectory),
            Err(Error::NotFound) => path::spot(session.store(), path)
                .and_then(|spot| make_one(session, &spot))
                .map(drop),
            Err(error) => Err(error),
        };
        done.map_err(|error| session.about(path, &error))?;
    }
    Ok(())
}

/// Makes a link.
pub(crate) fn ln(options: &LnOptions, _context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let (target, name) = (options.target.as_bytes(), options.name.as_bytes());
    let own = path::last(target).to_vec();
    let spot =
        path::target(session.store(), name, &own).map_err(|error| session.about(name, &error))?;
    let made = if options.symbolic {
        let (user, group) = super::put::owner();
        session
            .change(|store, now| store.make_link(spot.parent, &spot.name, target, user, group, now))
    } else {
        let it =
            path::look(session.store(), target).map_err(|error| session.about(target, &error))?;
        session.change(|store, now| store.link(it.object, spot.parent, &spot.name, now))
    };
    let done = made.map(drop).map_err(|error| session.about(&spot.path, &error));
    session.end(done)
}
