//! Very many files: in one directory, or a hundred in each.

use crate::place::{NOW, between, make, sync};
use store::simulation::Dice;
use store::{Kind, ObjectId, Store};

/// One file in so many has contents: two pages. The others have none.
const WRITTEN: u64 = 16;
/// Files of a directory, where there are many.
const EACH: u64 = 100;

/// How they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    OneDirectory,
    ManyDirectories,
}

/// Files number 0, 1, 2 …, and what they are known by.
pub(crate) struct Tree {
    layout: Layout,
    directories: Vec<ObjectId>,
    pub(crate) files: Vec<ObjectId>,
}

pub(crate) fn name(number: u64) -> String {
    format!("a file, number {number}")
}

impl Tree {
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, directories: Vec::new(), files: Vec::new() }
    }

    pub(crate) fn size(&self) -> u64 {
        self.files.len() as u64
    }

    /// Makes files until there are so many, and commits.
    pub(crate) fn grow(&mut self, store: &mut Store, size: u64) {
        for number in self.size()..size {
            let at = self.directory_number(number);
            if at == self.directories.len() {
                let new = make(store, ObjectId::ROOT, &format!("directory {at}"), Kind::Directory);
                self.directories.push(new);
            }
            let file = make(store, self.directories[at], &name(number), Kind::File);
            if number.is_multiple_of(WRITTEN) {
                store.write(file, 0, &[number as u8 | 1; 8192], NOW).unwrap();
            }
            self.files.push(file);
            between(store);
        }
        sync(store).unwrap();
    }

    fn directory_number(&self, number: u64) -> usize {
        match self.layout {
            Layout::OneDirectory => 0,
            Layout::ManyDirectories => (number / EACH) as usize,
        }
    }

    /// Where that file is.
    pub(crate) fn directory(&self, number: u64) -> ObjectId {
        self.directories[self.directory_number(number)]
    }

    /// Any of them.
    pub(crate) fn any(&self, dice: &mut Dice) -> u64 {
        dice.below(self.files.len()) as u64
    }

    /// Any that has contents.
    pub(crate) fn any_written(&self, dice: &mut Dice) -> u64 {
        self.any(dice) / WRITTEN * WRITTEN
    }
}
