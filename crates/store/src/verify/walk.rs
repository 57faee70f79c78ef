//! From the root down to every page.

use super::Progress;
use super::findings::Found;
use crate::cipher::Sessions;
use crate::error::{Damaged, Error};
use crate::files::extent::Extent;
use crate::medium::Medium;
use crate::place::{NODE_BLOCKS, Pointer};
use crate::tree::key::{Key, kind};
use crate::tree::{self, Link};
use crate::whole;

pub(super) struct Walk<'a> {
    medium: &'a dyn Medium,
    sessions: &'a mut Sessions,
    all: u64,
    progress: &'a mut dyn FnMut(Progress) -> bool,
    found: Found,
    /// Somebody has seen enough.
    stopped: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        medium: &'a dyn Medium,
        sessions: &'a mut Sessions,
        all: u64,
        progress: &'a mut dyn FnMut(Progress) -> bool,
    ) -> Self {
        Self { medium, sessions, all, progress, found: Found::default(), stopped: false }
    }

    pub(super) fn end(mut self) -> Found {
        self.found.stopped = self.stopped;
        self.found
    }

    /// A node and all that is below it. `from` is the smallest key it may have.
    pub(super) fn below(
        &mut self,
        pointer: &Pointer,
        level: u8,
        from: Option<Key>,
    ) -> Result<(), Error> {
        let object = from.map_or(0, |key| key.object);
        self.found.claim(pointer.address, NODE_BLOCKS, object);
        let node = match tree::read(self.medium, self.sessions, pointer, level, object) {
            Ok(node) => node,
            Err(Error::Damaged(damage)) => {
                self.found.damaged(damage.block, damage.what, object);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.found.nodes += 1;
        self.tell();
        for at in 0..node.count() {
            if self.stopped {
                return Ok(());
            }
            let key = node.key(at);
            if from.is_some_and(|from| key < from) {
                self.found.senseless(key.object, "its records are out of order");
            }
            if level == 0 {
                self.item(key, node.value(at))?;
                continue;
            }
            match Link::decode(node.value(at)) {
                Some(Link::Written(child)) => {
                    self.below(&child, level - 1, Some(key.max(from.unwrap_or(Key::FIRST))))?;
                }
                _ => self.found.senseless(key.object, "a node of its index points nowhere"),
            }
        }
        Ok(())
    }

    fn item(&mut self, key: Key, value: &[u8]) -> Result<(), Error> {
        self.found.item(key, value);
        if key.kind != kind::EXTENT {
            return Ok(());
        }
        let Some(extent) = Extent::decode(key.position, value) else {
            let damaged = Damaged::Item { object: key.object, kind: key.kind };
            self.found.damaged(0, damaged, key.object);
            return Ok(());
        };
        self.found.extent(key.object, &extent);
        let Some(written) = &extent.written else { return Ok(()) };
        self.found.claim(written.address, extent.pages, key.object);
        self.found.pages += extent.pages;
        self.tell();
        match whole::pages(self.medium, self.sessions, key.object, extent.first, written) {
            Err(Error::Damaged(_)) => {}
            done => return done,
        }
        // One by one: the others can still be read.
        for page in extent.first..extent.end() {
            let Some(one) = extent.part(page, page + 1).written else { continue };
            match whole::pages(self.medium, self.sessions, key.object, page, &one) {
                Ok(()) => {}
                Err(Error::Damaged(_)) => {
                    let what = Damaged::Page { object: key.object, page };
                    self.found.damaged(one.address, what, key.object);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn tell(&mut self) {
        let done = self.found.nodes * NODE_BLOCKS + self.found.pages;
        self.stopped |= !(self.progress)(Progress { done, all: self.all.max(done) });
    }
}
