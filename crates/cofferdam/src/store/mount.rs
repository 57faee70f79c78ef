//! `cofferdam store mount`: a store as a file system of this machine, until somebody ends it.

use super::exit::{Exit, Refused};
use super::options::StoreOptions;
use super::session::Session;
use super::shown;
use crate::{Context, Failure};
use ::mount::{Console, Error, Mounted};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// The directory to mount it at
    point: PathBuf,
    /// Only to be read
    #[arg(long)]
    read_only: bool,
    /// Other users may use it, as far as permissions let them
    #[arg(long)]
    others: bool,
    /// How many requests are answered at the same time
    #[arg(long, value_name = "COUNT")]
    threads: Option<usize>,
}

/// Tells on stderr what programs are not told: which file was changed.
struct Stderr {
    json: bool,
}

impl Console for Stderr {
    fn tell(&self, line: &str) {
        let line = super::shown::safe(line.as_bytes());
        if self.json {
            eprintln!("{}", json!({ "damage": line }));
        } else {
            eprintln!("cofferdam: {line}");
        }
    }
}

/// Mounts it, and waits.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = if options.read_only {
        Session::read(&options.store)?
    } else {
        Session::write(&options.store)?
    };
    let (volume, shared) = session.share();
    let mut how = ::mount::Options {
        name: options.store.store.to_string_lossy().into_owned(),
        others: options.others,
        read_only: options.read_only,
        ..::mount::Options::default()
    };
    how.threads = options.threads.unwrap_or(how.threads);
    let console = Arc::new(Stderr { json: context.json });
    let mounted = Mounted::new(Arc::new(volume.clone()), &options.point, &how, console);
    let done = mounted.map_err(|error| refused(&error)).and_then(|mut mounted| {
        let (store, point) = (shown::path(&options.store.store), shown::path(&options.point));
        let text = if context.json {
            let mut told = Map::new();
            shown::put_path(&mut told, "mounted", &options.point);
            shown::put_path(&mut told, "store", &options.store.store);
            Value::Object(told).to_string()
        } else {
            format!("{store} is mounted at {point}; Ctrl-C or `umount {point}` ends it")
        };
        crate::stdout::print(format!("{text}\n").as_bytes())?;
        while !mounted.wait(LOOK) && !context.stop.is_wanted() {}
        // What is dropped now is taken out of sight, and what was written to it made safe.
        mounted.unmount().map_err(|error| ended(&error))
    });
    let closed = volume
        .close()
        .map_err(|error| Failure::from(Refused::about(shown::path(&options.store.store), &error)));
    shared.end(&volume);
    done.and(closed)
}

/// The end has come, whether it is used or not.
fn ended(error: &Error) -> Failure {
    let Error::Busy { path, holders } = error else { return refused(error) };
    let by: Vec<_> = holders
        .iter()
        .map(|it| format!("{} (process {})", shown::safe(it.name.as_bytes()), it.process))
        .collect();
    let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
    let text = format!(
        "{} was still in use{by}, and is no longer there; what was written to it is safe, what is \
         written from now on is lost",
        shown::path(path)
    );
    Refused::new(Exit::InUse, text).into()
}

fn refused(error: &Error) -> Failure {
    let exit = match error {
        Error::NoPoint { .. } => Exit::NotThere,
        Error::NotDirectory { .. } => Exit::ThroughFile,
        Error::Busy { .. } => Exit::InUse,
        _ => Exit::Failed,
    };
    Refused::new(exit, error.to_string()).into()
}
