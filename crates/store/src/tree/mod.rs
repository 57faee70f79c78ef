//! The tree that everything in a store is in: names, inodes, small files, where pages lie, and
//! which blocks are free.
//!
//! A B+ tree whose nodes are never changed where they lie. The first change to a node makes it
//! *fresh*: it leaves its address, which is free once the next commit has happened, and stays in
//! memory until that commit writes it somewhere else. A pointer to a fresh node is a *mark* with its
//! number in memory; a commit turns marks into pointers, from the leaves up.
//!
//! It reads nodes itself, and writes only in [`commit`].

mod ahead;
mod change;
pub(crate) mod commit;
pub(crate) mod key;
pub(crate) mod node;
mod nodes;

use crate::cipher::Sessions;
use crate::error::Error;
use crate::medium::Medium;
use crate::place::{self, NOWHERE, Pointer, SessionName};
use ahead::Ahead;
use alloc::sync::Arc;
use alloc::vec::Vec;
use key::Key;
use node::{NODE, Node};
use nodes::{NodeId, Nodes};
pub(crate) use nodes::{read, senseless};

/// Where a node is: on the medium, or only in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Written(Pointer),
    Fresh(NodeId),
}

impl Link {
    fn encode(self) -> [u8; Pointer::LEN] {
        match self {
            Self::Written(pointer) => pointer,
            Self::Fresh(id) => Pointer {
                address: NOWHERE,
                birth: u64::from(id.0),
                session: SessionName::NONE,
                tag: [0; 16],
            },
        }
        .encode()
    }

    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let pointer = Pointer::decode(value.try_into().ok()?);
        Some(if pointer.address == NOWHERE {
            Self::Fresh(NodeId(pointer.birth as u32))
        } else {
            Self::Written(pointer)
        })
    }
}

/// The tree.
pub(crate) struct Tree {
    medium: Arc<dyn Medium>,
    sessions: Sessions,
    nodes: Nodes,
    ahead: Ahead,
    root: Link,
    level: u8,
    /// Addresses of nodes that became fresh: free after the next commit.
    left: Vec<u64>,
    /// Fresh nodes that have no address yet.
    unplaced: Vec<NodeId>,
    /// Where neighbours are put together to be written, kept for the next time.
    run: Vec<u8>,
    /// Counts changes.
    changes: u64,
}

impl Tree {
    /// One with nothing in it.
    pub(crate) fn empty(medium: Arc<dyn Medium>, sessions: Sessions, limit: usize) -> Self {
        let mut nodes = Nodes::new(limit);
        let root = nodes.add_fresh(Node::new(0));
        Self {
            medium,
            sessions,
            nodes,
            ahead: Ahead::default(),
            root: Link::Fresh(root),
            level: 0,
            left: Vec::new(),
            unplaced: alloc::vec![root],
            run: Vec::new(),
            changes: 0,
        }
    }

    /// The one under a root.
    pub(crate) fn under(
        root: Pointer,
        level: u8,
        medium: Arc<dyn Medium>,
        sessions: Sessions,
        limit: usize,
    ) -> Self {
        Self {
            medium,
            sessions,
            nodes: Nodes::new(limit),
            ahead: Ahead::default(),
            root: Link::Written(root),
            level,
            left: Vec::new(),
            unplaced: Vec::new(),
            run: Vec::new(),
            changes: 0,
        }
    }

    /// The keys of sessions.
    pub(crate) fn sessions(&mut self) -> &mut Sessions {
        &mut self.sessions
    }

    /// The root that was last written, and its level.
    pub(crate) fn root(&self) -> Result<(Pointer, u8), Error> {
        match self.root {
            Link::Written(pointer) => Ok((pointer, self.level)),
            Link::Fresh(_) => Err(Error::Invalid("changes have to be committed before that")),
        }
    }

    /// A number that is another one after every change, and when all was forgotten: as long as it is the
    /// same, what was found would be found again.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// How many nodes wait for the next commit.
    pub(crate) fn fresh(&self) -> usize {
        self.nodes.fresh()
    }

    /// Forgets nodes that can be read again, until no more are kept than were asked for. Called
    /// between operations, never within one.
    pub(crate) fn make_room(&mut self) {
        self.nodes.make_room();
    }

    /// Forgets all nodes that can be read again. Between operations, too.
    pub(crate) fn forget_all(&mut self) {
        self.changes += 1;
        self.nodes.forget_all();
    }

    /// The value under a key.
    pub(crate) fn get(&mut self, key: Key) -> Result<Option<&[u8]>, Error> {
        let (leaf, _) = self.leaf(key)?;
        let node = self.nodes.get(leaf);
        Ok(match node.find(&key) {
            Ok(at) => Some(node.value(at)),
            Err(_) => None,
        })
    }

