//! The inode's record.

use crate::attributes::{Attributes, Kind, ObjectId, Time};

/// All that is kept about an object besides its names and contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inode {
    pub(crate) mode: u32,
    pub(crate) user: u32,
    pub(crate) group: u32,
    pub(crate) links: u32,
    pub(crate) size: u64,
    pub(crate) blocks: u64,
    pub(crate) read: Time,
    pub(crate) changed: Time,
    pub(crate) status_changed: Time,
    pub(crate) made: Time,
    pub(crate) device: u64,
    /// A directory's parent; a file's directory at its last naming.
    pub(crate) parent: u64,
    /// The position of the entry there.
    pub(crate) entry: u64,
    /// The commit it was made in.
    pub(crate) generation: u64,
}

impl Inode {
    pub(crate) const LEN: usize = 128;

    pub(crate) fn kind(&self) -> Kind {
        Kind::of_mode(self.mode).unwrap_or(Kind::File)
    }

    /// Notes that its contents changed.
    pub(crate) fn touch(&mut self, now: Time) {
        self.changed = now;
        self.status_changed = now;
    }

    pub(crate) fn attributes(&self, object: ObjectId) -> Attributes {
        Attributes {
            object,
            mode: self.mode,
            user: self.user,
            group: self.group,
            links: self.links,
            size: self.size,
            blocks: self.blocks,
            waiting: 0,
            read: self.read,
            changed: self.changed,
            status_changed: self.status_changed,
            made: self.made,
            device: self.device,
        }
    }

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        for (at, number) in [self.mode, self.user, self.group, self.links].iter().enumerate() {
            out[4 * at..4 * at + 4].copy_from_slice(&number.to_le_bytes());
        }
        for (at, number) in [self.size, self.blocks].iter().enumerate() {
            out[16 + 8 * at..24 + 8 * at].copy_from_slice(&number.to_le_bytes());
        }
        let times = [self.read, self.changed, self.status_changed, self.made];
        for (at, time) in times.iter().enumerate() {
            out[32 + 12 * at..40 + 12 * at].copy_from_slice(&time.seconds.to_le_bytes());
            out[40 + 12 * at..44 + 12 * at].copy_from_slice(&time.nanoseconds.to_le_bytes());
        }
        let numbers = [self.device, self.parent, self.entry, self.generation];
        for (at, number) in numbers.iter().enumerate() {
            out[80 + 8 * at..88 + 8 * at].copy_from_slice(&number.to_le_bytes());
        }
        out
    }

    /// Nothing if it is not one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let short = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let long = |at: usize| u64::from(short(at)) | u64::from(short(at + 4)) << 32;
        let time = |at: usize| Time { seconds: long(at).cast_signed(), nanoseconds: short(at + 8) };
        Kind::of_mode(short(0))?;
        Some(Self {
            mode: short(0),
            user: short(4),
            group: short(8),
            links: short(12),
            size: long(16),
            blocks: long(24),
            read: time(32),
            changed: time(44),
            status_changed: time(56),
            made: time(68),
            device: long(80),
            parent: long(88),
            entry: long(96),
            generation: long(104),
        })
    }
}
