//! Who answers what a rule matches.

use alloc::string::String;
use alloc::vec::Vec;

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Files, by name: `DISK`.
    Disk,
    /// Sockets, by address: `NETWORK`.
    Network,
    /// Standard input, output and error: `UI`.
    Ui,
    /// Programs that are started, by name: `PROGRAM`.
    Program,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Disk, Self::Network, Self::Ui, Self::Program];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "DISK",
            Self::Network => "NETWORK",
            Self::Ui => "UI",
            Self::Program => "PROGRAM",
        }
    }
}

/// One of the three standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Stream {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "stdin",
            Self::Output => "stdout",
            Self::Error => "stderr",
        }
    }

    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        [Self::Input, Self::Output, Self::Error].into_iter().find(|it| it.name().as_bytes() == name)
    }
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The commodity OS.
    Commodity,
    /// Nobody: it is refused.
    Deny,
    /// The private OS, by this table of [`Rules::tables`](crate::Rules::tables).
    Methods(usize),
    /// For programs: it is private, as who started it.
    Private,
    /// The commodity OS, and what it answers is compared with what is pinned.
    Verified(Pin),
}

/// What something from the commodity OS is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// The SHA-256 of its contents.
    Sha256([u8; 32]),
    /// A file with the digests of many, made by `cofferdam rules pin`.
    Manifest(Vec<u8>),
    /// A minisign public key that must have signed it.
    Minisign(String),
    /// An SSH public key that must have signed it.
    Ssh(String),
}

impl Pin {
    /// Reads what follows `verified`; says what is wrong.
    pub(crate) fn read(text: &[u8]) -> Result<Self, &'static str> {
        let readable = core::str::from_utf8(text).unwrap_or_default();
        if let Some(digits) = readable.strip_prefix("sha256:") {
            return sha256(digits).map(Self::Sha256).ok_or("a SHA-256 has 64 hexadecimal digits");
        }
        if let Some(key) = readable.strip_prefix("minisign:") {
            let plausible = key.len() == 56 && key.starts_with("RW");
            return if plausible {
                Ok(Self::Minisign(key.into()))
            } else {
                Err("this is no minisign public key")
            };
        }
        if readable.starts_with("ssh-")
            || readable.starts_with("sk-ssh-")
            || readable.starts_with("ecdsa-")
        {
            let has_key =
                readable.split_whitespace().nth(1).is_some_and(|key| key.starts_with("AAAA"));
            return if has_key {
                Ok(Self::Ssh(readable.into()))
            } else {
                Err("this is no SSH public key")
            };
        }
        if text.is_empty() { Err("nothing is named") } else { Ok(Self::Manifest(text.to_vec())) }
    }
}

fn sha256(digits: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// A table of methods of the private OS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods {
    /// How rules name it.
    pub name: String,
    /// Which call is answered by which function; all calls by the functions that come with the table, if
    /// nothing is said.
    pub calls: Option<Vec<(String, String)>>,
    /// Whether the commodity OS gets the calls that are not listed, as in the paper.
    pub insecure_forward_unlisted: bool,
}

/// Tables that come with Cofferdam, and what each is for.
pub(crate) const BUILT_IN: [(&str, Class); 5] = [
    ("priv_fs", Class::Disk),
    ("priv_unix", Class::Network),
    ("priv_tcp", Class::Network),
    ("priv_udp", Class::Network),
    ("priv_ui", Class::Ui),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_told_apart() {
        let digest = Pin::read(&[b"sha256:".as_slice(), &[b'a'; 64]].concat());
        assert_eq!(digest, Ok(Pin::Sha256([0xaa; 32])));
        assert_eq!(Pin::read(b"etc.pins"), Ok(Pin::Manifest(b"etc.pins".to_vec())));
        assert!(matches!(Pin::read(b"ssh-ed25519 AAAAC3Nz me@here"), Ok(Pin::Ssh(_))));
        assert!(matches!(
            Pin::read(b"minisign:RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"),
            Ok(Pin::Minisign(_))
        ));
        for bad in [&b""[..], b"sha256:12", b"ssh-ed25519", b"minisign:RW", "sha256:ä".as_bytes()]
        {
            assert!(Pin::read(bad).is_err(), "{bad:?}");
        }
    }
}
