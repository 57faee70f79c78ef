//! The nodes that are in memory.

use super::node::{NODE, Node};
use crate::cipher::{Sessions, of_node};
use crate::error::{Damage, Damaged, Error};
use crate::medium::{Medium, Trouble};
use crate::place::{self, Pointer};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// A node in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(super) u32);

/// Whether a node can be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is at that address.
    Written(u64),
    /// It is only here; the next commit will put it at that address, if it has one already.
    Fresh(Option<u64>),
}

struct Slot {
    node: Node,
    state: State,
    /// Used since the hand last came by.
    used: bool,
}

/// Nodes whose bytes are kept for the next ones, at most: as many as a commit has in its hands.
pub(super) const SPARE: usize = 512;

/// All of them.
pub(super) struct Nodes {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    at: HashMap<u64, NodeId>,
    fresh: usize,
    limit: usize,
    hand: usize,
    /// Bytes of nodes that are not needed any more. Given back to the allocator, they would stay with
    /// the thread that took them, and every other thread would take more.
    spare: Vec<Box<[u8]>>,
    /// Stands for a node that is not there; so that nothing has to be able to fail.
    none: Node,
}

impl Nodes {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            at: HashMap::new(),
            fresh: 0,
            limit: limit.max(64),
            hand: 0,
            spare: Vec::new(),
            none: Node::new(0),
        }
    }

    pub(super) fn fresh(&self) -> usize {
        self.fresh
    }

    pub(super) fn at(&self, address: u64) -> Option<NodeId> {
        self.at.get(&address).copied()
    }

    pub(super) fn get(&mut self, id: NodeId) -> &Node {
        match self.slots.get_mut(id.0 as usize) {
            Some(Some(slot)) => {
                slot.used = true;
                &slot.node
            }
            _ => &self.none,
        }
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> &mut Node {
        match self.slots.get_mut(id.0 as usize) {
            Some(Some(slot)) => &mut slot.node,
            _ => &mut self.none,
        }
    }

    pub(super) fn state(&self, id: NodeId) -> State {
        match self.slots.get(id.0 as usize) {
            Some(Some(slot)) => slot.state,
            _ => State::Fresh(None),
        }
    }

    pub(super) fn add_written(&mut self, node: Node, address: u64) -> NodeId {
        let id = self.add(node, State::Written(address));
        self.at.insert(address, id);
        id
    }

    pub(super) fn add_fresh(&mut self, node: Node) -> NodeId {
        self.fresh += 1;
        self.add(node, State::Fresh(None))
    }

    /// Makes a written node fresh; gives the address it leaves. Nothing if it is fresh already.
    pub(super) fn freshen(&mut self, id: NodeId) -> Option<u64> {
        let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) else { return None };
        let State::Written(address) = slot.state else { return None };
        slot.state = State::Fresh(None);
        self.fresh += 1;
        self.at.remove(&address);
        Some(address)
    }

    /// Gives a fresh node the address where the next commit puts it.
    pub(super) fn place(&mut self, id: NodeId, address: u64) {
        if let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) {
            slot.state = State::Fresh(Some(address));
        }
    }

    /// A fresh node was written.
    pub(super) fn written(&mut self, id: NodeId, address: u64) {
        if let Some(Some(slot)) = self.slots.get_mut(id.0 as usize) {
            slot.state = State::Written(address);
            self.fresh -= 1;
            self.at.insert(address, id);
        }
    }

    /// Whether it is there and fresh, without an address.
    pub(super) fn is_unplaced(&self, id: NodeId) -> bool {
        matches!(self.slots.get(id.0 as usize), Some(Some(Slot { state: State::Fresh(None), .. })))
    }

    /// Takes a node out; gives its address if it has one.
    pub(super) fn remove(&mut self, id: NodeId) -> Option<u64> {
        let slot = self.slots.get_mut(id.0 as usize)?.take()?;
        self.free.push(id.0);
        self.keep_spare(slot.node.into_bytes());
        match slot.state {
            State::Written(address) => {
                self.at.remove(&address);
                Some(address)
            }
            State::Fresh(address) => {
                self.fresh -= 1;
                address
            }
        }
    }

    /// Forgets nodes that can be read again and were not used for a while.
    pub(super) fn make_room(&mut self) {
        let held = self.slots.len() - self.free.len();
        let Some(mut excess) = held.checked_sub(self.limit) else { return };
        // Twice round: the first time may only find them used.
        for _ in 0..2 * self.slots.len() {
            if excess == 0 {
                return;
            }
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(Some(slot)) = self.slots.get_mut(self.hand) else { continue };
            let used = core::mem::take(&mut slot.used);
            if !used && matches!(slot.state, State::Written(_)) {
                self.remove(NodeId(self.hand as u32));
                excess -= 1;
            }
        }
    }

    /// Forgets all that can be read again.
    pub(super) fn forget_all(&mut self) {
        for id in 0..self.slots.len() as u32 {
            if let State::Written(_) = self.state(NodeId(id)) {
                self.remove(NodeId(id));
            }
        }
        self.spare = Vec::new();
    }

    /// Bytes for a node, whatever is in them.
    pub(super) fn take_spare(&mut self) -> Box<[u8]> {
        self.spare.pop().unwrap_or_else(|| vec![0; NODE].into_boxed_slice())
    }

    /// Keeps bytes that are not needed any more.
    pub(super) fn keep_spare(&mut self, bytes: Box<[u8]>) {
        if self.spare.len() < SPARE {
            self.spare.push(bytes);
        }
    }

    fn add(&mut self, node: Node, state: State) -> NodeId {
        let slot = Some(Slot { node, state, used: true });
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = slot;
            return NodeId(id);
        }
        self.slots.push(slot);
        NodeId(self.slots.len() as u32 - 1)
    }
}

