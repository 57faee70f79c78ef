//! The store's words in the kernel's, and back.

use fuser::{Errno, FileAttr, FileType, INodeNo, TimeOrNow};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Attributes, Error, Kind, ObjectId, Time};

pub(super) fn object(number: INodeNo) -> ObjectId {
    ObjectId(number.0)
}

pub(super) fn errno(error: &Error) -> Errno {
    Errno::from_i32(error.errno())
}

pub(super) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Fifo => FileType::NamedPipe,
        Kind::Character => FileType::CharDevice,
        Kind::Directory => FileType::Directory,
        Kind::Block => FileType::BlockDevice,
        Kind::File => FileType::RegularFile,
        Kind::Link => FileType::Symlink,
        Kind::Socket => FileType::Socket,
    }
}

pub(super) fn file_attr(attributes: &Attributes) -> FileAttr {
    FileAttr {
        ino: INodeNo(attributes.object.0),
        size: attributes.size,
        // The kernel counts 512 bytes, the store 4,096.
        blocks: attributes.blocks.saturating_add(attributes.waiting).saturating_mul(8),
        atime: system_time(attributes.read),
        mtime: system_time(attributes.changed),
        ctime: system_time(attributes.status_changed),
        crtime: system_time(attributes.made),
        kind: file_type(attributes.kind()),
        perm: (attributes.mode & 0o7777) as u16,
        nlink: attributes.links,
        uid: attributes.user,
        gid: attributes.group,
        // `st_rdev` and the kernel's own form agree as far as the kernel's reaches.
        rdev: attributes.device as u32,
        blksize: 4096,
        flags: 0,
    }
}

/// What is said of a name whose object cannot be read: its kind and nothing else, not to be kept.
pub(super) fn unreadable(object: ObjectId, kind: Kind) -> FileAttr {
    file_attr(&Attributes {
        object,
        mode: kind.mode(),
        user: 0,
        group: 0,
        links: 1,
        size: 0,
        blocks: 0,
        waiting: 0,
        read: Time::default(),
        changed: Time::default(),
        status_changed: Time::default(),
        made: Time::default(),
        device: 0,
    })
}

/// "There is no such name", as the kernel wants it said to remember it: object 0.
pub(super) fn nothing() -> FileAttr {
    unreadable(ObjectId(0), Kind::File)
}

fn system_time(time: Time) -> SystemTime {
    let second = Duration::from_secs(time.seconds.unsigned_abs());
    let whole = if time.seconds < 0 {
        UNIX_EPOCH.checked_sub(second)
    } else {
        UNIX_EPOCH.checked_add(second)
    };
    // A record of a broken program may say more nanoseconds than a second has.
    let rest = Duration::from_nanos(time.nanoseconds.min(999_999_999).into());
    whole.and_then(|whole| whole.checked_add(rest)).unwrap_or(UNIX_EPOCH)
}

/// What the kernel said, out of what `fuser` makes of it: of a time before 1970 it *subtracts* the
/// nanoseconds, so they are to be taken as they stand. `times_before_1970` in the tests would tell
/// if that changed.
pub(super) fn time(time: SystemTime) -> Time {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Time {
            seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: after.subsec_nanos(),
        },
        Err(before) => {
            let before = before.duration();
            Time {
                seconds: 0_i64.saturating_sub_unsigned(before.as_secs()),
                nanoseconds: before.subsec_nanos(),
            }
        }
    }
}

pub(super) fn time_or(time_or_now: TimeOrNow, now: Time) -> Time {
    match time_or_now {
        TimeOrNow::SpecificTime(specific) => time(specific),
        TimeOrNow::Now => now,
    }
}

pub(super) fn now() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    Time { seconds: now.tv_sec, nanoseconds: u32::try_from(now.tv_nsec).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_said_as_it_is() {
        let at = |seconds, nanoseconds| system_time(Time { seconds, nanoseconds });
        assert_eq!(at(5, 7), UNIX_EPOCH + Duration::new(5, 7));
        assert_eq!(at(-2, 800_000_000), UNIX_EPOCH - Duration::new(1, 200_000_000));
        // Whatever a damaged record says, it is some time.
        for seconds in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
            for nanoseconds in [0, 999_999_999, u32::MAX] {
                at(seconds, nanoseconds);
            }
        }
    }

    #[test]
    fn devices_keep_their_numbers() {
        let mut attributes =
            Attributes { mode: 0o020_644, device: 0x1234_5678, ..sample(ObjectId(3)) };
        assert_eq!(file_attr(&attributes).rdev, 0x1234_5678);
        attributes.blocks = u64::MAX;
        assert_eq!(file_attr(&attributes).blocks, u64::MAX);
    }

    fn sample(object: ObjectId) -> Attributes {
        let zero = Time::default();
        Attributes {
            object,
            mode: 0,
            user: 0,
            group: 0,
            links: 1,
            size: 0,
            blocks: 0,
            waiting: 0,
            read: zero,
            changed: zero,
            status_changed: zero,
            made: zero,
            device: 0,
        }
    }
}
