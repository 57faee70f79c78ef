//! Names, sizes and times as people read them, and names as JSON has them.

use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use store::{Attributes, Kind, Time};

/// A name or path for an error or a terminal: nothing in it can move the cursor.
pub(super) fn safe(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() || is_invisible(letter) {
                text.extend(letter.escape_default());
            } else {
                text.push(letter);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A path of this machine, for an error or a terminal.
pub(super) fn path(path: &Path) -> String {
    safe(path.as_os_str().as_bytes())
}

/// Letters that turn the writing direction or are not seen: a name with them can look like another.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A name for stdout: safe at a terminal, as it is for a program.
pub(super) fn name(name: &[u8]) -> Vec<u8> {
    if std::io::stdout().is_terminal() { safe(name).into_bytes() } else { name.to_vec() }
}

/// A size with a unit, when somebody wants to read it.
pub(super) fn size(bytes: u64, human: bool) -> String {
    const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    if !human || bytes < 1024 {
        return bytes.to_string();
    }
    let (mut amount, mut unit) = (bytes as f64 / 1024.0, 0);
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let unit = UNITS.get(unit).unwrap_or(&"");
    if amount < 9.95 { format!("{amount:.1}{unit}") } else { format!("{amount:.0}{unit}") }
}

/// `drwxr-x---`.
pub(super) fn mode(mode: u32) -> String {
    let kind = match Kind::of_mode(mode) {
        Some(Kind::Directory) => 'd',
        Some(Kind::Link) => 'l',
        Some(Kind::Fifo) => 'p',
        Some(Kind::Character) => 'c',
        Some(Kind::Block) => 'b',
        Some(Kind::Socket) => 's',
        Some(Kind::File) => '-',
        None => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letters) in [(6, 0o4000, "sS"), (3, 0o2000, "sS"), (0, 0o1000, "tT")] {
        let bits = mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        let mut letters = letters.chars();
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letters.next().unwrap_or('x'),
            (true, false) => letters.next_back().unwrap_or('x'),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// The word for a kind of file.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Directory => "directory",
        Kind::File => "file",
        Kind::Link => "link",
        Kind::Fifo => "fifo",
        Kind::Character => "character device",
        Kind::Block => "block device",
        Kind::Socket => "socket",
    }
}

/// As `2026-11-20 17:03:12 UTC`.
pub(super) fn time(time: Time) -> String {
    store::host::readable(time.seconds)
}

/// With all its digits, as RFC 3339 has it.
fn exact(time: Time) -> String {
    let text = store::host::readable(time.seconds).replace(" UTC", "").replace(' ', "T");
    format!("{text}.{:09}Z", time.nanoseconds)
}

/// A name for JSON: under `key`, and as hexadecimal digits as well if it is not UTF-8.
pub(super) fn put_name(object: &mut Map<String, Value>, key: &str, name: &[u8]) {
    object.insert(key.into(), String::from_utf8_lossy(name).into());
    if std::str::from_utf8(name).is_err() {
        let mut digits = String::new();
        for byte in name {
            let _ = write!(digits, "{byte:02x}");
        }
        object.insert(format!("{key}_hex"), digits.into());
    }
}

/// The same for paths of this machine.
pub(super) fn put_path(object: &mut Map<String, Value>, key: &str, path: &Path) {
    put_name(object, key, path.as_os_str().as_bytes());
}

/// What is known of a file, for JSON.
pub(super) fn attributes(
    path: &[u8],
    it: &Attributes,
    target: Option<&[u8]>,
) -> Map<String, Value> {
    let mut object = Map::new();
    put_name(&mut object, "path", path);
    let rest = json!({
        "object": it.object.0, "kind": kind(it.kind()), "mode": format!("{:04o}", it.mode & 0o7777),
        "user": it.user, "group": it.group, "links": it.links, "size": it.size,
        "stored_bytes": it.blocks * 4096, "read": exact(it.read), "changed": exact(it.changed),
        "status_changed": exact(it.status_changed), "made": exact(it.made),
    });
    if let Value::Object(rest) = rest {
        object.extend(rest);
    }
    if let Some(target) = target {
        put_name(&mut object, "target", target);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_reaches_the_terminal() {
        assert_eq!(safe(b"a\x1b[2Jb\nc\xff"), "a\\u{1b}[2Jb\\nc\\xff");
        assert_eq!(safe("käse\u{202e}txt".as_bytes()), "käse\\u{202e}txt");
    }

    #[test]
    fn sizes_have_two_digits_or_more() {
        for (bytes, shown) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (10_188, "9.9K"),
            (10_240, "10K"),
            (1_048_575, "1.0M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(size(bytes, true), shown, "{bytes}");
            assert_eq!(size(bytes, false), bytes.to_string());
        }
    }

    #[test]
    fn modes_look_as_in_ls() {
        for (bits, shown) in [
            (0o040_755, "drwxr-xr-x"),
            (0o100_600, "-rw-------"),
            (0o104_711, "-rws--x--x"),
            (0o102_604, "-rw---Sr--"),
            (0o041_777, "drwxrwxrwt"),
            (0o120_777, "lrwxrwxrwx"),
        ] {
            assert_eq!(mode(bits), shown);
        }
    }

    #[test]
    fn json_has_every_byte_of_a_name() {
        let mut object = Map::new();
        put_name(&mut object, "name", b"a\xfe");
        assert_eq!(object["name_hex"], "61fe");
        put_name(&mut object, "other", b"a");
        assert!(!object.contains_key("other_hex"));
    }
}
