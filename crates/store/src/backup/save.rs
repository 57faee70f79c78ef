//! From a store to a backup.

use super::{HEAD, MAGIC, Sink, Sum, VERSION};
use crate::Store;
use crate::attributes::ObjectId;
use crate::cipher::{Sessions, of_node, of_page};
use crate::error::{Damage, Damaged, Error, readable};
use crate::files::extent::Extent;
use crate::keys::{KEY_AREA_AT, KEY_AREA_BYTES};
use crate::medium::{Medium, Trouble};
use crate::place::{self, BLOCK, NODE_BLOCKS, Pointer};
use crate::superblock::Superblock;
use crate::tree::key::{Key, kind};
use crate::tree::node::{NODE, Node};
use crate::tree::{self, Link};
use crate::verify::Progress;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// What a backup came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saved {
    /// The commit that it has.
    pub commit: u64,
    /// Blocks.
    pub blocks: u64,
    /// What could not be read, and is not in it.
    pub damages: Vec<Damage>,
}

impl Store {
    /// Writes the last commit to a backup. What is damaged is left out and named.
    ///
    /// # Errors
    /// What is wrong with the medium or the sink; [`Error::Interrupted`] if `progress` says false.
    pub fn save(
        &mut self,
        sink: &mut dyn Sink,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Saved, Error> {
        let (root, level) = self.tree.root()?;
        let medium = self.medium.clone();
        let head = self.backup_head()?;
        let all = self.space.used();
        let sessions = self.tree.sessions();
        let (sum, saved) = (Sum::default(), Saved { commit: self.commit, ..Saved::default() });
        let mut saving = Saving { medium: &*medium, sessions, sink, sum, saved, progress, all };
        saving.put(&head)?;
        saving.node(&root, level, 0)?;
        let mut saved = saving.end()?;
        for damage in &mut saved.damages {
            let path = self.path_of(ObjectId(damage.object()));
            damage.path = path.map(|path| readable(&path));
        }
        Ok(saved)
    }

    /// All that comes before the blocks.
    fn backup_head(&self) -> Result<Vec<u8>, Error> {
        let mut head = Vec::with_capacity(HEAD + BLOCK + KEY_AREA_BYTES);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.resize(HEAD, 0);
        let superblock = Superblock {
            identity: self.frame.identity,
            features: self.frame.features,
            root: self.safe,
        };
        head.extend_from_slice(&superblock.encode());
        let mut area = vec![0; KEY_AREA_BYTES];
        let at = KEY_AREA_AT + (self.keys.serial() % 2) * KEY_AREA_BYTES as u64;
        self.medium.read(at, &mut area).map_err(Error::Medium)?;
        head.extend_from_slice(&area);
        Ok(head)
    }
}

struct Saving<'a> {
    medium: &'a dyn Medium,
    sessions: &'a mut Sessions,
    sink: &'a mut dyn Sink,
    sum: Sum,
    saved: Saved,
    progress: &'a mut dyn FnMut(Progress) -> bool,
    all: u64,
}

impl Saving<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sum.add(bytes);
        self.sink.put(bytes)
    }

    /// Blocks in a row, encrypted as they are.
    fn run(&mut self, address: u64, bytes: &[u8]) -> Result<(), Error> {
        let blocks = (bytes.len() / BLOCK) as u64;
        self.put(&address.to_le_bytes())?;
        self.put(&blocks.to_le_bytes())?;
        self.put(bytes)?;
        self.saved.blocks += blocks;
        let (done, all) = (self.saved.blocks, self.all.max(self.saved.blocks));
        if (self.progress)(Progress { done, all }) { Ok(()) } else { Err(Error::Interrupted) }
    }

    fn end(mut self) -> Result<Saved, Error> {
        self.put(&0u64.to_le_bytes())?;
        let blocks = self.saved.blocks;
        self.put(&blocks.to_le_bytes())?;
        self.sink.put(&self.sum.end())?;
        Ok(self.saved)
    }

    /// A node and what is below it.
    fn node(&mut self, pointer: &Pointer, level: u8, object: u64) -> Result<(), Error> {
        let Some(bytes) = self.read(pointer.address, NODE_BLOCKS)? else {
            self.damaged(pointer.address, Damaged::Node { level, object });
            return Ok(());
        };
        let mut plain: Box<[u8]> = bytes.clone().into();
        debug_assert_eq!(plain.len(), NODE);
        let nonce = place::nonce(pointer.birth, pointer.address);
        let opened = self.sessions.cipher(pointer.session).is_some_and(|cipher| {
            cipher.open(&nonce, &of_node(level), &mut plain, &pointer.tag).is_ok()
        });
        let node = if opened { Node::check(plain, level) } else { None };
        let Some(node) = node else {
            self.damaged(pointer.address, Damaged::Node { level, object });
            return Ok(());
        };
        self.run(pointer.address, &bytes)?;
        for at in 0..node.count() {
            let key = node.key(at);
            if level == 0 {
                self.item(key, node.value(at))?;
                continue;
            }
            let Some(Link::Written(child)) = Link::decode(node.value(at)) else {
                return Err(tree::senseless(key.object));
            };
            self.node(&child, level - 1, key.object)?;
        }
        Ok(())
    }

    fn item(&mut self, key: Key, value: &[u8]) -> Result<(), Error> {
        if key.kind != kind::EXTENT {
            return Ok(());
        }
        let extent = Extent::decode(key.position, value);
        let Some(Extent { written: Some(written), .. }) = extent else { return Ok(()) };
        let cipher = self.sessions.cipher(written.session);
        let bytes = self.read(written.address, written.tags.len() as u64)?;
        let (Some(cipher), Some(bytes)) = (cipher, bytes) else {
            let what = Damaged::Page { object: key.object, page: key.position };
            self.damaged(written.address, what);
            return Ok(());
        };
        let mut plain = bytes.clone();
        let pages = plain.chunks_exact_mut(BLOCK).zip(&written.tags);
        let mut whole = Vec::with_capacity(written.tags.len());
        for (index, (page, tag)) in (0..).zip(pages) {
            let nonce = place::nonce(written.birth, written.address + index);
            let associated = of_page(key.object, key.position + index);
            let opened = cipher.open(&nonce, &associated, page, tag).is_ok();
            if !opened {
                let what = Damaged::Page { object: key.object, page: key.position + index };
                self.damaged(written.address + index, what);
            }
            whole.push(opened);
        }
        let mut from = 0;
        for part in whole.chunk_by(|one, next| one == next) {
            let to = from + part.len();
            if part[0] {
                self.run(written.address + from as u64, &bytes[from * BLOCK..to * BLOCK])?;
            }
            from = to;
        }
        Ok(())
    }

    fn read(&self, address: u64, blocks: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = vec![0; blocks as usize * BLOCK];
        match self.medium.read(place::bytes(address), &mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(Trouble::Short) => Ok(None),
            Err(trouble) => Err(Error::Medium(trouble)),
        }
    }

    fn damaged(&mut self, block: u64, what: Damaged) {
        self.saved.damages.push(Damage { block, what, path: None });
    }
}
