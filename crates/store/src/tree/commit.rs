//! Writing what is fresh: the only place where nodes go to the medium.
//!
//! A commit first gives every fresh node an address. That changes the records of free space, which
//! are in this very tree, so more nodes may become fresh; as each does so once, it ends. Then nodes
//! are encrypted from the leaves up, because a pointer to a node needs the node's tag.

use super::nodes::{NodeId, SPARE, State};
use super::{Link, Tree};
use crate::cipher::{Session, of_node};
use crate::error::Error;
use crate::place::{self, NODE_BLOCKS, Pointer};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Nodes are gathered into writes of at most this many bytes.
const WRITE: usize = 1 << 20;

impl Tree {
    /// Addresses that nodes have left since this was last asked.
    pub(crate) fn take_left(&mut self) -> Vec<u64> {
        core::mem::take(&mut self.left)
    }

    /// How many addresses that is.
    pub(crate) fn left(&self) -> usize {
        self.left.len()
    }

    /// How many fresh nodes have no address.
    pub(crate) fn unplaced(&mut self) -> usize {
        let nodes = &self.nodes;
        self.unplaced.retain(|&id| nodes.is_unplaced(id));
        // A number can have been given up and taken again.
        self.unplaced.sort_unstable();
        self.unplaced.dedup();
        self.unplaced.len()
    }

    /// Gives nodes without an address their place in a run of blocks; as many as fit.
    pub(crate) fn place(&mut self, start: u64, blocks: u64) {
        for at in 0..blocks / NODE_BLOCKS {
            let Some(id) = self.unplaced.pop() else { return };
            self.nodes.place(id, start + at * NODE_BLOCKS);
        }
    }

    /// Writes every fresh node to its address, in the name of commit `birth`; gives the root node's
    /// pointer and level, and adds to `runs` which blocks were written. All have an address, and there
    /// is at least one.
    pub(crate) fn write(
        &mut self,
        session: &Session,
        birth: u64,
        runs: &mut Vec<(u64, u64)>,
    ) -> Result<(Pointer, u8), Error> {
        let mut out = Vec::new();
        let root = match self.root {
            Link::Written(pointer) => pointer,
            Link::Fresh(id) => self.write_below(id, session, birth, &mut out, runs)?,
        };
        self.flush(&mut out, runs)?;
        self.root = Link::Written(root);
        Ok((root, self.level))
    }

    fn write_below(
        &mut self,
        id: NodeId,
        session: &Session,
        birth: u64,
        out: &mut Vec<(u64, Box<[u8]>)>,
        runs: &mut Vec<(u64, u64)>,
    ) -> Result<Pointer, Error> {
        let node = self.nodes.get(id);
        let (level, count) = (node.level(), node.count());
        if level > 0 {
            for at in 0..count {
                let link = Link::decode(self.nodes.get(id).value(at));
                let Some(Link::Fresh(child)) = link else { continue };
                let pointer = self.write_below(child, session, birth, out, runs)?;
                let value = Link::Written(pointer).encode();
                self.nodes.get_mut(id).value_mut(at).copy_from_slice(&value);
            }
        }
        let State::Fresh(Some(address)) = self.nodes.state(id) else {
            // Every fresh node was given an address just before.
            return Err(super::nodes::senseless(0));
        };
        let mut bytes = self.nodes.take_spare();
        bytes.copy_from_slice(self.nodes.get(id).bytes());
        let tag = session.seal(birth, address, &of_node(level), &mut bytes);
        out.push((address, bytes));
        self.nodes.written(id, address);
        if out.len() >= SPARE {
            self.flush(out, runs)?;
        }
        Ok(Pointer { address, birth, session: session.name, tag })
    }

    /// Writes what was gathered, neighbours together.
    fn flush(
        &mut self,
        out: &mut Vec<(u64, Box<[u8]>)>,
        runs: &mut Vec<(u64, u64)>,
    ) -> Result<(), Error> {
        out.sort_unstable_by_key(|(address, _)| *address);
        runs.extend(out.iter().map(|(address, _)| (*address, NODE_BLOCKS)));
        let mut run = core::mem::take(&mut self.run);
        run.clear();
        let mut start = 0;
        for (address, bytes) in out.drain(..) {
            let end = place::bytes(start) + run.len() as u64;
            if !run.is_empty() && (end != place::bytes(address) || run.len() >= WRITE) {
                self.medium.write(place::bytes(start), &run).map_err(Error::Medium)?;
                run.clear();
            }
            if run.is_empty() {
                start = address;
            }
            run.extend_from_slice(&bytes);
            self.nodes.keep_spare(bytes);
        }
        let done =
            if run.is_empty() { Ok(()) } else { self.medium.write(place::bytes(start), &run) };
        self.run = run;
        done.map_err(Error::Medium)
    }
}
