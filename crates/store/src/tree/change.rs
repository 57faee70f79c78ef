//! Changes to the tree: put, change in place, remove.
//!
//! A change goes down once from the root and makes every node on its way fresh. Inner nodes that
//! have no room for one more child are cut on the way down, so a leaf that must be cut finds room
//! above. Everything that has to be read is read before anything is changed: a damaged node stops a
//! change before it began.

use super::key::Key;
use super::node::{LONGEST, NODE, Node};
use super::nodes::{self, NodeId};
use super::{Link, Tree};
use crate::error::Error;
use alloc::vec::Vec;

/// A node with less than this in it is joined with the one beside it, if both fit in three quarters.
const SPARSE: usize = NODE / 4;
const JOINED: usize = NODE * 3 / 4;

impl Tree {
    /// Puts a value under a key, in the place of what is there.
    pub(crate) fn put(&mut self, key: Key, value: &[u8]) -> Result<(), Error> {
        if value.len() > LONGEST {
            return Err(Error::ValueTooLarge { limit: LONGEST });
        }
        self.leaf(key)?;
        self.cut_root_if_full();
        let mut parent = self.own_root()?;
        if self.nodes.get(parent).level() == 0 {
            if self.put_in_leaf(parent, &key, value) {
                return Ok(());
            }
            parent = self.raise_root(parent);
        }
        loop {
            if key < self.nodes.get(parent).key(0) {
                self.nodes.get_mut(parent).lower_first(&key);
            }
            let at = self.nodes.get(parent).child_for(&key);
            let child = self.own_child(parent, at, key.object)?;
            let node = self.nodes.get(child);
            if node.level() == 0 {
                if self.put_in_leaf(child, &key, value) {
                    return Ok(());
                }
                let node = self.nodes.get(child);
                let (Ok(place) | Err(place)) = node.find(&key);
                let cut = node.cut(place);
                self.cut(parent, at, child, cut, key);
                continue;
            }
            if !node.has_room_for_child() {
                let middle = node.cut(0);
                let first = node.key(middle);
                self.cut(parent, at, child, middle, first);
                continue;
            }
            parent = child;
        }
    }

    /// Shows the value under a key to `change`, which may write to it; false if there is none.
    pub(crate) fn edit(
        &mut self,
        key: Key,
        change: &mut dyn FnMut(&mut [u8]),
    ) -> Result<bool, Error> {
        let (leaf, _) = self.leaf(key)?;
        if self.nodes.get(leaf).find(&key).is_err() {
            return Ok(false);
        }
        let mut id = self.own_root()?;
        while self.nodes.get(id).level() > 0 {
            let at = self.nodes.get(id).child_for(&key);
            id = self.own_child(id, at, key.object)?;
        }
        let node = self.nodes.get_mut(id);
        if let Ok(at) = node.find(&key) {
            change(node.value_mut(at));
        }
        Ok(true)
    }

    /// Removes a key; says whether it was there.
    pub(crate) fn remove(&mut self, key: Key) -> Result<bool, Error> {
        let (leaf, _) = self.leaf(key)?;
        if self.nodes.get(leaf).find(&key).is_err() {
            return Ok(false);
        }
        let mut path: Vec<(NodeId, usize)> = Vec::new();
        let mut id = self.own_root()?;
        while self.nodes.get(id).level() > 0 {
            let at = self.nodes.get(id).child_for(&key);
            path.push((id, at));
            id = self.own_child(id, at, key.object)?;
        }
        let node = self.nodes.get_mut(id);
        if let Ok(at) = node.find(&key) {
            node.remove(at);
        }
        while let Some((parent, at)) = path.pop() {
            if self.nodes.get(id).used() < SPARSE {
                self.join(parent, at, id, key.object);
            }
            id = parent;
        }
        self.lower_root();
        Ok(true)
    }

    fn put_in_leaf(&mut self, leaf: NodeId, key: &Key, value: &[u8]) -> bool {
        let node = self.nodes.get_mut(leaf);
        match node.find(key) {
            Ok(at) => node.replace(at, value),
            Err(at) => node.insert(at, key, value),
        }
    }

    /// The root node, fresh.
    fn own_root(&mut self) -> Result<NodeId, Error> {
        self.changes += 1;
        let id = self.load(self.root, self.level, 0)?;
        self.own(id);
        self.root = Link::Fresh(id);
        Ok(id)
    }

