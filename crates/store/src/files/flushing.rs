//! From the cache to the medium: dirty pages get blocks, are encrypted and written.
//!
//! As with reading, the work that takes time needs nothing of the store: it gives out a [`Job`] and
//! takes it back. Where the pages lie goes into the tree only when they have been written.

use super::extent::{Extent, Written};
use crate::Store;
use crate::attributes::ObjectId;
use crate::blocks::Blocks;
use crate::cipher::{Session, of_page};
use crate::error::Error;
use crate::medium::{Medium, Trouble};
use crate::pages::PageKey;
use crate::place::{self, BLOCK, SMALL};
use crate::space::Purpose;
use crate::tree::key::{Key, kind};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Pages of one job: 1 MiB.
const JOB: usize = 256;

/// Dirty pages that are many, whatever there is of memory: 16 MiB.
const MANY: usize = 4096;
/// Bytes of a run whose way to the disk may begin at once; shorter ones wait for their commit, and
/// go together with what lies beside them.
const LONG: usize = 256 << 10;
/// Buffers that are kept for the next jobs and fetches.
const BUFFERS: usize = 8;

/// Pages to be encrypted and written.
pub struct Job {
    medium: Arc<dyn Medium>,
    session: Session,
    birth: u64,
    number: u64,
    runs: Vec<Run>,
}

/// Pages of one file in a row, to lie in a row.
struct Run {
    object: u64,
    first: u64,
    address: u64,
    bytes: Blocks,
    tags: Vec<[u8; 16]>,
}

impl Job {
    /// Encrypts and writes.
    pub fn run(&mut self) -> Result<(), Trouble> {
        for run in &mut self.runs {
            for (index, page) in (0..).zip(run.bytes.each_mut()) {
                let associated = of_page(run.object, run.first + index);
                run.tags.push(self.session.seal(
                    self.birth,
                    run.address + index,
                    &associated,
                    page,
                ));
            }
            let bytes = run.bytes.bytes();
            self.medium.write(place::bytes(run.address), bytes)?;
            if bytes.len() >= LONG {
                self.medium.hasten(place::bytes(run.address), bytes.len() as u64);
            }
        }
        Ok(())
    }
}

impl Store {
    /// Whether pages should be written out before more are written to: memory is getting short.
    pub fn crowded(&self) -> bool {
        self.pages.crowded()
    }

    /// Whether somebody who has time should write pages out: an eighth of memory is dirty, or so
    /// much that a commit would take long.
    pub fn should_write_out(&self) -> bool {
        self.pages.dirty() >= self.pages.piece().clamp(JOB, MANY)
    }

    /// How many pages wait to be written.
    pub fn dirty_pages(&self) -> usize {
        self.pages.dirty()
    }

    /// Dirty pages that are to be written; nothing if there are none.
    pub fn take_job(&mut self) -> Result<Option<Job>, Error> {
        self.may_write()?;
        let keys = self.pages.some_dirty(self.flush_hand, JOB);
        let Some(&last) = keys.last() else { return Ok(None) };
        self.flush_hand = (last.0, last.1 + 1);
        self.job_of(&keys).map(Some)
    }

