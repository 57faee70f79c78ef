//! Domain names.

use super::Malformed;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt::{self, Write as _};
use core::hash::{Hash, Hasher};
use core::net::IpAddr;
use core::str::FromStr;

/// The longest name, with the lengths of its labels and the root.
const LONGEST: usize = 255;
/// Pointers that are followed in one name; real names have one or two.
const MOST_POINTERS: u32 = 32;
/// The longest label.
const LONGEST_LABEL: usize = 63;

/// A complete domain name. Case is kept, but does not matter when names are compared.
#[derive(Clone)]
pub struct Name(
    /// As in messages: labels, each after its length, and the empty one at last.
    Box<[u8]>,
);

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is nothing, or nothing between two dots.
    #[error("a part of the name is empty; remove the extra dot")]
    Empty,
    /// A part is too long.
    #[error("a part of the name is longer than 63 bytes; shorten it")]
    LongLabel,
    /// It is too long.
    #[error("the name is longer than 253 bytes; shorten it")]
    Long,
    /// A character that no name may have.
    #[error(
        "the name has a character that is no letter, digit, hyphen or underscore; write international names in their `xn--` form"
    )]
    Character,
}

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// The name that asks for the name of an address.
    pub fn reverse(address: IpAddr) -> Self {
        let mut wire = Vec::new();
        let mut label = |text: &[u8]| {
            wire.push(text.len() as u8);
            wire.extend_from_slice(text);
        };
        match address {
            IpAddr::V4(v4) => {
                for octet in v4.octets().into_iter().rev() {
                    label(alloc::format!("{octet}").as_bytes());
                }
                label(b"in-addr");
            }
            IpAddr::V6(v6) => {
                for octet in v6.octets().into_iter().rev() {
                    for nibble in [octet & 15, octet >> 4] {
                        label(alloc::format!("{nibble:x}").as_bytes());
                    }
                }
                label(b"ip6");
            }
        }
        label(b"arpa");
        wire.push(0);
        Self(wire.into())
    }

    /// This name below `domain`; `None` if that is too long.
    pub fn below(&self, domain: &Self) -> Option<Self> {
        let (_, own) = self.0.split_last()?;
        let len = own.len() + domain.0.len();
        (len <= LONGEST).then(|| Self([own, &domain.0].concat().into()))
    }

    /// How it lies in messages, uncompressed.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// Its labels, from the most specific on, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> + '_ {
        let mut rest = &self.0[..];
        core::iter::from_fn(move || {
            let (&len, tail) = rest.split_first().filter(|(len, _)| **len != 0)?;
            let (label, tail) = tail.split_at_checked(usize::from(len))?;
            rest = tail;
            Some(label)
        })
    }

    /// Whether it is `domain` or lies below it.
    pub fn is_within(&self, domain: &Self) -> bool {
        let (own, other) = (self.labels().count(), domain.labels().count());
        own >= other
            && self
                .labels()
                .skip(own - other)
                .zip(domain.labels())
                .all(|(one, two)| one.eq_ignore_ascii_case(two))
    }

    /// Whether also the case of all letters is the same.
    pub(super) fn is_identical(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// The same name, where each letter is capital if `choose` says so.
    pub(super) fn with_case(&self, mut choose: impl FnMut() -> bool) -> Self {
        // Lengths are less than any letter, so they stay as they are.
        let letter = |byte: &u8| {
            if !byte.is_ascii_alphabetic() {
                *byte
            } else if choose() {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            }
        };
        Self(self.0.iter().map(letter).collect())
    }

    /// The name that begins at `at` in `message`, where it may be compressed, and where what
    /// follows it begins.
    pub fn read(message: &[u8], at: usize) -> Result<(Self, usize), Malformed> {
        Self::read_from(message, at, true)
    }

    /// The same, where it must not be compressed.
    pub fn read_plain(message: &[u8], at: usize) -> Result<(Self, usize), Malformed> {
        Self::read_from(message, at, false)
    }

    /// A pointer must lead further towards the front than any before it, so there is an end.
    fn read_from(
        message: &[u8],
        mut at: usize,
        compressed: bool,
    ) -> Result<(Self, usize), Malformed> {
        let mut wire = Vec::new();
        let mut after = None;
        let (mut bound, mut pointers) = (at, 0);
        loop {
            let byte = *message.get(at).ok_or(Malformed::Truncated)?;
            match byte >> 6 {
                0 => {
                    let end = at + 1 + usize::from(byte);
                    let label = message.get(at..end).ok_or(Malformed::Truncated)?;
                    if wire.len() + label.len() > LONGEST {
                        return Err(Malformed::Name);
                    }
                    wire.extend_from_slice(label);
                    at = end;
                    if byte == 0 {
                        return Ok((Self(wire.into()), after.unwrap_or(end)));
                    }
                    if wire.len() == LONGEST {
                        return Err(Malformed::Name);
                    }
                }
                3 if compressed => {
                    let low = *message.get(at + 1).ok_or(Malformed::Truncated)?;
                    let target = usize::from(byte & 0x3f) << 8 | usize::from(low);
                    pointers += 1;
                    if target >= bound || pointers > MOST_POINTERS {
                        return Err(Malformed::Name);
                    }
                    after.get_or_insert(at + 2);
                    bound = target;
                    at = target;
                }
                _ => return Err(Malformed::Name),
            }
        }
    }
}

impl FromStr for Name {
    type Err = BadName;

    /// From text, with or without a dot at the end.
    fn from_str(text: &str) -> Result<Self, BadName> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            if label.is_empty() {
                return Err(BadName::Empty);
            }
            if label.len() > LONGEST_LABEL {
                return Err(BadName::LongLabel);
            }
            if !label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_') {
                return Err(BadName::Character);
            }
            wire.push(label.len() as u8);
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        if wire.len() > LONGEST { Err(BadName::Long) } else { Ok(Self(wire.into())) }
    }
}

impl fmt::Display for Name {
    /// With the dot at the end that makes it complete; odd bytes as `\DDD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                    0x21..=0x7e => f.write_char(char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_char('.')?;
        }
        if self.0.len() <= 1 { f.write_char('.') } else { Ok(()) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |name: &Self| name.0.to_ascii_lowercase();
        lower(self).cmp(&lower(other))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}
