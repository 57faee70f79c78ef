//! `cofferdam store get` and `cat`: a file or a directory comes out of a store.

use super::contents::{self, How};
use super::exit::Refused;
use super::options::{CopyOptions, StoreOptions};
use super::out_of_store::OutOfStore;
use super::progress::Progress;
use super::session::{Session, usage};
use super::troubles::Troubles;
use super::unnamed::make_safe;
use super::{path, put};
use crate::{Context, Failure};
use clap::Args;
use serde_json::json;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use store::{Attributes, Kind};

/// Options of `get`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// What to get
    name: OsString,
    /// Where to put it; into it, if it is a folder; `-` for stdout
    file: PathBuf,
    #[command(flatten)]
    copy: CopyOptions,
    /// Give zeros for what is damaged in a file, instead of leaving it out
    #[arg(long)]
    keep_going: bool,
}

/// Options of `cat`.
#[derive(Args, Debug)]
pub(crate) struct CatOptions {
    #[command(flatten)]
    store: StoreOptions,
    /// Which files, one after the other
    #[arg(required = true)]
    name: Vec<OsString>,
    /// Give zeros for what is damaged, instead of ending there
    #[arg(long)]
    keep_going: bool,
}

/// Gets it.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let name = options.name.as_bytes();
    let mut session = Session::read(&options.store)?;
    let found = if options.copy.archive {
        path::look(session.store(), name)
    } else {
        path::follow(session.store(), name)
    };
    let it = found.map_err(|error| session.about(name, &error))?;
    let total = (it.kind() == Kind::File).then_some(it.size);
    let mut progress = Progress::begin("get", total, context);
    let mut troubles = Troubles::none(context);
    if options.file == Path::new("-") {
        progress = progress.beside_stdout();
        print(&mut session, name, &it, options.keep_going, (&mut progress, &mut troubles))?;
        return troubles.end();
    }
    if it.kind() == Kind::Directory && !options.copy.directories() {
        return Err(session.about(name, &store::Error::IsDirectory));
    }
    let to = match path::last(name) {
        b"" | b"." | b".." => options.file.clone(),
        last if options.file.is_dir() => options.file.join(OsStr::from_bytes(last)),
        _ => options.file.clone(),
    };
    let mut out = OutOfStore {
        session: &mut session,
        progress,
        troubles,
        keeps: options.copy.archive,
        replaces: options.copy.force,
        keep_going: options.keep_going,
        mask: put::mask(),
        files: 0,
        bytes: 0,
        seen: HashMap::new(),
    };
    out.any(name, &it, &to)?;
    let OutOfStore { files, bytes, troubles, .. } = out;
    if it.kind() == Kind::File {
        make_safe(&to).map_err(|error| Refused::outside("synchronising", &to, &error))?;
    }
    if context.json {
        println!("{}", json!({ "files": files, "bytes": bytes }));
    }
    troubles.end()
}

/// Prints files.
pub(crate) fn cat(options: &CatOptions, context: &Context) -> Result<(), Failure> {
    let mut session = Session::read(&options.store)?;
    let mut progress = Progress::begin("cat", None, context).never_shown();
    let mut troubles = Troubles::none(context);
    for name in &options.name {
        let name = name.as_bytes();
        let done = path::follow(session.store(), name)
            .map_err(|error| session.about(name, &error))
            .and_then(|it| {
                let told = (&mut progress, &mut troubles);
                print(&mut session, name, &it, options.keep_going, told)
            });
        if let Err(failure) = done {
            troubles.bear_one_of(options.name.len(), failure, &mut progress)?;
        }
    }
    troubles.end()
}

fn print(
    session: &mut Session,
    name: &[u8],
    it: &Attributes,
    keep_going: bool,
    told: (&mut Progress, &mut Troubles),
) -> Result<(), Failure> {
    if it.kind() != Kind::File {
        let error = match it.kind() {
            Kind::Directory => store::Error::Invalid("it is a directory; name a file in it"),
            _ => store::Error::Invalid("only a file can be read"),
        };
        return Err(if it.kind() == Kind::Directory {
            usage(format!("{}: {error}", super::shown::safe(name)))
        } else {
            session.about(name, &error)
        });
    }
    let mut stdout = io::stdout().lock();
    let how = How { sparse: false, keep_going };
    let done = contents::read(session, (name, it), how, told, &mut |_, _, piece| {
        stdout.write_all(piece).map_err(stdout_failed)
    })
    .and_then(|()| stdout.flush().map_err(stdout_failed));
    match done {
        // Whoever reads has seen enough.
        Err(Failure::System { source, .. }) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn stdout_failed(source: io::Error) -> Failure {
    Failure::System { thing: "stdout".into(), source, way_out: "check where it is redirected to" }
}
