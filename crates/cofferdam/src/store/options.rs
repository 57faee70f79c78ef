//! Options that all commands about a store have.

use clap::Args;
use std::path::PathBuf;

/// Which store, and how it is opened.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreOptions {
    /// The store: a folder, a file or a block device
    pub(crate) store: PathBuf,
    #[command(flatten)]
    pub(crate) trusted: TrustedOptions,
    #[command(flatten)]
    pub(crate) secret: SecretOptions,
}

/// What lies on the trusted side.
#[derive(Args, Clone, Debug)]
pub(crate) struct TrustedOptions {
    /// The seal; else the one that is remembered for this store
    #[arg(long, help_heading = "Trusted side", value_name = "FILE")]
    pub(crate) seal: Option<PathBuf>,
    /// Where seals and keys lie that are not named, and where it is remembered which is whose
    #[arg(
        long,
        help_heading = "Trusted side",
        value_name = "FOLDER",
        env = "COFFERDAM_TRUSTED",
        hide_env_values = true
    )]
    pub(crate) trusted: Option<PathBuf>,
    /// Memory for pages of files: a number of bytes, or with K, M or G
    #[arg(long, help_heading = "Trusted side", default_value = "64M", value_name = "SIZE", value_parser = size)]
    pub(crate) cache: u64,
}

/// What opens it. With none named: the key file that is remembered, else a passphrase is asked for.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SecretOptions {
    /// A key file: its first 32 bytes
    #[arg(long, help_heading = "Key", value_name = "FILE", group = "secret")]
    pub(crate) key_file: Option<PathBuf>,
    /// A key from an open descriptor: its first 32 bytes
    #[arg(long, help_heading = "Key", value_name = "NUMBER", group = "secret")]
    pub(crate) key_fd: Option<i32>,
    /// Ask for a passphrase at the terminal
    #[arg(long, help_heading = "Key", group = "secret")]
    pub(crate) passphrase: bool,
    /// A passphrase from an open descriptor: its first line
    #[arg(long, help_heading = "Key", value_name = "NUMBER", group = "secret")]
    pub(crate) passphrase_fd: Option<i32>,
    /// A recovery key from an open descriptor: its first line
    #[arg(long, help_heading = "Key", value_name = "NUMBER", group = "secret")]
    pub(crate) recovery_key_fd: Option<i32>,
}

/// How much is copied, and whether over something else.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct CopyOptions {
    /// Take a directory with all that is in it
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Like -r, and keep modes, times, owners, extended attributes (user.*), hard links, pipes and,
    /// as root, devices
    #[arg(short, long)]
    pub(crate) archive: bool,
    /// Replace what has the name
    #[arg(short, long)]
    pub(crate) force: bool,
}

impl CopyOptions {
    /// Whether directories are taken.
    pub(super) fn directories(self) -> bool {
        self.recursive || self.archive
    }
}

/// A number of bytes, as `65536`, `64K`, `64M` or `1G`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G', 'k', 'm', 'g']) {
        Some(digits) if text.ends_with(['K', 'k']) => (digits, 10),
        Some(digits) if text.ends_with(['M', 'm']) => (digits, 20),
        Some(digits) => (digits, 30),
        None => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "give a number, or one with K, M or G")?;
    number
        .checked_mul(1 << shift)
        .filter(|bytes| *bytes <= 1 << 40)
        .ok_or_else(|| "that is more than 1024G".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_a_unit() {
        for (text, bytes) in
            [("0", 0), ("4096", 4096), ("64K", 65_536), ("2m", 2 << 20), ("1G", 1 << 30)]
        {
            assert_eq!(size(text), Ok(bytes));
        }
        for wrong in ["", "K", "-1", "1T", "1.5G", "99999999999G", "2000G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
