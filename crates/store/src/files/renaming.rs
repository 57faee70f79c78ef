//! Renaming: a name moves, and what had the new one goes, at once.

use super::names::{self, Named};
use crate::Store;
use crate::attributes::{Kind, ObjectId, Taken, Time};
use crate::error::Error;

impl Store {
    /// Moves a name. `taken` says what happens to what has the new name already.
    pub fn rename(
        &mut self,
        from: ObjectId,
        name: &[u8],
        to: ObjectId,
        new_name: &[u8],
        taken: Taken,
        now: Time,
    ) -> Result<(), Error> {
        self.may_write()?;
        names::check(name)?;
        let moved = self.find(from, name)?.ok_or(Error::NotFound)?;
        names::check(new_name)?;
        let target = self.find(to, new_name)?;
        if self.directory(to)?.links == 0 {
            return Err(Error::NotFound);
        }
        match (&target, taken) {
            (Some(_), Taken::Refuse) => return Err(Error::Exists),
            (None, Taken::Exchange) => return Err(Error::NotFound),
            _ => {}
        }
        // Both will be told where they are, and by then everything else has changed.
        for named in [Some(&moved), target.as_ref()].into_iter().flatten() {
            self.inode(ObjectId(named.object))?;
        }
        let within = Error::Invalid("a directory cannot be moved into itself");
        if self.is_within(to, moved.object)? {
            return Err(within);
        }
        let Some(target) = target else { return self.move_name(from, &moved, to, new_name, now) };
        if self.is_within(from, target.object)? {
            return Err(if taken == Taken::Exchange { within } else { Error::NotEmpty });
        }
        if target.object == moved.object {
            return Ok(());
        }
        if taken == Taken::Exchange {
            return self.exchange(from, &moved, to, &target, now);
        }
        match (moved.kind, target.kind) {
            (Kind::Directory, Kind::Directory) => self.check_empty(ObjectId(target.object))?,
            (Kind::Directory, _) => return Err(Error::NotDirectory),
            (_, Kind::Directory) => return Err(Error::IsDirectory),
            _ => {}
        }
        self.drop_named(to, &target, now)?;
        self.adjust(to, -1, -i32::from(target.kind == Kind::Directory), now)?;
        self.move_name(from, &moved, to, new_name, now)?;
        self.let_go(ObjectId(target.object))
    }

    fn move_name(
        &mut self,
        from: ObjectId,
        moved: &Named,
        to: ObjectId,
        new_name: &[u8],
        now: Time,
    ) -> Result<(), Error> {
        let links = i32::from(moved.kind == Kind::Directory);
        self.remove_name(from, &moved.name)?;
        self.adjust(from, -1, -links, now)?;
        let entry = self.add_name(to, new_name, moved.object, moved.kind)?;
        self.adjust(to, 1, links, now)?;
        self.settle_in(moved.object, to, entry, now)
    }

    fn exchange(
        &mut self,
        from: ObjectId,
        one: &Named,
        to: ObjectId,
        other: &Named,
        now: Time,
    ) -> Result<(), Error> {
        self.remove_name(from, &one.name)?;
        self.remove_name(to, &other.name)?;
        let entry = self.add_name(to, &other.name, one.object, one.kind)?;
        self.settle_in(one.object, to, entry, now)?;
        let entry = self.add_name(from, &one.name, other.object, other.kind)?;
        self.settle_in(other.object, from, entry, now)?;
        let links =
            i32::from(one.kind == Kind::Directory) - i32::from(other.kind == Kind::Directory);
        self.adjust(from, 0, -links, now)?;
        self.adjust(to, 0, links, now)
    }

    /// Tells an object where it is now.
    fn settle_in(
        &mut self,
        object: u64,
        parent: ObjectId,
        entry: u64,
        now: Time,
    ) -> Result<(), Error> {
        let mut inode = self.inode(ObjectId(object))?;
        inode.parent = parent.0;
        inode.entry = entry;
        inode.status_changed = now;
        self.put_inode(ObjectId(object), &inode)
    }

    /// Counts a directory's entries and directories.
    fn adjust(
        &mut self,
        directory: ObjectId,
        entries: i64,
        links: i32,
        now: Time,
    ) -> Result<(), Error> {
        let mut inode = self.directory(directory)?;
        inode.size = inode.size.saturating_add_signed(entries);
        inode.links = inode.links.saturating_add_signed(links);
        inode.touch(now);
        self.put_inode(directory, &inode)
    }

    /// Whether a directory is, or is somewhere in, an object.
    fn is_within(&mut self, directory: ObjectId, object: u64) -> Result<bool, Error> {
        let mut at = directory;
        while at.0 != object {
            if at == ObjectId::ROOT {
                return Ok(false);
            }
            at = self.parent(at)?;
        }
        Ok(true)
    }
}
