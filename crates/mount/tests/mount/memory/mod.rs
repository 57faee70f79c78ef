//! Files in memory, as simple as they can be and still be right: what is tested here is what is
//! said to the kernel.

mod state;

use mount::Files;
use state::{Node, PAGE, State, zero};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use store::{
    Allocate, Attributes, Change, Entry, Error, Kind, Make, ObjectId, Room, Seek, SetExtra, Taken,
    Time,
};

pub(crate) struct Memory {
    state: Mutex<State>,
    pub(crate) syncs: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) lookups: AtomicU64,
    failing: AtomicBool,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let root = Node::new(Attributes { links: 2, ..zero(1, 0o040_755) }, 1);
        let nodes = HashMap::from([(1, root)]);
        Self {
            state: Mutex::new(State { nodes, next: 2, cookie: 2, damaged: None }),
            syncs: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            lookups: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// How many objects there are, the root included, with a name or without.
    pub(crate) fn objects(&self) -> usize {
        self.state().nodes.len()
    }

    /// How many objects are open.
    pub(crate) fn opened(&self) -> usize {
        self.state().nodes.values().filter(|node| node.opened > 0).count()
    }

    /// From now on, every lookup panics.
    pub(crate) fn fail(&self) {
        self.failing.store(true, Ordering::Relaxed);
    }

    /// From now on, whoever asks for this object is told that it is damaged.
    pub(crate) fn damage(&self, object: u64) {
        self.state().damaged = Some(object);
    }
}