    /// The entry with the greatest key that is not greater than this one, if it is of the same
    /// object and kind.
    pub(crate) fn at_or_before(&mut self, key: Key) -> Result<Option<(Key, &[u8])>, Error> {
        let (leaf, bounds) = self.leaf(key)?;
        let node = self.nodes.get(leaf);
        let at = match node.find(&key) {
            Ok(at) => Some(at),
            Err(0) => None,
            Err(at) => Some(at - 1),
        };
        let (leaf, at) = match (at, bounds.from) {
            (Some(at), _) => (leaf, at),
            // All of this leaf is greater: it is the last of the leaf before.
            (None, Some(from)) if from > Key::FIRST => {
                let Some(before) = before(from) else { return Ok(None) };
                let (leaf, _) = self.leaf(before)?;
                match self.nodes.get(leaf).count() {
                    0 => return Ok(None),
                    count => (leaf, count - 1),
                }
            }
            _ => return Ok(None),
        };
        let node = self.nodes.get(leaf);
        let found = node.key(at);
        let same = found.object == key.object && found.kind == key.kind;
        Ok(same.then(|| (found, node.value(at))))
    }

    /// Shows the entries from `from` up to, not including, `to`, in order, until `visit` has seen
    /// enough and says false.
    pub(crate) fn visit(
        &mut self,
        from: Key,
        to: Key,
        visit: &mut dyn FnMut(Key, &[u8]) -> bool,
    ) -> Result<(), Error> {
        let mut from = from;
        loop {
            let (leaf, bounds) = self.leaf(from)?;
            let node = self.nodes.get(leaf);
            let first = match node.find(&from) {
                Ok(at) | Err(at) => at,
            };
            for at in first..node.count() {
                let key = node.key(at);
                if key >= to || !visit(key, node.value(at)) {
                    return Ok(());
                }
            }
            match bounds.to {
                Some(next) if next < to => from = next,
                _ => return Ok(()),
            }
            self.make_room();
        }
    }

    /// The first entry from `from` up to, not including, `to`.
    pub(crate) fn first(&mut self, from: Key, to: Key) -> Result<Option<(Key, Vec<u8>)>, Error> {
        let mut found = None;
        self.visit(from, to, &mut |key, value| {
            found = Some((key, value.to_vec()));
            false
        })?;
        Ok(found)
    }

    /// The leaf where a key is or would be, and which keys belong into it.
    fn leaf(&mut self, key: Key) -> Result<(NodeId, Bounds), Error> {
        let mut bounds = Bounds { from: None, to: None };
        let mut id = self.load(self.root, self.level, key.object)?;
        loop {
            let node = self.nodes.get(id);
            if node.level() == 0 {
                return Ok((id, bounds));
            }
            let at = node.child_for(&key);
            if at > 0 {
                bounds.from = Some(node.key(at));
            }
            if at + 1 < node.count() {
                bounds.to = Some(node.key(at + 1));
            }
            let (link, level) = (Link::decode(node.value(at)), node.level() - 1);
            let link = link.ok_or_else(|| senseless(key.object))?;
            if level == 0 && !self.is_here(link) {
                let leaves = self.ahead.note(bounds.from, bounds.to);
                self.foresee(id, at + 1, leaves);
            }
            id = self.load(link, level, key.object)?;
        }
    }

    /// Whether a node is in memory.
    fn is_here(&self, link: Link) -> bool {
        match link {
            Link::Fresh(_) => true,
            Link::Written(pointer) => self.nodes.at(pointer.address).is_some(),
        }
    }

    /// Tells the medium that so many of a node's children, from one on, will be read soon.
    fn foresee(&mut self, parent: NodeId, first: usize, children: usize) {
        let node = self.nodes.get(parent);
        let mut run: Option<(u64, u64)> = None;
        for at in first..(first + children).min(node.count()) {
            let Some(Link::Written(pointer)) = Link::decode(node.value(at)) else { continue };
            let place = place::bytes(pointer.address);
            run = match run {
                Some((from, length)) if from + length == place => {
                    Some((from, length + NODE as u64))
                }
                done => {
                    done.inspect(|(from, length)| self.medium.foresee(*from, *length));
                    Some((place, NODE as u64))
                }
            };
        }
        run.inspect(|(from, length)| self.medium.foresee(*from, *length));
    }

    /// A node, read if it is not in memory.
    fn load(&mut self, link: Link, level: u8, object: u64) -> Result<NodeId, Error> {
        match link {
            Link::Fresh(id) => Ok(id),
            Link::Written(pointer) => {
                if let Some(id) = self.nodes.at(pointer.address) {
                    return Ok(id);
                }
                let bytes = self.nodes.take_spare();
                let (medium, sessions) = (&*self.medium, &mut self.sessions);
                let node = nodes::read_into(bytes, medium, sessions, &pointer, level, object)?;
                Ok(self.nodes.add_written(node, pointer.address))
            }
        }
    }
}

/// Which keys belong into a leaf: from one, up to but not including another.
#[derive(Clone, Copy)]
struct Bounds {
    from: Option<Key>,
    to: Option<Key>,
}

/// The key before.
fn before(key: Key) -> Option<Key> {
    if let Some(position) = key.position.checked_sub(1) {
        return Some(Key { position, ..key });
    }
    if let Some(kind) = key.kind.checked_sub(1) {
        return Some(Key { kind, position: u64::MAX, ..key });
    }
    Some(Key { object: key.object.checked_sub(1)?, kind: u8::MAX, position: u64::MAX })
}
