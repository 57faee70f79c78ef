//! Names in directories.
//!
//! A name lies under the hash of it, so finding one costs the same in a directory of ten and of a
//! million, and a listing can be gone on with whatever changes in between. The hash is keyed with
//! a secret of the store: nobody can make names that collide.

use crate::Store;
use crate::attributes::{Attributes, Entry, Kind, ObjectId};
use crate::error::Error;
use crate::files::inode::Inode;
use crate::tree::key::{Key, kind};
use alloc::vec::Vec;
use core::hash::Hasher;
use siphasher::sip::SipHasher24;

/// The longest name, in bytes.
pub(crate) const LONGEST: usize = 255;

/// One of the names that lie under one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) object: u64,
    pub(crate) kind: Kind,
    pub(crate) name: Vec<u8>,
}

/// All the names of a record; those that make no sense are left out.
pub(crate) fn decode(mut record: &[u8]) -> Vec<Named> {
    let mut out = Vec::new();
    while let Some((object, rest)) = record.split_first_chunk::<8>() {
        let Some((&[what, length], rest)) = rest.split_first_chunk::<2>() else { break };
        let Some((name, rest)) = rest.split_at_checked(usize::from(length)) else { break };
        if let Some(kind) = Kind::of_mode(u32::from(what) << 12) {
            let object = u64::from_le_bytes(*object);
            out.push(Named { object, kind, name: name.to_vec() });
        }
        record = rest;
    }
    out
}

fn encode(names: &[Named]) -> Vec<u8> {
    let mut out = Vec::new();
    for named in names {
        out.extend_from_slice(&named.object.to_le_bytes());
        out.push(named.kind as u8);
        out.push(named.name.len() as u8);
        out.extend_from_slice(&named.name);
    }
    out
}

/// Says whether these bytes can be a name.
pub(super) fn check(name: &[u8]) -> Result<(), Error> {
    if name.len() > LONGEST {
        return Err(Error::NameTooLong);
    }
    let bad = name.is_empty()
        || name == b"."
        || name == b".."
        || name.contains(&b'/')
        || name.contains(&0);
    if bad { Err(Error::InvalidName) } else { Ok(()) }
}

impl Store {
    /// What a name in a directory stands for.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotDirectory`], [`Error::NameTooLong`].
    pub fn lookup(&mut self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error> {
        let found = self.find(parent, name)?.ok_or(Error::NotFound)?;
        self.attributes(ObjectId(found.object))
    }

    /// The directory that a directory is in; the root is in itself.
    pub fn parent(&mut self, directory: ObjectId) -> Result<ObjectId, Error> {
        Ok(ObjectId(self.directory(directory)?.parent))
    }

    /// Shows a directory's entries, in an order that stays, from after a cookie (0: from the
    /// beginning) until `visit` says false. Without `.` and `..`.
    pub fn list(
        &mut self,
        directory: ObjectId,
        after: u64,
        visit: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(), Error> {
        self.directory(directory)?;
        let (position, seen) = (after & !0xff, after & 0xff);
        let from = Key::new(directory.0, kind::ENTRY, position);
        let to = Key::new(directory.0, kind::ENTRY + 1, 0);
        self.tree.visit(from, to, &mut |key, record| {
            for (index, named) in (1..).zip(decode(record)) {
                if key.position == position && index <= seen {
                    continue;
                }
                let cookie = key.position | index;
                let Named { object, kind, name } = named;
                if !visit(&Entry { object: ObjectId(object), kind, name, cookie }) {
                    return false;
                }
            }
            true
        })
    }

    /// Follows a path from the root, slash by slash; symbolic links are not followed.
    pub fn resolve(&mut self, path: &[u8]) -> Result<Attributes, Error> {
        let mut here = self.attributes(ObjectId::ROOT)?;
        for name in path.split(|&byte| byte == b'/') {
            here = match name {
                b"" | b"." => here,
                b".." => {
                    let parent = self.parent(here.object)?;
                    self.attributes(parent)?
                }
                name => self.lookup(here.object, name)?,
            };
        }
        Ok(here)
    }

    /// A path by which an object can be found, as far as its records can be read.
    pub fn path_of(&mut self, object: ObjectId) -> Option<Vec<u8>> {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let mut at = object.0;
        // No path has more parts than that.
        for _ in 0..4096 {
            if at == ObjectId::ROOT.0 {
                let mut path = Vec::new();
                for part in parts.iter().rev() {
                    path.push(b'/');
                    path.extend_from_slice(part);
                }
                return Some(if path.is_empty() { b"/".to_vec() } else { path });
            }
            let inode = self.inode(ObjectId(at)).ok()?;
            let key = Key::new(inode.parent, kind::ENTRY, inode.entry);
            let names = decode(self.tree.get(key).ok()??);
            parts.push(names.into_iter().find(|named| named.object == at)?.name);
            at = inode.parent;
        }
        None
    }

    /// The inode of what must be a directory.
    pub(super) fn directory(&mut self, object: ObjectId) -> Result<Inode, Error> {
        let inode = self.inode(object)?;
        if inode.kind() == Kind::Directory { Ok(inode) } else { Err(Error::NotDirectory) }
    }

    pub(super) fn find(&mut self, parent: ObjectId, name: &[u8]) -> Result<Option<Named>, Error> {
        self.directory(parent)?;
        if name.len() > LONGEST {
            return Err(Error::NameTooLong);
        }
        let key = Key::new(parent.0, kind::ENTRY, self.position(name));
        let names = self.tree.get(key)?.map(decode).unwrap_or_default();
        Ok(names.into_iter().find(|named| named.name == name))
    }

    /// Adds a name that is not there, and tells the object of it.
    pub(super) fn add_name(
        &mut self,
        parent: ObjectId,
        name: &[u8],
        object: u64,
        what: Kind,
    ) -> Result<u64, Error> {
        let position = self.position(name);
        let key = Key::new(parent.0, kind::ENTRY, position);
        let mut names = self.tree.get(key)?.map(decode).unwrap_or_default();
        names.push(Named { object, kind: what, name: name.to_vec() });
        self.tree.put(key, &encode(&names))?;
        Ok(position)
    }

    /// Removes a name that is there.
    pub(super) fn remove_name(&mut self, parent: ObjectId, name: &[u8]) -> Result<(), Error> {
        let key = Key::new(parent.0, kind::ENTRY, self.position(name));
        let mut names = self.tree.get(key)?.map(decode).unwrap_or_default();
        names.retain(|named| named.name != name);
        if names.is_empty() {
            self.tree.remove(key)?;
            return Ok(());
        }
        self.tree.put(key, &encode(&names))
    }

    /// Under which hash a name lies. The lowest byte is left to tell names apart that share one.
    fn position(&self, name: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.name_key);
        hasher.write(name);
        (hasher.finish() & 0x7fff_ffff_ffff_ff00).max(0x100)
    }

    /// Under which hash an extended attribute lies.
    pub(super) fn position_of_extra(&self, name: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.name_key);
        hasher.write(name);
        hasher.finish()
    }
}
