//! Files that have no name yet: written in peace, then named at once, or never.
//!
//! What `O_TMPFILE` and `linkat` do. Such a file is on record as an orphan from the beginning, so
//! that a writer who is killed leaves nothing behind: the next one who opens the store removes it.

use super::names;
use crate::Store;
use crate::attributes::{Attributes, Kind, Make, ObjectId, Taken, Time};
use crate::error::Error;
use crate::files::inode::Inode;
use crate::tree::key::{Key, kind};

impl Store {
    /// Makes a file without a name, and opens it: when it is closed and still has none, it is gone.
    /// `parent` is the directory it is meant for.
    pub fn make_unnamed(
        &mut self,
        parent: ObjectId,
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.may_write()?;
        if make.kind != Kind::File {
            return Err(Error::Invalid("only a file can be made without a name"));
        }
        let above = self.directory(parent)?;
        let object = ObjectId(self.next_object);
        let inode = Inode {
            mode: make.kind.mode() | make.permissions & super::objects::PERMISSIONS,
            user: make.user,
            group: if above.mode & super::making::SET_GROUP == 0 {
                make.group
            } else {
                above.group
            },
            links: 0,
            size: 0,
            blocks: 0,
            read: now,
            changed: now,
            status_changed: now,
            made: now,
            device: 0,
            parent: parent.0,
            entry: 0,
            generation: self.commit + 1,
        };
        self.tree.put(Key::new(0, kind::ORPHAN, object.0), &[1])?;
        self.next_object += 1;
        self.objects += 1;
        self.put_inode(object, &inode)?;
        self.open(object)?;
        Ok(inode.attributes(object))
    }

    /// Gives its first name to a file that has none. `taken` says what happens to what has that name
    /// already; [`Taken::Exchange`] is refused.
    pub fn name(
        &mut self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        taken: Taken,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.may_write()?;
        names::check(name)?;
        let inode = self.inode(object)?;
        if inode.links > 0 || inode.kind() != Kind::File || !self.opened.contains_key(&object) {
            return Err(Error::Invalid("the file has a name already"));
        }
        if self.directory(parent)?.links == 0 {
            return Err(Error::NotFound);
        }
        match (self.find(parent, name)?, taken) {
            (Some(_), Taken::Refuse) => return Err(Error::Exists),
            (Some(old), Taken::Replace) if old.kind == Kind::Directory => {
                return Err(Error::IsDirectory);
            }
            (_, Taken::Exchange) => {
                return Err(Error::Invalid("a file without a name has none to exchange"));
            }
            (Some(_), Taken::Replace) => self.unlink(parent, name, now)?,
            (None, _) => {}
        }
        let entry = self.add_name(parent, name, object.0, Kind::File)?;
        let inode =
            Inode { links: 1, parent: parent.0, entry, status_changed: now, ..self.inode(object)? };
        self.put_inode(object, &inode)?;
        self.tree.remove(Key::new(0, kind::ORPHAN, object.0))?;
        let mut above = self.directory(parent)?;
        above.size += 1;
        above.touch(now);
        self.put_inode(parent, &above)?;
        Ok(inode.attributes(object))
    }
}
