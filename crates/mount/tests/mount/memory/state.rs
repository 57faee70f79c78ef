//! What is in memory: objects, and the names that lead to them.

use std::collections::{BTreeMap, HashMap};
use store::{Attributes, Damage, Damaged, Error, Kind, ObjectId, Time};

pub(super) const PAGE: u64 = 4096;

pub(super) struct Node {
    pub(super) attributes: Attributes,
    pub(super) parent: u64,
    pub(super) opened: u64,
    pub(super) target: Vec<u8>,
    pub(super) pages: BTreeMap<u64, Vec<u8>>,
    pub(super) names: HashMap<Vec<u8>, u64>,
    pub(super) entries: BTreeMap<u64, (Vec<u8>, u64)>,
    pub(super) extras: BTreeMap<Vec<u8>, Vec<u8>>,
}

pub(super) struct State {
    pub(super) nodes: HashMap<u64, Node>,
    pub(super) next: u64,
    pub(super) cookie: u64,
    pub(super) damaged: Option<u64>,
}

pub(super) fn zero(object: u64, mode: u32) -> Attributes {
    let time = Time::default();
    Attributes {
        object: ObjectId(object),
        mode,
        user: 0,
        group: 0,
        links: 1,
        size: 0,
        blocks: 0,
        read: time,
        changed: time,
        status_changed: time,
        made: time,
        device: 0,
    }
}

impl Node {
    pub(super) fn new(attributes: Attributes, parent: u64) -> Self {
        Self {
            attributes,
            parent,
            opened: 0,
            target: Vec::new(),
            pages: BTreeMap::new(),
            names: HashMap::new(),
            entries: BTreeMap::new(),
            extras: BTreeMap::new(),
        }
    }

    pub(super) fn touch(&mut self, now: Time) {
        self.attributes.changed = now;
        self.attributes.status_changed = now;
    }

    /// Puts bytes at a place, one page after the other; zeros if there are none.
    pub(super) fn put(&mut self, mut offset: u64, mut from: &[u8]) {
        while !from.is_empty() {
            let within = (offset % PAGE) as usize;
            let length = from.len().min(PAGE as usize - within);
            let (some, rest) = from.split_at(length);
            let page = self.pages.entry(offset / PAGE).or_insert_with(|| vec![0; PAGE as usize]);
            page[within..within + length].copy_from_slice(some);
            offset += length as u64;
            from = rest;
        }
        self.attributes.blocks = self.pages.len() as u64;
    }

    pub(super) fn cut(&mut self, size: u64) {
        self.pages.retain(|page, _| *page * PAGE < size);
        if !size.is_multiple_of(PAGE)
            && let Some(page) = self.pages.get_mut(&(size / PAGE))
        {
            page[(size % PAGE) as usize..].fill(0);
        }
        self.attributes.blocks = self.pages.len() as u64;
        self.attributes.size = size;
    }
}

impl State {
    pub(super) fn node(&mut self, object: ObjectId) -> Result<&mut Node, Error> {
        self.whole(object.0)?;
        self.nodes.get_mut(&object.0).ok_or(Error::Stale)
    }

    pub(super) fn whole(&self, object: u64) -> Result<(), Error> {
        if self.damaged != Some(object) {
            return Ok(());
        }
        let what = Damaged::Page { object, page: 0 };
        Err(Error::Damaged(Damage { block: 99, what, path: Some("/the/file".to_owned()) }))
    }

    pub(super) fn folder(&mut self, object: ObjectId) -> Result<&mut Node, Error> {
        let node = self.node(object)?;
        if node.attributes.kind() == Kind::Directory { Ok(node) } else { Err(Error::NotDirectory) }
    }

    pub(super) fn find(&mut self, parent: ObjectId, name: &[u8]) -> Result<u64, Error> {
        let folder = self.folder(parent)?;
        let cookie = folder.names.get(name).ok_or(Error::NotFound)?;
        Ok(folder.entries[cookie].1)
    }

    pub(super) fn name(
        &mut self,
        parent: ObjectId,
        name: &[u8],
        object: u64,
        now: Time,
    ) -> Result<(), Error> {
        if name.len() > 255 {
            return Err(Error::NameTooLong);
        }
        self.cookie += 1;
        let cookie = self.cookie;
        let folder = self.folder(parent)?;
        if folder.names.contains_key(name) {
            return Err(Error::Exists);
        }
        folder.names.insert(name.to_vec(), cookie);
        folder.entries.insert(cookie, (name.to_vec(), object));
        folder.attributes.size += 1;
        folder.touch(now);
        Ok(())
    }

    pub(super) fn take(&mut self, parent: ObjectId, name: &[u8], now: Time) -> Result<u64, Error> {
        let folder = self.folder(parent)?;
        let cookie = folder.names.remove(name).ok_or(Error::NotFound)?;
        let (_, object) = folder.entries.remove(&cookie).ok_or(Error::NotFound)?;
        folder.attributes.size -= 1;
        folder.touch(now);
        Ok(object)
    }

    pub(super) fn add(
        &mut self,
        parent: ObjectId,
        name: &[u8],
        mut attributes: Attributes,
        now: Time,
    ) -> Result<&mut Node, Error> {
        let above = self.folder(parent)?.attributes;
        if above.mode & 0o2000 != 0 {
            attributes.group = above.group;
            if attributes.kind() == Kind::Directory {
                attributes.mode |= 0o2000;
            }
        }
        self.name(parent, name, self.next, now)?;
        attributes.object = ObjectId(self.next);
        self.next += 1;
        for time in [
            &mut attributes.read,
            &mut attributes.changed,
            &mut attributes.status_changed,
            &mut attributes.made,
        ] {
            *time = now;
        }
        if attributes.kind() == Kind::Directory {
            attributes.links = 2;
            self.folder(parent)?.attributes.links += 1;
        }
        let object = attributes.object.0;
        self.nodes.insert(object, Node::new(attributes, parent.0));
        self.node(ObjectId(object))
    }

    pub(super) fn unlinked(&mut self, object: u64, now: Time) {
        if let Some(node) = self.nodes.get_mut(&object) {
            let folder = node.attributes.kind() == Kind::Directory;
            node.attributes.links -= if folder { 2 } else { 1 };
            node.attributes.status_changed = now;
            if node.attributes.links == 0 && node.opened == 0 {
                self.nodes.remove(&object);
            }
        }
    }

    pub(super) fn removable(&mut self, object: u64) -> Result<(), Error> {
        let node = self.node(ObjectId(object))?;
        if node.names.is_empty() { Ok(()) } else { Err(Error::NotEmpty) }
    }
}
