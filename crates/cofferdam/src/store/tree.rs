//! `cofferdam store tree`: a directory with all that is in it.

use super::list::{Line, inside};
use super::options::StoreOptions;
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
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Which directory; the root if there is none
    #[arg(default_value = "/")]
    name: OsString,
    /// Not deeper than that
    #[arg(short = 'L', long, value_name = "LEVELS", default_value_t = 255)]
    depth: usize,
    /// Sizes with units
    #[arg(long)]
    human: bool,
}

/// A walk through a store.
struct Walk<'a> {
    session: Session,
    progress: Progress,
    troubles: Troubles,
    options: &'a Options,
    json: bool,
    directories: u64,
    files: u64,
}

/// Shows it.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::read(&options.store)?;
    let name = options.name.as_bytes();
    let it = path::follow(session.store(), name).map_err(|error| session.about(name, &error))?;
    if it.kind() != Kind::Directory {
        return Err(session.about(name, &store::Error::NotDirectory));
    }
    let mut walk = Walk {
        session,
        progress: Progress::begin("tree", None, context),
        troubles: Troubles::none(context),
        options,
        json: context.json,
        directories: 0,
        files: 0,
    };
    if !context.json {
        crate::stdout::print(&[&shown::name(name)[..], b"\n"].concat())?;
    }
    let children = walk.directory(name, &it, "", options.depth)?;
    let text = if context.json {
        let mut document = shown::attributes(name, &it, None);
        document.insert("entries".into(), children.into());
        format!("{}\n", Value::Object(document))
    } else {
        format!("\n{} directories, {} files\n", walk.directories, walk.files)
    };
    crate::stdout::print(text.as_bytes())?;
    walk.troubles.end()
}

impl Walk<'_> {
    /// Prints what is in a directory, or gives it for JSON.
    fn directory(
        &mut self,
        path: &[u8],
        it: &Attributes,
        margin: &str,
        depth: usize,
    ) -> Result<Vec<Value>, Failure> {
        let Some(deeper) = depth.checked_sub(1) else { return Ok(Vec::new()) };
        let told = (&mut self.progress, &mut self.troubles);
        let lines = inside(&mut self.session, path, it, told)?;
        let mut documents = Vec::new();
        let count = lines.len();
        for (index, line) in lines.iter().enumerate() {
            let last = index + 1 == count;
            let directory = line.it.kind() == Kind::Directory;
            *(if directory { &mut self.directories } else { &mut self.files }) += 1;
            if !self.json {
                crate::stdout::print(&self.text(line, margin, last))?;
            }
            let margin = format!("{margin}{}", if last { "    " } else { "│   " });
            let children = if directory {
                self.directory(&line.path, &line.it, &margin, deeper)?
            } else {
                Vec::new()
            };
            if self.json {
                let mut document = shown::attributes(&line.path, &line.it, line.target.as_deref());
                if directory {
                    document.insert("entries".into(), json!(children));
                }
                documents.push(Value::Object(document));
            }
        }
        Ok(documents)
    }

    fn text(&self, line: &Line, margin: &str, last: bool) -> Vec<u8> {
        let branch = if last { "└── " } else { "├── " };
        let mut text = format!("{margin}{branch}").into_bytes();
        text.extend(shown::name(&line.name));
        if let Some(target) = &line.target {
            text.extend(b" -> ");
            text.extend(shown::name(target));
        } else if line.it.kind() == Kind::File {
            text.extend(format!("  {}", shown::size(line.it.size, self.options.human)).bytes());
        }
        text.push(b'\n');
        text
    }
}
