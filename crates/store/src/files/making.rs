//! New objects, and new names for old ones.

use super::names;
use super::objects::PERMISSIONS;
use crate::Store;
use crate::attributes::{Attributes, Kind, Make, ObjectId, Time};
use crate::error::Error;
use crate::files::inode::Inode;
use crate::tree::key::{Key, kind};

/// More names than that no file has: programs take the number as a signed one.
const MOST_LINKS: u32 = i32::MAX as u32;
/// The longest target of a symbolic link.
const LONGEST_TARGET: usize = 4095;
/// A directory's set-group-id bit: what is made in it gets its group.
pub(super) const SET_GROUP: u32 = 0o2000;

impl Store {
    /// Makes a file, a directory, a pipe, a socket or a device.
    pub fn make(
        &mut self,
        parent: ObjectId,
        name: &[u8],
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.may_write()?;
        names::check(name)?;
        if self.find(parent, name)?.is_some() {
            return Err(Error::Exists);
        }
        let mut above = self.directory(parent)?;
        if above.links == 0 {
            return Err(Error::NotFound);
        }
        let directory = make.kind == Kind::Directory;
        if directory && above.links >= MOST_LINKS {
            return Err(Error::TooManyLinks);
        }
        let inherits = above.mode & SET_GROUP != 0;
        let mut permissions = make.permissions & PERMISSIONS;
        if inherits && directory {
            permissions |= SET_GROUP;
        }
        let object = ObjectId(self.next_object);
        // Its place has to be readable before there is a name for it.
        self.tree.get(Key::new(object.0, kind::INODE, 0))?;
        let entry = self.add_name(parent, name, object.0, make.kind)?;
        self.next_object += 1;
        self.objects += 1;
        let inode = Inode {
            mode: make.kind.mode() | permissions,
            user: make.user,
            group: if inherits { above.group } else { make.group },
            links: if directory { 2 } else { 1 },
            size: 0,
            blocks: 0,
            read: now,
            changed: now,
            status_changed: now,
            made: now,
            device: make.device,
            parent: parent.0,
            entry,
            generation: self.commit + 1,
        };
        self.put_inode(object, &inode)?;
        above.links += u32::from(directory);
        above.size += 1;
        above.touch(now);
        self.put_inode(parent, &above)?;
        Ok(inode.attributes(object))
    }

    /// Makes a symbolic link.
    pub fn make_link(
        &mut self,
        parent: ObjectId,
        name: &[u8],
        target: &[u8],
        user: u32,
        group: u32,
        now: Time,
    ) -> Result<Attributes, Error> {
        if target.is_empty() {
            return Err(Error::NotFound);
        }
        if target.len() > LONGEST_TARGET {
            return Err(Error::NameTooLong);
        }
        let make = Make { kind: Kind::Link, permissions: 0o777, user, group, device: 0 };
        let made = self.make(parent, name, &make, now)?;
        let done = self.write_contents(made.object, 0, target, now);
        if let Err(error) = done {
            self.unlink(parent, name, now)?;
            return Err(error);
        }
        self.attributes(made.object)
    }

    /// Where a symbolic link leads.
    pub fn read_link(&mut self, object: ObjectId) -> Result<alloc::vec::Vec<u8>, Error> {
        let inode = self.inode(object)?;
        if inode.kind() != Kind::Link {
            return Err(Error::Invalid("that is not a symbolic link"));
        }
        let mut target = alloc::vec![0; inode.size.min(LONGEST_TARGET as u64) as usize];
        let read = self.read_contents(object, 0, &mut target)?;
        target.truncate(read);
        Ok(target)
    }

    /// Gives an object one more name.
    pub fn link(
        &mut self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<Attributes, Error> {
        self.may_write()?;
        names::check(name)?;
        if self.find(parent, name)?.is_some() {
            return Err(Error::Exists);
        }
        let mut inode = self.inode(object)?;
        if inode.kind() == Kind::Directory {
            return Err(Error::NotPermitted);
        }
        if inode.links >= MOST_LINKS {
            return Err(Error::TooManyLinks);
        }
        if inode.links == 0 {
            return Err(Error::NotFound);
        }
        let mut above = self.directory(parent)?;
        if above.links == 0 {
            return Err(Error::NotFound);
        }
        inode.entry = self.add_name(parent, name, object.0, inode.kind())?;
        inode.parent = parent.0;
        inode.links += 1;
        inode.status_changed = now;
        self.put_inode(object, &inode)?;
        above.size += 1;
        above.touch(now);
        self.put_inode(parent, &above)?;
        Ok(inode.attributes(object))
    }
}