    /// A child, fresh, its parent being so already.
    fn own_child(&mut self, parent: NodeId, at: usize, object: u64) -> Result<NodeId, Error> {
        let node = self.nodes.get(parent);
        let (link, level) = (Link::decode(node.value(at)), node.level().saturating_sub(1));
        let id = self.load(link.ok_or_else(|| nodes::senseless(object))?, level, object)?;
        if self.own(id) {
            self.nodes.get_mut(parent).value_mut(at).copy_from_slice(&Link::Fresh(id).encode());
        }
        Ok(id)
    }

    /// Makes a node fresh; says whether it was not.
    fn own(&mut self, id: NodeId) -> bool {
        let Some(address) = self.nodes.freshen(id) else { return false };
        self.left.push(address);
        self.unplaced.push(id);
        true
    }

    fn add_fresh(&mut self, node: Node) -> NodeId {
        let id = self.nodes.add_fresh(node);
        self.unplaced.push(id);
        id
    }

    /// Puts a new root above the old one.
    fn raise_root(&mut self, old: NodeId) -> NodeId {
        let level = self.nodes.get(old).level() + 1;
        let mut node = Node::new(level);
        node.insert(0, &Key::FIRST, &Link::Fresh(old).encode());
        let id = self.add_fresh(node);
        self.root = Link::Fresh(id);
        self.level = level;
        id
    }

    fn cut_root_if_full(&mut self) {
        if self.level == 0 {
            return;
        }
        let Ok(root) = self.own_root() else { return };
        if !self.nodes.get(root).has_room_for_child() {
            let middle = self.nodes.get(root).cut(0);
            let first = self.nodes.get(root).key(middle);
            let parent = self.raise_root(root);
            self.cut(parent, 0, root, middle, first);
        }
    }

    /// Moves a node's entries from `cut` on to a new node beside it; `key` is what made it too full,
    /// and where the new node begins if nothing is moved.
    fn cut(&mut self, parent: NodeId, at: usize, child: NodeId, cut: usize, key: Key) {
        let bytes = self.nodes.take_spare();
        let node = self.nodes.get_mut(child);
        let mut right = Node::over(bytes, node.level());
        let first = if cut < node.count() { node.key(cut) } else { key };
        node.move_tail(cut, &mut right);
        let right = self.add_fresh(right);
        self.nodes.get_mut(parent).insert(at + 1, &first, &Link::Fresh(right).encode());
    }

    /// Joins a sparse node with one beside it, or takes it out if it is empty.
    fn join(&mut self, parent: NodeId, at: usize, child: NodeId, object: u64) {
        if self.nodes.get(child).count() == 0 {
            self.drop_child(parent, at, child);
            return;
        }
        let (left, right) = if at + 1 < self.nodes.get(parent).count() {
            (at, at + 1)
        } else if at > 0 {
            (at - 1, at)
        } else {
            return;
        };
        let other = if left == at { right } else { left };
        // Joining is for space only: if the one beside cannot be read, this stays as it is.
        let node = self.nodes.get(parent);
        let (link, level) = (Link::decode(node.value(other)), node.level() - 1);
        let Some(Ok(other_id)) = link.map(|link| self.load(link, level, object)) else { return };
        if self.nodes.get(child).used() + self.nodes.get(other_id).used() > JOINED {
            return;
        }
        let Ok(other_id) = self.own_child(parent, other, object) else { return };
        let (left_id, right_id) = if left == at { (child, other_id) } else { (other_id, child) };
        let mut from = self.nodes.get(right_id).clone();
        from.move_tail(0, self.nodes.get_mut(left_id));
        self.drop_child(parent, right, right_id);
    }

    fn drop_child(&mut self, parent: NodeId, at: usize, child: NodeId) {
        self.nodes.get_mut(parent).remove(at);
        self.forget(child);
    }

    fn forget(&mut self, id: NodeId) {
        if let Some(address) = self.nodes.remove(id) {
            self.left.push(address);
        }
    }

    /// While the root has one child only, that is the root; if it has none, an empty leaf is.
    fn lower_root(&mut self) {
        while self.level > 0 {
            let Link::Fresh(root) = self.root else { return };
            let node = self.nodes.get(root);
            if node.count() == 0 {
                self.forget(root);
                self.root = Link::Fresh(self.add_fresh(Node::new(0)));
                self.level = 0;
                return;
            }
            let only = if node.count() == 1 { Link::decode(node.value(0)) } else { None };
            let Some(only) = only else { return };
            self.forget(root);
            self.root = only;
            self.level -= 1;
        }
    }
}
