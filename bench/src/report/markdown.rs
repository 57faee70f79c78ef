//! The text of `benchmarks.md`.

use super::plots;
use crate::frame::{Document, Row, figure, remarks};
use std::fmt::Write as _;

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench all --plot`; do not edit. Ours and the peers run in turn in one run, \
several times, each time in the other order. A ratio is the median of the ratios of the pairs, \
turned so that above 1 is better for us; figures are medians of each side. Ticks are those of the \
processor's constant counter. Believe ratios more than figures: machines like this one are shared.
";

/// Tables and plots of all documents.
pub(super) fn text(documents: &[Document]) -> String {
    let mut text = HEAD.to_owned();
    for document in documents {
        let Document { bench, about, machine, .. } = document;
        let quick = if document.quick { " --quick" } else { "" };
        let _ = write!(text, "\n## {bench}\n\n{about}.\n\n");
        let _ = write!(text, "Machine: {machine}. Repeat it with:\n\n");
        let _ = write!(text, "```console\n$ cargo xtask bench {bench}{quick}\n```\n\n");
        text.push_str("| case | ours | peer | | unit | ratio | goal | |\n");
        text.push_str("| --- | ---: | ---: | --- | --- | ---: | ---: | --- |\n");
        for row in &document.rows {
            text.push_str(&line(row));
        }
        let below: Vec<String> = document
            .rows
            .iter()
            .flat_map(|row| remarks(row).into_iter().map(move |remark| (&row.case, remark)))
            .map(|(case, remark)| format!("- {case}: {}\n", cell(&remark)))
            .collect();
        if !below.is_empty() {
            let _ = write!(text, "\n{}", below.concat());
        }
        let _ = write!(text, "\n{}.\n", document.verdict());
        for (name, _) in plots(document) {
            let alternative = name.trim_end_matches(".svg").replace('-', " ");
            let _ = write!(text, "\n![{alternative}](benchmarks/{name})\n");
        }
    }
    text
}

fn line(row: &Row) -> String {
    let value = |value: Option<f64>| value.map_or_else(|| "–".into(), figure);
    let verdict = match row.met {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {verdict} |\n",
        cell(&row.case),
        value(row.ours),
        value(row.peer_value),
        cell(&row.peer),
        cell(&row.unit),
        row.ratio.map_or_else(|| "–".into(), |ratio| format!("{ratio:.2}")),
        row.goal.map_or_else(String::new, |goal| format!("≥ {goal:.2}")),
    )
}

/// Text that cannot end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
