//! `cofferdam store ls`: what is in directories.

use super::options::StoreOptions;
use super::out_of_store::entries;
use super::progress::Progress;
use super::session::Session;
use super::troubles::Troubles;
use super::{path, shown};
use crate::{Context, Failure};
use clap::Args;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use store::{Attributes, Kind};

/// Its options.
#[expect(clippy::struct_excessive_bools, reason = "the flags of a command line")]
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Directories and files; the root if there are none
    name: Vec<OsString>,
    /// With mode, links, owner, group, size and time
    #[arg(short, long)]
    long: bool,
    /// Names that begin with a dot, too
    #[arg(short, long)]
    all: bool,
    /// Directories themselves, not what is in them
    #[arg(short, long)]
    directory: bool,
    /// Sizes with units
    #[arg(long)]
    human: bool,
}

/// One line of a list.
pub(super) struct Line {
    pub(super) path: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) it: Attributes,
    pub(super) target: Option<Vec<u8>>,
}

/// Lists them.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::read(&options.store)?;
    let mut progress = Progress::begin("ls", None, context);
    let mut troubles = Troubles::none(context);
    let root = [OsString::from("/")];
    let names = if options.name.is_empty() { &root[..] } else { &options.name };
    let mut documents = Vec::new();
    let mut first = true;
    for name in names {
        let name = name.as_bytes();
        let found = if options.directory || options.long {
            path::look(session.store(), name)
        } else {
            path::follow(session.store(), name)
        };
        let it = match found {
            Ok(it) => it,
            Err(error) => {
                let failure = session.about(name, &error);
                troubles.bear_one_of(names.len(), failure, &mut progress)?;
                continue;
            }
        };
        let lines = if it.kind() == Kind::Directory && !options.directory {
            let lines = inside(&mut session, name, &it, (&mut progress, &mut troubles))?;
            if names.len() > 1 && !context.json {
                let gap = if first { "" } else { "\n" };
                let heading = [gap.as_bytes(), &shown::name(name), b":\n"].concat();
                crate::stdout::print(&heading)?;
            }
            lines.into_iter().filter(|line| options.all || !line.name.starts_with(b".")).collect()
        } else {
            vec![line(&mut session, name.to_vec(), name.to_vec(), it)?]
        };
        first = false;
        if context.json {
            documents.extend(lines.iter().map(|line| {
                Value::Object(shown::attributes(&line.path, &line.it, line.target.as_deref()))
            }));
        } else {
            crate::stdout::print(&text(&lines, options))?;
        }
    }
    if context.json {
        crate::stdout::print(format!("{}\n", json!({ "entries": documents })).as_bytes())?;
    }
    troubles.end()
}

/// What is in a directory, as far as it can be read.
pub(super) fn inside(
    session: &mut Session,
    path: &[u8],
    it: &Attributes,
    (progress, troubles): (&mut Progress, &mut Troubles),
) -> Result<Vec<Line>, Failure> {
    let (entries, damage) = entries(session, it.object);
    if let Some(damage) = damage {
        let failure = session.about(path, &damage);
        troubles.bear(failure, progress)?;
    }
    let mut lines = Vec::new();
    for entry in entries {
        progress.check()?;
        let inner = path::join(path, &entry.name);
        let found = session.store().attributes(entry.object);
        let done = found
            .map_err(|error| session.about(&inner, &error))
            .and_then(|it| line(session, inner, entry.name, it));
        match done {
            Ok(line) => lines.push(line),
            Err(failure) => troubles.bear(failure, progress)?,
        }
    }
    Ok(lines)
}

pub(super) fn line(
    session: &mut Session,
    path: Vec<u8>,
    name: Vec<u8>,
    it: Attributes,
) -> Result<Line, Failure> {
    let target = if it.kind() == Kind::Link {
        let target = session.store().read_link(it.object);
        Some(target.map_err(|error| session.about(&path, &error))?)
    } else {
        None
    };
    Ok(Line { path, name, it, target })
}

fn text(lines: &[Line], options: &Options) -> Vec<u8> {
    let mut out = Vec::new();
    let size = |line: &Line| shown::size(line.it.size, options.human);
    let widest = |column: &dyn Fn(&Line) -> String| {
        lines.iter().map(|line| column(line).len()).max().unwrap_or(0)
    };
    let columns: [&dyn Fn(&Line) -> String; 4] = [
        &|line| line.it.links.to_string(),
        &|line| line.it.user.to_string(),
        &|line| line.it.group.to_string(),
        &size,
    ];
    let widths = columns.map(widest);
    for line in lines {
        if options.long {
            out.extend(shown::mode(line.it.mode).bytes());
            for (column, width) in columns.iter().zip(widths) {
                out.extend(format!(" {:>width$}", column(line)).bytes());
            }
            out.extend(format!("  {}  ", shown::time(line.it.changed)).bytes());
        }
        out.extend(shown::name(&line.name));
        if let (Some(target), true) = (&line.target, options.long) {
            out.extend(b" -> ");
            out.extend(shown::name(target));
        }
        out.push(b'\n');
    }
    out
}
