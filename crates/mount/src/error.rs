//! What can go wrong with a mount: the path, the cause, the way out.

use crate::Holder;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;

/// Why something is not mounted, or still is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such path, or it cannot be reached.
    #[error("cannot mount at {}: {cause}; make the directory first", path.display())]
    NoPoint {
        /// Where.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Only directories are mounted at.
    #[error("cannot mount at {}: it is not a directory; name one", path.display())]
    NotDirectory {
        /// Where.
        path: PathBuf,
    },
    /// The kernel offers no FUSE.
    #[error(
        "cannot mount at {}: /dev/fuse cannot be opened ({cause}); \
         load the kernel's module (`modprobe fuse`) or give the container that device",
        path.display()
    )]
    NoDevice {
        /// Where.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Who is not root needs a program for that.
    #[error(
        "cannot mount at {}: `fusermount3` cannot be started ({cause}); \
         install it (`apt-get install fuse3`) or mount as root",
        path.display()
    )]
    NoHelper {
        /// Where.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// `fusermount3` refused.
    #[error("cannot mount at {}: {cause}", path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What it says.
        cause: String,
    },
    /// The kernel refused.
    #[error("cannot mount at {}: {cause}", path.display())]
    Kernel {
        /// Where.
        path: PathBuf,
        /// What it says.
        cause: io::Error,
    },
    /// Somebody uses it.
    #[error(
        "{} is still in use{}; end what uses it, then unmount again",
        path.display(),
        by(holders)
    )]
    Busy {
        /// Where.
        path: PathBuf,
        /// Who, as far as it can be seen.
        holders: Vec<Holder>,
    },
    /// Something else lies on top.
    #[error(
        "something else was mounted over {}; unmount that first (`umount {}`)",
        path.display(),
        path.display()
    )]
    Covered {
        /// Where.
        path: PathBuf,
    },
    /// It could not be unmounted.
    #[error("cannot unmount {}: {cause}", path.display())]
    Unmount {
        /// Where.
        path: PathBuf,
        /// What the system, or `fusermount3`, says.
        cause: String,
    },
    /// It failed while it was mounted.
    #[error(
        "what answered for {} has failed, so it was unmounted: what programs had written and \
         the kernel had not handed over may be lost; mount it again",
        path.display()
    )]
    Broken {
        /// Where.
        path: PathBuf,
    },
    /// Unmounted, but not all is safe.
    #[error("{} is unmounted, but what was written last is not safe: {cause}", path.display())]
    Flush {
        /// Where.
        path: PathBuf,
        /// What the store says.
        cause: store::Error,
    },
}

fn by(holders: &[Holder]) -> String {
    let mut list = String::new();
    for (number, holder) in holders.iter().enumerate() {
        let before = if number == 0 { " by " } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(list, "{before}{} (process {})", holder.name, holder.process);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_mount_names_who_uses_it() {
        let path = PathBuf::from("/mnt/s");
        let holders = vec![
            Holder { process: 7, name: "bash".to_owned() },
            Holder { process: 9, name: "nginx".to_owned() },
        ];
        assert_eq!(
            Error::Busy { path: path.clone(), holders }.to_string(),
            "/mnt/s is still in use by bash (process 7), nginx (process 9); \
             end what uses it, then unmount again"
        );
        assert_eq!(
            Error::Busy { path, holders: vec![] }.to_string(),
            "/mnt/s is still in use; end what uses it, then unmount again"
        );
    }
}
