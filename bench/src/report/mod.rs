//! What is published: `benchmarks.md` with a table for each bench, and plots.
//!
//! The documents of the last published runs are kept beside, as `benchmarks/NAME.json`; the text
//! is written anew from all of them whenever one changes.

mod axis;
mod bars;
mod lines;
mod markdown;
mod svg;

use crate::frame::{Document, Row};
use lines::Line;
use std::fs;
use std::io;
use std::path::Path;

/// Writes a document, its plots, and the text about all documents that lie there.
pub fn write(folder: &Path, document: &Document) -> io::Result<()> {
    let parts = folder.join("benchmarks");
    fs::create_dir_all(&parts)?;
    fs::write(parts.join(format!("{}.json", document.bench)), document.json() + "\n")?;
    for (name, plot) in plots(document) {
        fs::write(parts.join(name), plot)?;
    }
    fs::write(folder.join("benchmarks.md"), markdown::text(&published(&parts)?))
}

/// All documents that were written, by name.
fn published(parts: &Path) -> io::Result<Vec<Document>> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(parts)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let document = serde_json::from_slice(&fs::read(&path)?)?;
            documents.push(document);
        }
    }
    documents.sort_by(|a: &Document, b| a.bench.cmp(&b.bench));
    Ok(documents)
}

/// The plots of a document, with their files' names: one for each series of rows, and one of
/// the ratios of all rows that are in none.
fn plots(document: &Document) -> Vec<(String, String)> {
    let bench = &document.bench;
    let mut series: Vec<&str> = Vec::new();
    for name in document.rows.iter().filter_map(|row| row.series.as_deref()) {
        if !series.contains(&name) {
            series.push(name);
        }
    }
    let mut plots = Vec::new();
    for name in series {
        let rows: Vec<&Row> =
            document.rows.iter().filter(|row| row.series.as_deref() == Some(name)).collect();
        let axis = document.axis.as_deref().unwrap_or("");
        let unit = rows.first().map_or("", |row| &row.unit);
        let plot = lines::plot(&format!("{bench}: {name}"), axis, unit, &curves(&rows));
        plots.extend(plot.map(|plot| (file(bench, name), plot)));
    }
    let single: Vec<&Row> = document.rows.iter().filter(|row| row.series.is_none()).collect();
    let plot = bars::plot(&format!("{bench}: how much better than the peer"), &single);
    plots.extend(plot.map(|plot| (file(bench, "ratios"), plot)));
    plots
}

/// Our line, and one for each peer.
fn curves(rows: &[&Row]) -> Vec<Line> {
    let mut lines = vec![Line { label: "cofferdam".into(), points: Vec::new() }];
    let put = |line: &mut Line, x: Option<f64>, y: Option<f64>| {
        if let (Some(x), Some(y)) = (x, y)
            && line.points.iter().all(|(there, _)| there.total_cmp(&x).is_ne())
        {
            line.points.push((x, y));
        }
    };
    for row in rows {
        put(&mut lines[0], row.x, row.ours);
        if !lines.iter().any(|line| line.label == row.peer) {
            lines.push(Line { label: row.peer.clone(), points: Vec::new() });
        }
        if let Some(line) = lines.iter_mut().find(|line| line.label == row.peer) {
            put(line, row.x, row.peer_value);
        }
    }
    lines.retain(|line| !line.points.is_empty());
    lines
}

/// The name of a plot's file.
fn file(bench: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("{bench}-{}.svg", name.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Machine;

    fn row(case: &str, point: Option<(&str, f64)>, ours: f64, peer: Option<f64>) -> Row {
        Row {
            case: case.into(),
            ours: Some(ours),
            unit: "ticks/packet".into(),
            peer: "dpdk".into(),
            peer_value: peer,
            ratio: peer.map(|peer| peer / ours),
            goal: Some(1.0),
            met: peer.map(|peer| peer >= ours),
            reason: peer.is_none().then(|| "dpdk: is not installed".into()),
            notes: vec![],
            series: point.map(|(series, _)| series.into()),
            x: point.map(|(_, x)| x),
            pairs: 9,
        }
    }

    fn document() -> Document {
        Document {
            bench: "l2fwd".into(),
            about: "forwarding <fast>".into(),
            quick: false,
            machine: Machine {
                cpu: "A".into(),
                cores: 2,
                kernel: "Linux 6".into(),
                memory_bytes: 1 << 30,
                tick_rate: 2e9,
            },
            axis: Some("bytes a frame".into()),
            rows: vec![
                row("null 64 B", Some(("null", 64.0)), 30.0, Some(40.0)),
                row("null 1500 B", Some(("null", 1500.0)), 100.0, Some(170.0)),
                row("vhost 64 B", None, 50.0, None),
                row("start", None, 50.0, Some(25.0)),
            ],
        }
    }

    #[test]
    fn what_is_written_can_be_read_and_names_everything() {
        let folder = std::env::temp_dir().join(format!("bench-report-{}", std::process::id()));
        write(&folder, &document()).unwrap();
        let text = fs::read_to_string(folder.join("benchmarks.md")).unwrap();
        let plot = fs::read_to_string(folder.join("benchmarks/l2fwd-null.svg")).unwrap();
        let ratios = fs::read_to_string(folder.join("benchmarks/l2fwd-ratios.svg")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        for part in [
            "cargo xtask bench l2fwd",
            "null 64 B",
            "is not installed",
            "benchmarks/l2fwd-null.svg",
            "A, 2 cores, 1.0 GiB",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        for part in ["bytes a frame", "ticks/packet", "cofferdam", "dpdk", "<polyline"] {
            assert!(plot.contains(part), "{part} is missing in:\n{plot}");
        }
        assert!(ratios.contains("start") && !ratios.contains("vhost 64 B"), "{ratios}");
    }

    #[test]
    fn a_document_without_figures_has_no_plots() {
        let empty = Document { rows: vec![row("a", None, 1.0, None)], ..document() };
        assert!(plots(&empty).is_empty());
    }
}
