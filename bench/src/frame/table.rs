//! What a bench found, for people.

use super::document::{Document, Row};
use std::fmt::Write as _;
use std::io::IsTerminal as _;

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

impl Document {
    /// Prints the table; coloured if a terminal shows it and nobody asked for `NO_COLOR`.
    pub fn print_table(&self) {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        print!("{}", self.table(colours));
    }

    fn table(&self, colours: bool) -> String {
        let mut lines = vec![
            ["case", "ours", "peer", "", "unit", "ratio", "goal", ""].map(String::from).to_vec(),
        ];
        lines.extend(self.rows.iter().map(cells));
        let columns = lines[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = format!("{}: {}\n{}\n\n", self.bench, self.about, self.machine);
        for (index, line) in lines.iter().enumerate() {
            let row = index.checked_sub(1).map(|index| &self.rows[index]);
            let colour = match row.map(|row| row.met) {
                _ if !colours => "",
                None => DIM,
                Some(Some(true)) => GREEN,
                Some(Some(false)) => RED,
                Some(None) => "",
            };
            let mut printed = String::new();
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                // Figures to the right, words to the left.
                if matches!(column, 1 | 2 | 5 | 6) {
                    let _ = write!(printed, "{cell:>width$}  ");
                } else {
                    let _ = write!(printed, "{cell:<width$}  ");
                }
            }
            let end = if colour.is_empty() { "" } else { PLAIN };
            let _ = writeln!(text, "{colour}{}{end}", printed.trim_end());
            for remark in row.into_iter().flat_map(remarks) {
                let _ = writeln!(text, "  {remark}");
            }
        }
        let _ = writeln!(text, "\n{}", self.verdict());
        text
    }

    /// How many goals are met, in a sentence.
    pub fn verdict(&self) -> String {
        let count = |wanted| self.rows.iter().filter(|row| row.met == Some(wanted)).count();
        let (met, missed) = (count(true), count(false));
        let unknown =
            self.rows.iter().filter(|row| row.goal.is_some() && row.met.is_none()).count();
        let mut verdict = format!("{met} of {} goals met", met + missed + unknown);
        if unknown > 0 {
            let _ = write!(verdict, ", {unknown} could not be measured");
        }
        if self.quick {
            verdict.push_str("; a quick run, to be believed less");
        }
        verdict
    }
}

fn cells(row: &Row) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(|| "–".into(), figure);
    let fixed =
        |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{value:.2}"));
    let verdict = match row.met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "",
    };
    vec![
        row.case.clone(),
        number(row.ours),
        number(row.peer_value),
        row.peer.clone(),
        row.unit.clone(),
        fixed(row.ratio),
        row.goal.map_or_else(String::new, |goal| format!("≥ {goal:.2}")),
        verdict.into(),
    ]
}

/// What stands below a row.
pub fn remarks(row: &Row) -> Vec<String> {
    let notes = row.notes.iter().map(|note| {
        format!("{}: {} {} (another machine; no ratio)", note.source, figure(note.value), note.unit)
    });
    row.reason.iter().cloned().chain(notes).collect()
}

/// A figure with four significant digits, thousands set apart.
pub fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    let plain = format!("{value:.decimals$}");
    let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && digit.is_ascii_digit() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(figure(1_234_567.8), "1,234,568");
        assert_eq!(figure(999.96), "1,000.0");
        assert_eq!(figure(52.251), "52.25");
        assert_eq!(figure(0.5), "0.500");
    }
}
