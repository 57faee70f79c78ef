//! What was found on the way, and what does not fit together.

use crate::attributes::{Kind, ObjectId};
use crate::error::{Damage, Damaged};
use crate::files::extent::Extent;
use crate::files::inode::Inode;
use crate::files::names;
use crate::place::FIRST;
use crate::space::{self, Region};
use crate::tree::key::{Key, kind};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use hashbrown::HashMap;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The object that it is about.
    pub object: u64,
    /// A path by which that can be found.
    pub path: Option<Vec<u8>>,
    /// The block, if it is about one.
    pub block: Option<u64>,
    /// What it is.
    pub what: String,
}

/// What an object said of itself, and what others say of it.
#[derive(Default)]
struct Known {
    inode: Option<Inode>,
    /// Names that it has.
    names: u32,
    /// Entries, if it is a directory, and how many of them are directories.
    entries: u64,
    directories: u32,
    /// Blocks that it holds.
    blocks: u64,
    content: bool,
}

/// All of it.
#[derive(Default)]
pub(super) struct Found {
    pub(super) nodes: u64,
    pub(super) pages: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) stopped: bool,
    damaged: bool,
    objects: HashMap<u64, Known>,
    /// Names, only until it is known whether what they name is there.
    named: BTreeMap<u64, (u64, Vec<u8>)>,
    orphans: BTreeSet<u64>,
    /// Blocks that something was found in, and blocks that are said to be in use.
    claimed: BTreeMap<u64, Region>,
    recorded: BTreeMap<u64, Region>,
}

impl Found {
    /// Whether all could be read, so that it can be compared.
    pub(super) fn is_whole(&self) -> bool {
        !self.damaged && !self.stopped
    }

    pub(super) fn objects(&self) -> u64 {
        self.objects.values().filter(|known| known.inode.is_some()).count() as u64
    }

    pub(super) fn damaged(&mut self, block: u64, what: Damaged, object: u64) {
        self.damaged = true;
        let text = Damage { block, what, path: None }.to_string();
        // The block has a place of its own.
        let what = text.strip_suffix(&format!(" (block {block})")).unwrap_or(&text).to_string();
        let block = (block > 0).then_some(block);
        self.findings.push(Finding { object, path: None, block, what });
    }

    pub(super) fn senseless(&mut self, object: u64, what: &str) {
        self.findings.push(Finding { object, path: None, block: None, what: what.to_string() });
    }

    /// Something lies there.
    pub(super) fn claim(&mut self, start: u64, blocks: u64, object: u64) {
        for (number, within, count) in space::pieces(start, blocks) {
            let region = self.claimed.entry(number).or_insert(Region::EMPTY);
            if region.set(within, count) > 0 {
                let block = Some(number * space::REGION + within);
                let what = "two things lie in one place".to_string();
                self.findings.push(Finding { object, path: None, block, what });
            }
        }
    }

    pub(super) fn extent(&mut self, object: u64, extent: &Extent) {
        self.objects.entry(object).or_default().blocks += extent.pages;
    }

    pub(super) fn item(&mut self, key: Key, value: &[u8]) {
        match key.kind {
            kind::INODE => match Inode::decode(value) {
                Some(inode) => self.objects.entry(key.object).or_default().inode = Some(inode),
                None => self.senseless(key.object, "its inode makes no sense"),
            },
            kind::ENTRY => {
                for named in names::decode(value) {
                    let directory = named.kind == Kind::Directory;
                    let parent = self.objects.entry(key.object).or_default();
                    parent.entries += 1;
                    parent.directories += u32::from(directory);
                    self.objects.entry(named.object).or_default().names += 1;
                    self.named.insert(named.object, (key.object, named.name));
                }
            }
            kind::CONTENT => self.objects.entry(key.object).or_default().content = true,
            kind::SPACE => match Region::decode(Some(value)) {
                Some(region) => {
                    self.recorded.insert(key.position, region);
                }
                None => self.senseless(0, "a record of free space makes no sense"),
            },
            kind::ORPHAN => {
                self.orphans.insert(key.position);
            }
            kind::EXTENT | kind::ATTRIBUTE => {}
            other => {
                self.senseless(key.object, &format!("it has a record of unknown kind {other}"));
            }
        }
    }

    /// Names whose object's records are gone.
    pub(super) fn name_lost(&mut self) {
        for (object, (parent, name)) in core::mem::take(&mut self.named) {
            if self.objects.get(&object).is_none_or(|known| known.inode.is_none()) {
                let name = String::from_utf8_lossy(&name);
                let what = format!("its entry {name:?}: the records of that cannot be read");
                self.senseless(parent, &what);
            }
        }
    }

    /// Whether what is there fits together.
    pub(super) fn compare(&mut self, objects: u64) {
        self.claim(0, FIRST, 0);
        self.compare_space();
        let mut wrong = Vec::new();
        for (&object, known) in self.objects.iter().filter(|(object, _)| **object != 0) {
            if let Some(what) = known.what_is_wrong(object, self.orphans.contains(&object)) {
                wrong.push((object, what));
            }
        }
        for (object, what) in wrong {
            self.senseless(object, &what);
        }
        let there = self.objects();
        if there != objects {
            self.senseless(0, &format!("there are {there} objects, and should be {objects}"));
        }
    }

    fn compare_space(&mut self) {
        let numbers: BTreeSet<u64> =
            self.claimed.keys().chain(self.recorded.keys()).copied().collect();
        for number in numbers {
            let claimed = self.claimed.get(&number).unwrap_or(&Region::EMPTY);
            let recorded = self.recorded.get(&number).unwrap_or(&Region::EMPTY);
            let (free, lost) = (claimed.without(recorded), recorded.without(claimed));
            let first = number * space::REGION;
            if free > 0 {
                self.senseless(
                    0,
                    &format!("{free} blocks from block {first} on are in use and recorded as free"),
                );
            }
            if lost > 0 {
                self.senseless(0, &format!("{lost} blocks from block {first} on are recorded as in use, and nothing is in them"));
            }
        }
    }
}

impl Known {
    fn what_is_wrong(&self, object: u64, orphan: bool) -> Option<String> {
        let Some(inode) = &self.inode else {
            return Some("there are records of it, but no inode".to_string());
        };
        let directory = inode.kind() == Kind::Directory;
        let names = self.names + u32::from(object == ObjectId::ROOT.0);
        if names == 0 && !orphan {
            return Some("it has no name".to_string());
        }
        let links = match (directory, names) {
            (_, 0) => 0,
            (true, _) => 2 + self.directories,
            (false, names) => names,
        };
        if inode.links != links {
            return Some(format!("it counts {} links, and has {links}", inode.links));
        }
        if directory && inode.size != self.entries {
            return Some(format!("it counts {} entries, and has {}", inode.size, self.entries));
        }
        if inode.blocks != self.blocks {
            return Some(format!("it counts {} blocks, and has {}", inode.blocks, self.blocks));
        }
        (self.content && self.blocks > 0).then(|| "its contents lie in two places".to_string())
    }
}
