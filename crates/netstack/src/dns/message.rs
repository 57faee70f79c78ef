//! Messages as they lie in datagrams.

use super::{Data, Kind, Name};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end too early.
    #[error("truncated")]
    Truncated,
    /// A name is too long, or its pointers lead nowhere.
    #[error("impossible name")]
    Name,
    /// A record's length contradicts its content.
    #[error("bogus length")]
    Length,
}

/// The longest datagram that we ask for: it crosses every ordinary path unfragmented.
const LONGEST: u16 = 1232;
/// Records that are kept of a message.
const MOST_RECORDS: usize = 64;
/// What is alive longer than this is asked for again nevertheless.
const LONGEST_TTL: u32 = 86_400;

const CLASS: u16 = 1;
const OPT: u16 = 41;
const SOA: u16 = 6;

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// How long it may be kept.
    pub ttl: Duration,
    /// What it says.
    pub data: Data,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Number of the query.
    pub id: u16,
    /// Whether it is an answer, to a standard query.
    pub is_answer: bool,
    /// Whether something did not fit.
    pub is_truncated: bool,
    /// 0 for success, 3 where there is no such name.
    pub code: u8,
    /// The question it answers, if there is exactly one: a name, and numbers of kind and class.
    pub question: Option<(Name, u16, u16)>,
    /// Records of the kinds that we know, at most 64.
    pub answers: Vec<Record>,
    /// How long it may be remembered that there is nothing, if the server says.
    pub nothing_for: Option<Duration>,
}

/// Bytes, and how far they were read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or(Malformed::Truncated)?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed::Truncated)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Result<Name, Malformed> {
        let (name, after) = Name::read(self.bytes, self.at)?;
        self.at = after;
        Ok(name)
    }

    /// A time to live; nonsense counts as none (RFC 2181, 8).
    fn ttl(&mut self) -> Result<Duration, Malformed> {
        let seconds = Some(self.u32()?).filter(|it| *it < 1 << 31).unwrap_or(0);
        Ok(Duration::from_secs(seconds.min(LONGEST_TTL).into()))
    }
}

/// What a record of a known kind says.
enum Content {
    Data(Data),
    /// A start of authority: how long nothing stays nothing.
    NothingFor(Duration),
    Unknown,
}

impl Message {
    /// Reads a message. Records of other kinds and classes are passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader { bytes, at: 0 };
        let [id, flags] = [reader.u16()?, reader.u16()?];
        let [questions, answers, authorities] = [reader.u16()?, reader.u16()?, reader.u16()?];
        reader.u16()?;
        let mut message = Self {
            id,
            is_answer: flags & 0xf800 == 0x8000,
            is_truncated: flags & 0x0200 != 0,
            code: (flags & 15) as u8,
            question: None,
            answers: Vec::new(),
            nothing_for: None,
        };
        for _ in 0..questions {
            let question = (reader.name()?, reader.u16()?, reader.u16()?);
            message.question = Some(question).filter(|_| questions == 1);
        }
        // What is cut off is not needed, and need not be whole.
        if message.is_truncated {
            return Ok(message);
        }
        for number in 0..u32::from(answers) + u32::from(authorities) {
            let is_answer = number < u32::from(answers);
            let (name, ttl, content) = record(&mut reader)?;
            match content {
                Content::Data(data) if is_answer && message.answers.len() < MOST_RECORDS => {
                    message.answers.push(Record { name, ttl, data });
                }
                Content::NothingFor(duration) if !is_answer => {
                    message.nothing_for = Some(duration);
                }
                _ => {}
            }
        }
        Ok(message)
    }
}

fn record(reader: &mut Reader<'_>) -> Result<(Name, Duration, Content), Malformed> {
    let name = reader.name()?;
    let [kind, class] = [reader.u16()?, reader.u16()?];
    let ttl = reader.ttl()?;
    let len = usize::from(reader.u16()?);
    let end = reader.at + len;
    if end > reader.bytes.len() {
        return Err(Malformed::Truncated);
    }
    let content = if class == CLASS { content(reader, kind, ttl)? } else { Content::Unknown };
    match content {
        Content::Unknown => reader.at = end,
        _ if reader.at != end => return Err(Malformed::Length),
        _ => {}
    }
    Ok((name, ttl, content))
}

fn content(reader: &mut Reader<'_>, kind: u16, ttl: Duration) -> Result<Content, Malformed> {
    let data = if kind == Kind::A.number() {
        Data::A(Ipv4Addr::from(reader.array::<4>()?))
    } else if kind == Kind::Aaaa.number() {
        Data::Aaaa(Ipv6Addr::from(reader.array::<16>()?))
    } else if kind == Kind::Cname.number() {
        Data::Cname(reader.name()?)
    } else if kind == Kind::Ptr.number() {
        Data::Ptr(reader.name()?)
    } else if kind == SOA {
        reader.name()?;
        reader.name()?;
        reader.take(16)?;
        return Ok(Content::NothingFor(reader.ttl()?.min(ttl)));
    } else {
        return Ok(Content::Unknown);
    };
    Ok(Content::Data(data))
}

/// A query for one name, where recursion is wanted; with an OPT record (EDNS) or without.
pub(super) fn write_query(id: u16, name: &Name, kind: Kind, extended: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(12 + name.wire().len() + 4 + 11);
    for word in [id, 0x0100, 1, 0, 0, u16::from(extended)] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend_from_slice(name.wire());
    bytes.extend(kind.number().to_be_bytes());
    bytes.extend(CLASS.to_be_bytes());
    if extended {
        // The root, the longest datagram where the class is, no flags and no options.
        bytes.push(0);
        for word in [OPT, LONGEST, 0, 0, 0] {
            bytes.extend(word.to_be_bytes());
        }
    }
    bytes
}
