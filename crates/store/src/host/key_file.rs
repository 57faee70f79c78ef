//! Key files: at least 32 bytes of which the first 32 are the secret, in a file or handed over as
//! an open descriptor.

use super::{Error, file};
use crate::medium::Randomness;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::format;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// How many bytes of it count.
pub const LENGTH: usize = 32;

/// The secret in a key file, wiped when it is dropped.
pub type Secret = Zeroizing<[u8; LENGTH]>;

/// What was read from a key file.
pub struct KeyFile {
    /// The secret.
    pub secret: Secret,
    /// Whether its group or everybody can read it, which somebody should be told.
    pub readable_by_others: bool,
}

/// Makes one that only its owner may read, with new random bytes, and gives them; safe when this
/// returns.
pub fn make(path: &Path, randomness: &mut dyn Randomness) -> Result<Secret, Error> {
    let mut secret = Secret::default();
    randomness.fill(secret.as_mut_slice());
    file::create_with(path, secret.as_slice())?;
    Ok(secret)
}

/// Reads the one that is there.
pub fn read(path: &Path) -> Result<KeyFile, Error> {
    let mut file = File::open(path).map_err(Error::system("open the key file", path))?;
    let about = file.metadata().map_err(Error::system("look at the key file", path))?;
    if about.is_dir() {
        return Err(Error::WrongKind { path: path.into(), expected: "a key file" });
    }
    let secret = secret(&mut file, path, Error::system("read the key file", path))?;
    // A pipe, as `<(command)` makes one, is nobody else's whatever its mode says.
    let readable_by_others = about.is_file() && about.permissions().mode() & 0o044 != 0;
    Ok(KeyFile { secret, readable_by_others })
}

/// Reads one from a descriptor that this process was started with. It stays open, since closing
/// what others may know by its number cannot be done safely; of a pipe, the bytes are gone.
pub fn read_descriptor(number: i32) -> Result<Secret, Error> {
    let failed = |cause: io::Error| Error::Descriptor { number, cause };
    let mut file = inherited(number).map_err(failed)?;
    secret(&mut file, Path::new(&format!("descriptor {number}")), failed)
}

/// A second descriptor of what a number stands for, at the same place in it.
pub(super) fn inherited(number: i32) -> io::Result<File> {
    if number < 0 {
        return Err(ErrorKind::InvalidInput.into());
    }
    let copied = pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(|process| pidfd_getfd(process, number, PidfdGetfdFlags::empty()));
    match copied {
        Ok(copy) => Ok(copy.into()),
        Err(rustix::io::Errno::BADF) => Err(rustix::io::Errno::BADF.into()),
        // Old kernels and filters of containers; this goes for all but sockets.
        Err(_) => File::open(format!("/proc/self/fd/{number}")),
    }
}

fn secret(
    from: &mut File,
    path: &Path,
    failed: impl FnOnce(io::Error) -> Error,
) -> Result<Secret, Error> {
    let mut secret = Secret::default();
    let mut length = 0;
    while let Some(rest) = secret.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => return Err(Error::KeyTooShort { path: path.into(), length }),
            Ok(more) => length += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(secret)
}
