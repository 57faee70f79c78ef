//! What is known about a file, and the words in which it is asked for and changed.

use alloc::vec::Vec;

/// A file, directory or other thing in a store: a number that is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u64);

impl ObjectId {
    /// The root directory.
    pub const ROOT: Self = Self(1);
}

/// A point in time, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Time {
    /// Seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds, less than 10^9.
    pub nanoseconds: u32,
}

/// What kind of file it is; the numbers are those of a mode's upper bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A named pipe.
    Fifo = 1,
    /// A character device.
    Character = 2,
    /// A directory.
    Directory = 4,
    /// A block device.
    Block = 6,
    /// An ordinary file.
    File = 8,
    /// A symbolic link.
    Link = 10,
    /// A socket.
    Socket = 12,
}

impl Kind {
    /// The kind in a mode, or nothing if there is no such kind.
    pub fn of_mode(mode: u32) -> Option<Self> {
        Some(match (mode >> 12) & 15 {
            1 => Self::Fifo,
            2 => Self::Character,
            4 => Self::Directory,
            6 => Self::Block,
            8 => Self::File,
            10 => Self::Link,
            12 => Self::Socket,
            _ => return None,
        })
    }

    /// The kind as the upper bits of a mode.
    pub fn mode(self) -> u32 {
        (self as u32) << 12
    }
}

/// All that `stat` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Which object it is.
    pub object: ObjectId,
    /// Kind and permissions, as in `st_mode`.
    pub mode: u32,
    /// Its owner.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// How many names it has; a directory has two, and one more for each directory in it.
    pub links: u32,
    /// Bytes.
    pub size: u64,
    /// Blocks of 4 KiB that it holds.
    pub blocks: u64,
    /// Blocks more that it may get when what is only in memory is written out.
    pub waiting: u64,
    /// When it was last read.
    pub read: Time,
    /// When its contents last changed.
    pub changed: Time,
    /// When anything about it last changed.
    pub status_changed: Time,
    /// When it was made.
    pub made: Time,
    /// Device numbers, as in `st_rdev`.
    pub device: u64,
}

impl Attributes {
    /// What kind of file it is.
    pub fn kind(&self) -> Kind {
        Kind::of_mode(self.mode).unwrap_or(Kind::File)
    }
}

/// What a new object is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Make {
    /// What kind.
    pub kind: Kind,
    /// The lower twelve bits of the mode; whoever makes it has taken its umask off.
    pub permissions: u32,
    /// Its owner.
    pub user: u32,
    /// Its group; that of the directory is taken if that has the set-group-id bit.
    pub group: u32,
    /// For devices.
    pub device: u64,
}

/// What is to change about an object; what is `None` stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// The lower twelve bits of the mode.
    pub permissions: Option<u32>,
    /// The owner.
    pub user: Option<u32>,
    /// The group.
    pub group: Option<u32>,
    /// The size: cut off, or extended by a hole.
    pub size: Option<u64>,
    /// When it was last read.
    pub read: Option<Time>,
    /// When its contents last changed.
    pub changed: Option<Time>,
    /// When anything about it last changed; the time of this change if `None`.
    pub status_changed: Option<Time>,
    /// When it was made: for who copies a whole store, and nobody else.
    pub made: Option<Time>,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whom it names.
    pub object: ObjectId,
    /// What kind that is.
    pub kind: Kind,
    /// The name.
    pub name: Vec<u8>,
    /// Give this to `list` to go on after this entry. Never 0, 1 or 2; stays valid whatever changes.
    pub cookie: u64,
}

/// What to do if the new name of a rename is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Replace what has it, at once.
    Replace,
    /// Refuse.
    Refuse,
    /// Exchange the two.
    Exchange,
}

/// What `fallocate` is to do with a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocate {
    /// Promise room, and let the file grow to the end of the range.
    Grow,
    /// Promise room; the size stays.
    KeepSize,
    /// Make a hole; the size stays.
    Punch,
    /// Make it read as zeros, with room promised; the size grows.
    Zero,
    /// Make it read as zeros, with room promised; the size stays.
    ZeroKeepSize,
}

/// What to look for in a file with holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seek {
    /// Bytes that are not in a hole.
    Data,
    /// A hole; the end of the file counts as one.
    Hole,
}

/// How full a store is, in blocks of 4 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All that there could be.
    pub total: u64,
    /// How many of these are free to be written to.
    pub free: u64,
    /// How many objects there are.
    pub objects: u64,
}
