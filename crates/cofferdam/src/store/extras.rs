//! Extended attributes of what is copied.
//!
//! Between a store and this machine only those of users go: the others mean something to this
//! machine's kernel only. Within stores all of them go.

use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use store::{Error, ObjectId, SetExtra, Store, Time};

/// More than that neither a list of names nor a value has in Linux.
const LARGEST: usize = 65_536;

/// Names and values.
pub(super) type Extras = Vec<(Vec<u8>, Vec<u8>)>;

/// Those of a file of this machine.
pub(super) fn of_file(path: &Path) -> io::Result<Extras> {
    match rustix::fs::llistxattr_query(path) {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Extras::new()),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut names = vec![0; LARGEST];
    let length = rustix::fs::llistxattr(path, names.as_mut_slice())?;
    let mut extras = Extras::new();
    for name in names.get(..length).unwrap_or_default().split(|&byte| byte == 0) {
        if !is_of_users(name) {
            continue;
        }
        let mut value = vec![0; LARGEST];
        let name_of_system = std::ffi::OsStr::from_bytes(name);
        match rustix::fs::lgetxattr(path, name_of_system, value.as_mut_slice()) {
            Ok(length) => value.truncate(length),
            // Somebody removed it meanwhile.
            Err(Errno::NODATA) => continue,
            Err(error) => return Err(error.into()),
        }
        extras.push((name.to_vec(), value));
    }
    Ok(extras)
}

/// Gives them to a file of this machine.
pub(super) fn to_file(file: &File, extras: &Extras) -> io::Result<()> {
    for (name, value) in extras.iter().filter(|(name, _)| is_of_users(name)) {
        let name = std::ffi::OsStr::from_bytes(name);
        rustix::fs::fsetxattr(file, name, value, rustix::fs::XattrFlags::empty())?;
    }
    Ok(())
}

fn is_of_users(name: &[u8]) -> bool {
    name.starts_with(b"user.")
}

/// Those of something in a store.
pub(super) fn of_object(store: &mut Store, object: ObjectId) -> Result<Extras, Error> {
    let mut extras = Extras::new();
    for name in store.extras(object)? {
        let value = store.extra(object, &name)?;
        extras.push((name, value));
    }
    Ok(extras)
}

/// Gives one to something in a store.
pub(super) fn to_object(
    store: &mut Store,
    object: ObjectId,
    (name, value): &(Vec<u8>, Vec<u8>),
    now: Time,
) -> Result<(), Error> {
    store.set_extra(object, name, value, SetExtra::Any, now)
}
