//! `cofferdam store trim`: what is free in a store is given back to the disk.

use super::exit::{Exit, Refused};
use super::options::StoreOptions;
use super::progress::Progress;
use super::session::Session;
use super::shown;
use crate::{Context, Failure};
use clap::Args;
use serde_json::json;
use store::Error;

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
}

/// What of a store is looked at in one step.
const REGION: u64 = 8192 * 4096;

/// Gives it back.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::write(&options.store)?;
    let mut progress = Progress::begin("trim", None, context);
    let mut ended = None;
    let done = session.trim(&mut |now| {
        progress.set_total(now.all.saturating_mul(REGION));
        ended = progress.add(REGION).err();
        ended.is_none()
    });
    drop(progress);
    let done = done.map_err(|error| match error {
        Error::Locked => {
            let store = options.store.store.display();
            let text = format!(
                "{store}: somebody reads an older commit, which may need what is free by now; wait \
                 until that has ended"
            );
            Refused::new(Exit::InUse, text).into()
        }
        error => session.about(b"", &error),
    });
    let bytes = ended.map_or(done, Err);
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(failure) => return session.end(Err(failure)),
    };
    session.finish()?;
    let text = if context.json {
        json!({ "bytes": bytes }).to_string()
    } else {
        format!("given back to what lies below: {}B", shown::size(bytes, true))
    };
    crate::stdout::print(format!("{text}\n").as_bytes())
}
