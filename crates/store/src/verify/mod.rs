//! Looking at everything: whether all that the last commit has is there, and makes sense.
//!
//! Nothing is taken from memory. Every node and page is read and decrypted anew; what cannot be is
//! named, and the rest is looked at all the same. If all of it is there, its records are compared
//! with each other: blocks with the records of free space, names with objects, counts with what is
//! counted. Takes some 40 bytes of memory for each object, and a bit for each block.

mod findings;
mod walk;

use crate::Store;
use crate::attributes::ObjectId;
use crate::error::Error;
use alloc::vec::Vec;
pub use findings::Finding;
use walk::Walk;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Blocks looked at; of a trim, regions.
    pub done: u64,
    /// How many there are to look at.
    pub all: u64,
}

/// What looking at everything came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The commit that was looked at.
    pub commit: u64,
    /// Objects whose records were read.
    pub objects: u64,
    /// Nodes of the tree.
    pub nodes: u64,
    /// Pages of files.
    pub pages: u64,
    /// What is wrong; nothing, if all is well.
    pub findings: Vec<Finding>,
}

/// More findings than that are not told one by one.
const TOLD: usize = 10_000;

impl Store {
    /// Looks at everything in the last commit. `progress` is called now and then; if it says false,
    /// that was all.
    ///
    /// # Errors
    /// Only what is wrong with the medium itself; damage is in the report.
    pub fn verify(&mut self, progress: &mut dyn FnMut(Progress) -> bool) -> Result<Report, Error> {
        let all = self.space.used();
        let (root, level) = self.tree.root()?;
        let medium = self.medium.clone();
        let mut walk = Walk::new(&*medium, self.tree.sessions(), all, progress);
        walk.below(&root, level, None)?;
        let mut found = walk.end();
        if found.is_whole() {
            found.compare(self.objects);
        } else {
            found.name_lost();
        }
        let mut report = Report {
            commit: self.commit,
            objects: found.objects(),
            nodes: found.nodes,
            pages: found.pages,
            findings: core::mem::take(&mut found.findings),
        };
        report.findings.truncate(TOLD);
        for finding in &mut report.findings {
            finding.path = self.path_of(ObjectId(finding.object));
        }
        Ok(report)
    }
}
