//! `cofferdam store verify`: everything in a store is read and checked.

use super::exit::{Exit, Refused};
use super::options::StoreOptions;
use super::progress::Progress;
use super::session::Session;
use super::shown;
use crate::{Context, Failure};
use clap::Args;
use serde_json::{Map, Value, json};
use store::{Finding, Report};

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    store: StoreOptions,
}

/// Checks it.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut session = Session::read(&options.store)?;
    let mut progress = Progress::begin("verify", None, context);
    let report = check(&mut session, &mut progress)?;
    drop(progress);
    if context.json {
        crate::stdout::print(format!("{}\n", document(&report)).as_bytes())?;
    } else {
        for finding in &report.findings {
            crate::stdout::print(format!("{}\n", sentence(finding)).as_bytes())?;
        }
    }
    if !report.findings.is_empty() {
        let (count, store) = (report.findings.len(), shown::path(&options.store.store));
        let text = format!(
            "{store}: {count} things are damaged, named above; `get -r` saves the rest, a backup \
             has the others"
        );
        return Err(Refused::new(Exit::Damaged, text).into());
    }
    if context.json {
        return Ok(());
    }
    let Report { commit, objects, nodes, pages, .. } = report;
    let text = format!(
        "all is well: commit {commit}, {objects} files and directories, {pages} pages, {nodes} nodes\n"
    );
    crate::stdout::print(text.as_bytes())
}

/// Reads and checks everything.
pub(super) fn check(session: &mut Session, progress: &mut Progress) -> Result<Report, Failure> {
    let (mut done, mut ended) = (0, None);
    let report = session.store().verify(&mut |now| {
        progress.set_total(now.all.saturating_mul(4096));
        let more = now.done.saturating_sub(done);
        done = now.done;
        ended = progress.add(more.saturating_mul(4096)).err();
        ended.is_none()
    });
    match ended {
        Some(failure) => Err(failure),
        None => report.map_err(|error| session.about(b"", &error)),
    }
}

fn sentence(finding: &Finding) -> String {
    let what = shown::safe(finding.what.as_bytes());
    let block = finding.block.map(|block| format!(" (block {block})")).unwrap_or_default();
    match &finding.path {
        Some(path) => format!("{}: {what}{block}", shown::safe(path)),
        None if finding.object == 0 => format!("{what}{block}"),
        None => format!("object {}: {what}{block}", finding.object),
    }
}

fn document(report: &Report) -> serde_json::Value {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|it| {
            let mut told = Map::new();
            told.insert("object".into(), it.object.into());
            match &it.path {
                Some(path) => shown::put_name(&mut told, "path", path),
                None => drop(told.insert("path".into(), Value::Null)),
            }
            told.insert("block".into(), it.block.into());
            told.insert("what".into(), it.what.as_str().into());
            Value::Object(told)
        })
        .collect();
    json!({
        "commit": report.commit, "objects": report.objects, "nodes": report.nodes,
        "pages": report.pages, "findings": findings,
    })
}
