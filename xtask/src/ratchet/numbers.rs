//! `ratchet.toml`.

use super::count::Counted;
use crate::step::Failed;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const HEAD: &str = "\
# Counts of bad smells. They may only fall: a test fails when a count is above its number, and
# when it is below; then run `cargo xtask ratchet --lower`. What is not named is 0.
#
# longest_file: lines of the longest Rust file
# unsafe_code:  unsafe blocks and implementations of each crate, tests included
# panics:       .unwrap(), .expect(), panic!() and the like, outside tests
# lints_off:    #[allow] and #[expect]

";

/// The numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Numbers {
    longest_file: usize,
    unsafe_code: BTreeMap<String, usize>,
    panics: BTreeMap<String, usize>,
    lints_off: BTreeMap<String, usize>,
}

impl Numbers {
    fn path(root: &Path) -> PathBuf {
        root.join("ratchet.toml")
    }

    /// Reads the file.
    pub(super) fn read(root: &Path) -> Result<Self, Failed> {
        let path = Self::path(root);
        let failed = |error: &dyn std::fmt::Display| Failed(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
        toml::from_str(&text).map_err(|error| failed(&error))
    }

    /// Writes the file.
    pub(super) fn write(&self, root: &Path) -> Result<(), Failed> {
        let path = Self::path(root);
        let failed = |error: &dyn std::fmt::Display| Failed(format!("{}: {error}", path.display()));
        std::fs::write(&path, self.text()?).map_err(|error| failed(&error))
    }

    /// The file's text.
    pub(super) fn text(&self) -> Result<String, Failed> {
        let numbers = toml::to_string(self)
            .map_err(|error| Failed(format!("ratchet.toml cannot be written: {error}")))?;
        Ok(format!("{HEAD}{numbers}"))
    }

    /// What is wrong: one sentence for each number that is not what was counted.
    pub(super) fn complaints(&self, counted: &Counted) -> Vec<String> {
        let found = Self::of(counted);
        let mut complaints = Vec::new();
        let mut compare = |what: &str, allowed: usize, found: usize| {
            if found > allowed {
                complaints
                    .push(format!("{what}: {found} where {allowed} are allowed; bring it down"));
            } else if found < allowed {
                complaints.push(format!(
                    "{what}: only {found}, which is better than {allowed}; \
                     run `cargo xtask ratchet --lower`"
                ));
            }
        };
        let longest = format!("lines of the longest file, {}", counted.longest.0);
        compare(&longest, self.longest_file, found.longest_file);
        let tables = [
            ("unsafe code", &self.unsafe_code, &found.unsafe_code),
            ("panics", &self.panics, &found.panics),
            ("lints switched off", &self.lints_off, &found.lints_off),
        ];
        for (name, allowed, found) in tables {
            let crates: BTreeSet<&String> = allowed.keys().chain(found.keys()).collect();
            for one in crates {
                let number = |table: &BTreeMap<String, usize>| table.get(one).copied().unwrap_or(0);
                compare(&format!("{name} of {one}"), number(allowed), number(found));
            }
        }
        complaints
    }

    /// Takes every number down to what was counted, where that is less.
    pub(super) fn lower_to(&mut self, counted: &Counted) {
        let found = Self::of(counted);
        self.longest_file = self.longest_file.min(found.longest_file);
        let lower = |allowed: &mut BTreeMap<String, usize>, found: &BTreeMap<String, usize>| {
            for (one, number) in allowed.iter_mut() {
                *number = (*number).min(found.get(one).copied().unwrap_or(0));
            }
            allowed.retain(|_, number| *number > 0);
        };
        lower(&mut self.unsafe_code, &found.unsafe_code);
        lower(&mut self.panics, &found.panics);
        lower(&mut self.lints_off, &found.lints_off);
    }

    /// The numbers that would allow exactly what was counted.
    pub(super) fn of(counted: &Counted) -> Self {
        let mut numbers = Self { longest_file: counted.longest.1, ..Self::default() };
        for (one, smells) in &counted.crates {
            let note = |table: &mut BTreeMap<String, usize>, number: usize| {
                if number > 0 {
                    table.insert(one.clone(), number);
                }
            };
            note(&mut numbers.unsafe_code, smells.unsafe_code);
            note(&mut numbers.panics, smells.panics);
            note(&mut numbers.lints_off, smells.lints_off);
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::super::count::Smells;
    use super::*;

    fn counted(panics: usize, lines: usize) -> Counted {
        let smells = Smells { panics, ..Smells::default() };
        Counted { crates: [("nic".into(), smells)].into(), longest: ("a.rs".into(), lines) }
    }

    #[test]
    fn above_and_below_are_both_wrong_and_lowering_never_raises() {
        let mut numbers = Numbers::of(&counted(3, 100));
        assert!(numbers.complaints(&counted(3, 100)).is_empty());
        assert!(numbers.complaints(&counted(4, 100))[0].contains("4 where 3"));
        assert!(numbers.complaints(&counted(2, 90))[1].contains("--lower"));
        numbers.lower_to(&counted(2, 200));
        assert_eq!(numbers, Numbers { longest_file: 100, ..Numbers::of(&counted(2, 1)) });
        numbers.lower_to(&counted(0, 100));
        assert!(numbers.panics.is_empty());
        assert!(numbers.complaints(&counted(1, 100))[0].contains("1 where 0"));
    }

    #[test]
    fn unknown_keys_are_mistakes() {
        assert!(toml::from_str::<Numbers>("[unwraps]\nnic = 3").is_err());
    }
}