impl Files for Memory {
    fn lookup(&self, parent: ObjectId, name: &[u8]) -> Result<Attributes, Error> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        assert!(!self.failing.load(Ordering::Relaxed), "as the test wants it");
        let mut state = self.state();
        let found = state.find(parent, name)?;
        Ok(state.node(ObjectId(found))?.attributes)
    }

    fn parent(&self, directory: ObjectId) -> Result<ObjectId, Error> {
        Ok(ObjectId(self.state().folder(directory)?.parent))
    }

    fn attributes(&self, object: ObjectId) -> Result<Attributes, Error> {
        Ok(self.state().node(object)?.attributes)
    }

    fn change(&self, object: ObjectId, change: &Change, now: Time) -> Result<Attributes, Error> {
        let mut state = self.state();
        let node = state.node(object)?;
        if let Some(size) = change.size {
            node.cut(size);
            node.touch(now);
        }
        let attributes = &mut node.attributes;
        if let Some(permissions) = change.permissions {
            attributes.mode = (attributes.mode & !0o7777) | permissions;
        }
        attributes.user = change.user.unwrap_or(attributes.user);
        attributes.group = change.group.unwrap_or(attributes.group);
        attributes.read = change.read.unwrap_or(attributes.read);
        attributes.changed = change.changed.unwrap_or(attributes.changed);
        attributes.status_changed = change.status_changed.unwrap_or(now);
        Ok(*attributes)
    }

    fn make(
        &self,
        parent: ObjectId,
        name: &[u8],
        make: &Make,
        now: Time,
    ) -> Result<Attributes, Error> {
        let attributes = Attributes {
            user: make.user,
            group: make.group,
            device: make.device,
            ..zero(0, make.kind.mode() | make.permissions)
        };
        Ok(self.state().add(parent, name, attributes, now)?.attributes)
    }

    fn make_link(
        &self,
        parent: ObjectId,
        name: &[u8],
        target: &[u8],
        user: u32,
        group: u32,
        now: Time,
    ) -> Result<Attributes, Error> {
        let size = target.len() as u64;
        let attributes = Attributes { user, group, size, ..zero(0, Kind::Link.mode() | 0o777) };
        let mut state = self.state();
        let node = state.add(parent, name, attributes, now)?;
        node.target = target.to_vec();
        Ok(node.attributes)
    }

    fn read_link(&self, object: ObjectId) -> Result<Vec<u8>, Error> {
        Ok(self.state().node(object)?.target.clone())
    }

    fn link(
        &self,
        object: ObjectId,
        parent: ObjectId,
        name: &[u8],
        now: Time,
    ) -> Result<Attributes, Error> {
        let mut state = self.state();
        state.name(parent, name, object.0, now)?;
        let node = state.node(object)?;
        node.attributes.links += 1;
        node.attributes.status_changed = now;
        Ok(node.attributes)
    }

    fn unlink(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        let mut state = self.state();
        let object = state.take(parent, name, now)?;
        state.unlinked(object, now);
        Ok(())
    }

    fn remove_directory(&self, parent: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        let mut state = self.state();
        let object = state.find(parent, name)?;
        state.removable(object)?;
        state.take(parent, name, now)?;
        state.folder(parent)?.attributes.links -= 1;
        state.unlinked(object, now);
        Ok(())
    }

    fn rename(
        &self,
        from: ObjectId,
        name: &[u8],
        to: ObjectId,
        new_name: &[u8],
        taken: Taken,
        now: Time,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let moved = state.find(from, name)?;
        let there = match state.find(to, new_name) {
            Ok(there) => Some(there),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        match (taken, there) {
            (Taken::Refuse, Some(_)) => return Err(Error::Exists),
            (Taken::Exchange, None) => return Err(Error::NotFound),
            (_, Some(there)) if there == moved => return Ok(()),
            (Taken::Replace, Some(there)) => state.removable(there)?,
            _ => {}
        }
        state.take(from, name, now)?;
        if let Some(there) = there {
            state.take(to, new_name, now)?;
            if taken == Taken::Exchange {
                state.name(from, name, there, now)?;
                state.node(ObjectId(there))?.parent = from.0;
            } else {
                if state.node(ObjectId(there))?.attributes.kind() == Kind::Directory {
                    state.folder(to)?.attributes.links -= 1;
                }
                state.unlinked(there, now);
            }
        }
        state.name(to, new_name, moved, now)?;
        let node = state.node(ObjectId(moved))?;
        node.parent = to.0;
        node.attributes.status_changed = now;
        if node.attributes.kind() == Kind::Directory && taken != Taken::Exchange {
            state.folder(from)?.attributes.links -= 1;
            state.folder(to)?.attributes.links += 1;
        }
        Ok(())
    }

    fn list(
        &self,
        directory: ObjectId,
        after: u64,
        visit: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<(), Error> {
        assert!(after == 0 || after > 2, "{after} is no cookie of an entry");
        let mut state = self.state();
        let entries: Vec<_> = state
            .folder(directory)?
            .entries
            .range(after + 1..)
            .map(|(cookie, (name, object))| (*cookie, name.clone(), *object))
            .collect();
        for (cookie, name, object) in entries {
            let kind = state.nodes[&object].attributes.kind();
            if !visit(&Entry { object: ObjectId(object), kind, name, cookie }) {
                break;
            }
        }
        Ok(())
    }

    fn open(&self, object: ObjectId) -> Result<(), Error> {
        // What is damaged can be opened: it is there.
        self.state().nodes.get_mut(&object.0).ok_or(Error::Stale)?.opened += 1;
        Ok(())
    }

    fn close(&self, object: ObjectId) {
        let mut state = self.state();
        let node = state.nodes.get_mut(&object.0).expect("only what is open is closed");
        node.opened = node.opened.checked_sub(1).expect("closed as often as opened");
        if node.opened == 0 && node.attributes.links == 0 {
            state.nodes.remove(&object.0);
        }
    }

    fn read(&self, object: ObjectId, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        let node = state.node(object)?;
        let left = node.attributes.size.saturating_sub(offset);
        let length = left.min(into.len() as u64) as usize;
        into[..length].fill(0);
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let within = (at % PAGE) as usize;
            let some = (length - done).min(PAGE as usize - within);
            if let Some(page) = node.pages.get(&(at / PAGE)) {
                into[done..done + some].copy_from_slice(&page[within..within + some]);
            }
            done += some;
        }
        Ok(length)
    }

    fn write(&self, object: ObjectId, offset: u64, from: &[u8], now: Time) -> Result<(), Error> {
        let mut state = self.state();
        let node = state.node(object)?;
        node.put(offset, from);
        node.attributes.size = node.attributes.size.max(offset + from.len() as u64);
        node.touch(now);
        Ok(())
    }

    fn allocate(
        &self,
        object: ObjectId,
        how: Allocate,
        offset: u64,
        length: u64,
        now: Time,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let node = state.node(object)?;
        let end = offset + length;
        if !matches!(how, Allocate::Grow | Allocate::KeepSize) {
            // Zeros on the edges, and nothing at all in between.
            let whole = offset.div_ceil(PAGE)..end / PAGE;
            for at in (offset..end).filter(|at| !whole.contains(&(at / PAGE))) {
                if let Some(page) = node.pages.get_mut(&(at / PAGE)) {
                    page[(at % PAGE) as usize] = 0;
                }
            }
            node.pages.retain(|page, _| !whole.contains(page));
            node.attributes.blocks = node.pages.len() as u64;
        }
        if matches!(how, Allocate::Grow | Allocate::Zero) {
            node.attributes.size = node.attributes.size.max(end);
        }
        node.touch(now);
        Ok(())
    }

    fn seek(&self, object: ObjectId, what: Seek, offset: u64) -> Result<u64, Error> {
        let mut state = self.state();
        let node = state.node(object)?;
        let size = node.attributes.size;
        if offset >= size {
            return Err(Error::NothingThere);
        }
        let mut at = offset;
        while at < size {
            if node.pages.contains_key(&(at / PAGE)) == (what == Seek::Data) {
                return Ok(at);
            }
            at = (at / PAGE + 1) * PAGE;
        }
        if what == Seek::Hole { Ok(size) } else { Err(Error::NothingThere) }
    }

    fn sync(&self) -> Result<(), Error> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn room(&self) -> Result<Room, Error> {
        Ok(Room { total: 1000, free: 600, objects: self.objects() as u64 })
    }

    fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error> {
        self.state().node(object)?.extras.get(name).cloned().ok_or(Error::NoData)
    }

    fn set_extra(
        &self,
        object: ObjectId,
        name: &[u8],
        value: &[u8],
        how: SetExtra,
        now: Time,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let node = state.node(object)?;
        match (how, node.extras.contains_key(name)) {
            (SetExtra::New, true) => return Err(Error::Exists),
            (SetExtra::Existing, false) => return Err(Error::NoData),
            _ => {}
        }
        node.extras.insert(name.to_vec(), value.to_vec());
        node.attributes.status_changed = now;
        Ok(())
    }

    fn remove_extra(&self, object: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        let mut state = self.state();
        let node = state.node(object)?;
        node.extras.remove(name).ok_or(Error::NoData)?;
        node.attributes.status_changed = now;
        Ok(())
    }

    fn extras(&self, object: ObjectId) -> Result<Vec<Vec<u8>>, Error> {
        Ok(self.state().node(object)?.extras.keys().cloned().collect())
    }
}
