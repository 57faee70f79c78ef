//! `cofferdam store stat`: all that is known of a file, or of the store.

use super::list::line;
use super::options::StoreOptions;
use super::progress::Progress;
use super::session::Session;
use super::troubles::Troubles;
use super::{path, shown};
use crate::{Context, Failure};
use clap::Args;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
    /// Which files; the store itself if there are none
    name: Vec<OsString>,
}

/// Shows it.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::read(&options.store)?;
    if options.name.is_empty() {
        return whole(&mut session, options, context);
    }
    let mut progress = Progress::begin("stat", None, context);
    let mut troubles = Troubles::none(context);
    for name in &options.name {
        let name = name.as_bytes();
        let done = path::look(session.store(), name)
            .map_err(|error| session.about(name, &error))
            .and_then(|it| line(&mut session, name.to_vec(), name.to_vec(), it));
        match done {
            Ok(line) => {
                let object = shown::attributes(&line.path, &line.it, line.target.as_deref());
                let text = if context.json {
                    format!("{}\n", Value::Object(object))
                } else {
                    listed(&object)
                };
                crate::stdout::print(text.as_bytes())?;
            }
            Err(failure) => troubles.bear_one_of(options.name.len(), failure, &mut progress)?,
        }
    }
    troubles.end()
}

fn whole(session: &mut Session, options: &Options, context: &Context) -> Result<(), Failure> {
    let identity = session.identity.to_string();
    let seal = session.trusted.seal.clone();
    let store = session.store();
    let room = store.room();
    let mut document = Map::new();
    shown::put_path(&mut document, "store", &options.store.store);
    shown::put_path(&mut document, "seal", &seal);
    let rest = json!({
        "identity": identity,
        "commit": store.commit_number(),
        "changed": shown::time(store.commit_time()),
        "objects": room.objects,
        "used_bytes": (room.total - room.free.min(room.total)).saturating_mul(4096),
        "free_bytes": room.free.saturating_mul(4096),
        "keys": store.keys().slots().len(),
        "generation": store.keys().keyring().generations(),
    });
    if let Value::Object(rest) = rest {
        document.extend(rest);
    }
    let text =
        if context.json { format!("{}\n", Value::Object(document)) } else { listed(&document) };
    crate::stdout::print(text.as_bytes())
}

/// One line for each thing. A name that is not UTF-8 is shown as everywhere, not by its bytes.
fn listed(object: &Map<String, Value>) -> String {
    let plain = |(key, value): (&String, &Value)| {
        let digits = object.get(&format!("{key}_hex")).and_then(Value::as_str);
        let value = match (digits.and_then(bytes), value) {
            (Some(bytes), _) => shown::safe(&bytes),
            (None, Value::String(text)) => shown::safe(text.as_bytes()),
            (None, other) => other.to_string(),
        };
        (key.replace('_', " "), value)
    };
    let lines: Vec<_> =
        object.iter().filter(|(key, _)| !key.ends_with("_hex")).map(plain).collect();
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (key, value) in lines {
        let _ = writeln!(text, "{key:<width$}  {value}");
    }
    text
}

/// What hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