/// Reads and decrypts a node.
pub(crate) fn read(
    medium: &dyn Medium,
    sessions: &mut Sessions,
    pointer: &Pointer,
    level: u8,
    object: u64,
) -> Result<Node, Error> {
    let bytes = vec![0; NODE].into_boxed_slice();
    read_into(bytes, medium, sessions, pointer, level, object)
}

/// Does so, into bytes that are there already.
pub(super) fn read_into(
    mut bytes: Box<[u8]>,
    medium: &dyn Medium,
    sessions: &mut Sessions,
    pointer: &Pointer,
    level: u8,
    object: u64,
) -> Result<Node, Error> {
    let damaged = || {
        let what = Damaged::Node { level, object };
        Error::Damaged(Damage { block: pointer.address, what, path: None })
    };
    match medium.read(place::bytes(pointer.address), &mut bytes) {
        Ok(()) => {}
        Err(Trouble::Short) => return Err(damaged()),
        Err(trouble) => return Err(Error::Medium(trouble)),
    }
    let nonce = place::nonce(pointer.birth, pointer.address);
    let cipher = sessions.cipher(pointer.session).ok_or_else(damaged)?;
    cipher.open(&nonce, &of_node(level), &mut bytes, &pointer.tag).map_err(|_| damaged())?;
    Node::check(bytes, level).ok_or_else(damaged)
}

/// A node that decrypts, but whose entry is no link.
pub(crate) fn senseless(object: u64) -> Error {
    Error::Damaged(Damage { block: 0, what: Damaged::Item { object, kind: 0 }, path: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_nodes_are_used_again_and_not_more_are_kept_than_a_commit_needs() {
        let mut nodes = Nodes::new(64);
        let id = nodes.add_written(Node::new(3), 100);
        nodes.remove(id);
        assert_eq!(nodes.spare.len(), 1, "each thread would take its own");
        let mut bytes = nodes.take_spare();
        bytes.fill(7);
        let node = Node::over(bytes, 0);
        assert!(nodes.spare.is_empty());
        assert_eq!(node.bytes(), Node::new(0).bytes(), "nothing is left of what it was");
        for _ in 0..2 * SPARE {
            nodes.keep_spare(vec![0; NODE].into_boxed_slice());
        }
        assert_eq!(nodes.spare.len(), SPARE);
        nodes.forget_all();
        assert!(nodes.spare.is_empty(), "the memory is wanted for something else");
    }
}