    fn job_of(&mut self, keys: &[PageKey]) -> Result<Job, Error> {
        let Some(session) = self.session.clone() else { return Err(Error::ReadOnly) };
        self.jobs += 1;
        let mut job = Job {
            medium: self.medium.clone(),
            session,
            birth: self.commit + 1,
            number: self.jobs,
            runs: Vec::new(),
        };
        for keys in keys.chunk_by(|one, next| one.0 == next.0 && one.1 + 1 == next.1) {
            let done = match self.keep_small(keys) {
                Ok(true) => Ok(()),
                Ok(false) => self.launch(keys, &mut job),
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {}
                // The file's records are damaged: nobody can say where its pages lie from now on.
                Err(error @ (Error::Damaged(_) | Error::Stale)) => self.lose(keys, error),
                Err(error) if job.runs.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(job)
    }

    /// Takes a job back: from now on the pages are where it wrote them.
    pub fn finish_job(&mut self, job: Job, done: Result<(), Trouble>) -> Result<(), Error> {
        if let Err(trouble) = done {
            return Err(self.stop(trouble));
        }
        for run in job.runs {
            if run.bytes.bytes().len() < LONG {
                self.written.push((run.address, run.tags.len() as u64));
            }
            self.keep_buffer(run.bytes);
            let pages = run.tags.len() as u64;
            let landed: Vec<bool> = (0..pages)
                .map(|i| self.pages.land((run.object, run.first + i), job.number))
                .collect();
            let whole = Extent {
                first: run.first,
                pages,
                written: Some(Written {
                    address: run.address,
                    birth: job.birth,
                    session: job.session.name,
                    tags: run.tags,
                }),
            };
            let mut from = 0;
            for part in landed.chunk_by(|one, next| one == next) {
                let to = from + part.len() as u64;
                if part[0] {
                    let part = whole.part(run.first + from, run.first + to);
                    match self.put_written(ObjectId(run.object), &part) {
                        Err(error @ Error::Damaged(_)) => self.lost.push(error),
                        done => done?,
                    }
                } else {
                    // Cut off or removed meanwhile.
                    self.space.give_back(run.address + from, to - from);
                }
                from = to;
            }
        }
        Ok(())
    }

    /// Keeps a buffer for the next job or fetch.
    pub(super) fn keep_buffer(&mut self, buffer: Blocks) {
        if self.buffers.len() < BUFFERS {
            self.buffers.push(buffer);
        }
    }

    /// Writes every dirty page.
    pub(crate) fn flush_all(&mut self) -> Result<(), Error> {
        while let Some(mut job) = self.take_job()? {
            let done = job.run();
            self.finish_job(job, done)?;
        }
        Ok(())
    }

    /// Gives up pages that cannot be written. Whoever synchronises next is told.
    fn lose(&mut self, keys: &[PageKey], error: Error) {
        for &(object, page) in keys {
            self.space.release_promise(u64::from(self.pages.give_up((object, page))));
        }
        self.lost.push(error);
    }

    fn put_written(&mut self, object: ObjectId, extent: &Extent) -> Result<(), Error> {
        let gone = self.punch(object, extent.first, extent.end())?;
        let pages = extent.pages;
        self.put_pages(object, extent)?;
        let mut inode = self.inode(object)?;
        let blocks = (inode.blocks + pages).saturating_sub(gone);
        if blocks == inode.blocks {
            // What was there before is written over: the leaf of the inode need not be.
            return Ok(());
        }
        inode.blocks = blocks;
        self.put_inode(object, &inode)
    }

    /// Gives pages their blocks and copies them out.
    fn launch(&mut self, keys: &[PageKey], job: &mut Job) -> Result<(), Error> {
        let mut rest = keys;
        // What mappings write beyond the end stays out of the file.
        let size = match keys.first() {
            Some(key) if self.pages.has_writable() => self.inode(ObjectId(key.0))?.size,
            _ => u64::MAX,
        };
        while let Some(&(object, first)) = rest.first() {
            let (address, blocks) =
                self.space.allocate(&mut self.tree, Purpose::Data, 1, rest.len() as u64)?;
            self.space.release_promise(blocks);
            let (now, later) = rest.split_at(blocks as usize);
            rest = later;
            // Used before, it need not be cleared: every page of it is copied over.
            let mut bytes = self.buffers.pop().unwrap_or_default();
            bytes.resize(now.len());
            for (&key, page) in now.iter().zip(bytes.each_mut()) {
                self.pages.launch(key, job.number, page);
                if key.1 == size / BLOCK as u64 {
                    page[(size % BLOCK as u64) as usize..].fill(0);
                }
            }
            job.runs.push(Run {
                object,
                first,
                address,
                bytes,
                tags: Vec::with_capacity(now.len()),
            });
        }
        Ok(())
    }

    /// Puts a small file into the tree, without a block. Says whether it is one.
    fn keep_small(&mut self, keys: &[PageKey]) -> Result<bool, Error> {
        let &[key @ (object, 0)] = keys else { return Ok(false) };
        let object = ObjectId(object);
        let mut inode = self.inode(object)?;
        if inode.size > SMALL {
            return Ok(false);
        }
        let only_page = match (inode.blocks, self.extent_at(object, 0)?) {
            (0, _) => false,
            (1, Some(extent)) if extent.written.is_some() => true,
            _ => return Ok(false),
        };
        if self.pages.is_flying(key) {
            return Ok(false);
        }
        let mut page = vec![0; BLOCK];
        self.pages.read(key, 0, &mut page);
        let content = page.get(..inode.size as usize).unwrap_or_default();
        self.tree.put(Key::new(object.0, kind::CONTENT, 0), content)?;
        if only_page {
            self.punch(object, 0, 1)?;
            inode.blocks = 0;
            self.put_inode(object, &inode)?;
        }
        self.pages.settle(key, &page);
        self.space.release_promise(1);
        Ok(true)
    }
}
