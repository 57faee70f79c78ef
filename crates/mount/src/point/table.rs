//! What this process sees mounted where: `/proc/self/mountinfo`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What lies topmost at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Top {
    /// Its device, `major:minor`: no two mounted file systems have the same.
    pub(super) device: String,
    /// Its kind: `ext4`, `fuse.cofferdam`.
    pub(super) kind: String,
}

/// What is mounted exactly there, if anything is.
pub(super) fn at(path: &Path) -> io::Result<Option<Top>> {
    Ok(find(&std::fs::read("/proc/self/mountinfo")?, path))
}

/// A line is `36 35 98:0 /root /where options - kind source more`; the last one for a place lies
/// on top.
fn find(table: &[u8], path: &Path) -> Option<Top> {
    table.split(|byte| *byte == b'\n').rev().find_map(|line| entry(line, path))
}

fn entry(line: &[u8], path: &Path) -> Option<Top> {
    let mut words = line.split(|byte| *byte == b' ');
    let device = words.nth(2)?;
    if OsStr::from_bytes(&unescaped(words.nth(1)?)) != path.as_os_str() {
        return None;
    }
    words.find(|word| *word == b"-")?;
    let kind = words.next()?;
    Some(Top {
        device: String::from_utf8_lossy(device).into_owned(),
        kind: String::from_utf8_lossy(kind).into_owned(),
    })
}

/// Blanks and the like are written as three octal digits after a backslash.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let octal = |digit: u8| (b'0'..=b'7').contains(&digit).then(|| u32::from(digit - b'0'));
        let byte = match (first, after) {
            (b'\\', [a, b, c, ..]) => octal(*a)
                .zip(octal(*b))
                .zip(octal(*c))
                .and_then(|((a, b), c)| u8::try_from(a * 64 + b * 8 + c).ok()),
            _ => None,
        };
        plain.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 22 0:51 / /mnt/a\\040b rw,nosuid shared:3 master:1 - fuse.other x rw
41 22 0:52 / /mnt/a\\040b rw - fuse.cofferdam x rw,user_id=0
42 22 0:53 / /mnt rw - tmpfs tmpfs rw
short line
";

    #[test]
    fn the_last_one_at_a_place_counts() {
        let top = find(TABLE, Path::new("/mnt/a b")).unwrap();
        assert_eq!((top.device.as_str(), top.kind.as_str()), ("0:52", "fuse.cofferdam"));
        assert_eq!(find(TABLE, Path::new("/")).unwrap().kind, "ext4");
        assert_eq!(find(TABLE, Path::new("/mnt/a")), None);
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(unescaped(b"a\\134b\\011"), b"a\\b\t");
        assert_eq!(unescaped(b"\\09x\\7"), b"\\09x\\7");
        assert_eq!(unescaped(b"\\777"), b"\\777");
    }
}
