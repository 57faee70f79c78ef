//! Objects: their inodes, and who has them open.

use crate::Store;
use crate::attributes::{Attributes, Change, Kind, ObjectId, Time};
use crate::error::{Damage, Damaged, Error};
use crate::files::inode::Inode;
use crate::place::{BLOCK, SMALL};
use crate::tree::key::{Key, kind};

/// Bits of a mode that are not the kind.
pub(super) const PERMISSIONS: u32 = 0o7777;

impl Store {
    /// All that `stat` shows.
    pub fn attributes(&mut self, object: ObjectId) -> Result<Attributes, Error> {
        let found = self.inode(object)?.attributes(object);
        Ok(self.with_waiting(found))
    }

    /// Adds what `du` is to show of a file before it is written out. Where all that it can have is
    /// there, nothing is looked at.
    fn with_waiting(&self, found: Attributes) -> Attributes {
        let holes = found.size.div_ceil(BLOCK as u64).saturating_sub(found.blocks);
        if found.size <= SMALL || holes == 0 {
            return found;
        }
        let most = usize::try_from(holes).unwrap_or(usize::MAX);
        Attributes { waiting: self.pages.waiting_of(found.object.0, most) as u64, ..found }
    }

    /// Changes what `chmod`, `chown`, `truncate` and `utimensat` change, all at once or not at all.
    pub fn change(
        &mut self,
        object: ObjectId,
        change: &Change,
        now: Time,
    ) -> Result<Attributes, Error> {
        self.may_write()?;
        if change.size.is_some() {
            self.make_frames()?;
        }
        let mut inode = self.inode(object)?;
        if let Some(size) = change.size {
            match inode.kind() {
                Kind::File => inode = self.resize(object, inode, size, now)?,
                Kind::Directory => return Err(Error::IsDirectory),
                _ => return Err(Error::Invalid("only a file has a size that can be changed")),
            }
        }
        if let Some(permissions) = change.permissions {
            inode.mode = inode.mode & !PERMISSIONS | permissions & PERMISSIONS;
        }
        inode.user = change.user.unwrap_or(inode.user);
        inode.group = change.group.unwrap_or(inode.group);
        inode.read = change.read.unwrap_or(inode.read);
        inode.changed = change.changed.unwrap_or(inode.changed);
        inode.made = change.made.unwrap_or(inode.made);
        inode.status_changed = change.status_changed.unwrap_or(now);
        self.put_inode(object, &inode)?;
        Ok(self.with_waiting(inode.attributes(object)))
    }

    /// Somebody opens an object: it stays, even without a name, until the last one closes it.
    pub fn open(&mut self, object: ObjectId) -> Result<(), Error> {
        match self.inode(object) {
            // What is damaged is there: its name can be shown, and who asks for more is told.
            Ok(_) | Err(Error::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        *self.opened.entry(object).or_insert(0) += 1;
        Ok(())
    }

    /// Somebody closes an object.
    pub fn close(&mut self, object: ObjectId) -> Result<(), Error> {
        let Some(count) = self.opened.get_mut(&object) else { return Ok(()) };
        *count -= 1;
        if *count > 0 {
            return Ok(());
        }
        self.opened.remove(&object);
        let inode = self.inode(object)?;
        if inode.links == 0 && !self.read_only {
            self.destroy(object, &inode)?;
        }
        Ok(())
    }

    pub(crate) fn inode(&mut self, object: ObjectId) -> Result<Inode, Error> {
        let now = self.tree.changes();
        if let Some((known, then, inode)) = &self.last_inode
            && (*known, *then) == (object, now)
        {
            return Ok(*inode);
        }
        let record = self.tree.get(Key::new(object.0, kind::INODE, 0))?.ok_or(Error::Stale)?;
        let inode = Inode::decode(record).ok_or(Error::Damaged(Damage {
            block: 0,
            what: Damaged::Item { object: object.0, kind: kind::INODE },
            path: None,
        }))?;
        self.last_inode = Some((object, now, inode));
        Ok(inode)
    }

    pub(super) fn put_inode(&mut self, object: ObjectId, inode: &Inode) -> Result<(), Error> {
        let record = inode.encode();
        let key = Key::new(object.0, kind::INODE, 0);
        let there = self.tree.edit(key, &mut |bytes| {
            if bytes.len() == record.len() {
                bytes.copy_from_slice(&record);
            }
        })?;
        if there { Ok(()) } else { self.tree.put(key, &record) }
    }
}
