//! What the doctor says.

use super::finding::{Answer, Finding};
use super::machine::{Machine, size};
use std::fmt::Write as _;

/// For people.
pub(super) fn text(machine: &Machine, findings: &[Finding], colours: bool) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut text = format!(
        "Linux {} on {}, {} cores, {}\n\n",
        machine.kernel,
        machine.architecture,
        machine.cores,
        size(machine.memory_bytes)
    );
    for finding in findings {
        let (word, colour) = match finding.answer {
            Answer::Yes => ("yes", "\x1b[32m"),
            Answer::Partly => ("partly", "\x1b[33m"),
            Answer::No => ("no", "\x1b[31m"),
        };
        let (colour, plain) = if colours { (colour, "\x1b[0m") } else { ("", "") };
        let Finding { name, purpose, detail, .. } = finding;
        let _ = writeln!(text, "{colour}{word:<6}{plain}  {name:<width$}  {detail}");
        if let Some(way) = &finding.way {
            let margin = " ".repeat(8 + width);
            let _ = writeln!(text, "{margin}  for {purpose}");
            let _ = writeln!(text, "{margin}  → {way}");
        }
    }
    let missing = findings.iter().filter(|finding| finding.answer != Answer::Yes).count();
    let summary = if missing == 0 {
        "\nThis machine can do everything.\n".to_owned()
    } else {
        format!(
            "\n{} of {} are there. What works in any case: the in-memory wire, captures, and \
             everything on them.\n",
            findings.len() - missing,
            findings.len()
        )
    };
    text + &summary
}

/// For programs.
pub(super) fn json(machine: &Machine, findings: &[Finding]) -> String {
    let document = serde_json::json!({ "machine": machine, "findings": findings });
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_where_asked_for_and_ways_only_where_needed() {
        let findings =
            [Finding::yes("a", "b", "c"), Finding::no("tap", "--nic tap", "missing", "modprobe")];
        let machine = Machine::this();
        let plain = text(&machine, &findings, false);
        assert!(!plain.contains('\x1b') && plain.contains("→ modprobe"), "{plain}");
        assert!(plain.contains("1 of 2"));
        assert!(text(&machine, &findings, true).contains("\x1b[31mno"));
        let json: serde_json::Value = serde_json::from_str(&json(&machine, &findings)).unwrap();
        assert_eq!(json["findings"][1]["answer"], "no");
        assert!(json["findings"][0]["way"].is_null());
    }
}
