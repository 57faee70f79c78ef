//! From a backup to a store.
//!
//! It gets an identity of its own: the store that the backup was made of may still be there, and each
//! has a seal. So neither can be taken for the other, nor be opened with the other's seal.

use super::{HEAD, MAGIC, Source, Sum, VERSION};
use crate::cipher::{Session, Sessions};
use crate::error::{Error, Identity};
use crate::keys::{KEY_AREA_AT, KEY_AREA_BYTES, KeyArea, Opened, Secret};
use crate::medium::{Medium, Randomness};
use crate::opening::{Media, refuse_if_there};
use crate::place::{self, BLOCK, FIRST, NOWHERE};
use crate::root::{Frame, Root};
use crate::seal::Seal;
use crate::superblock::Superblock;
use alloc::vec;
use alloc::vec::Vec;

/// Blocks of one run are at most so many: more would be somebody's attempt to take all memory.
const LONGEST_RUN: u64 = 1 << 16;
/// The medium grows by at least so much at a time.
const GROWTH: u64 = 64 << 20;

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Whose backup it was.
    pub of: Identity,
    /// The new store.
    pub identity: Identity,
    /// The commit that it has.
    pub commit: u64,
}

/// Makes a store of a backup, on empty media. Only at the end it gets a seal: until then it is none.
/// Who restores an older commit than the newest undoes what came
/// after, and nobody but the caller can know whether that is meant.
///
/// # Errors
/// [`Error::NotABackup`], [`Error::BackupShort`], [`Error::BackupDamaged`], [`Error::WrongKey`].
pub fn restore(
    source: &mut dyn Source,
    media: &Media,
    secret: &Secret<'_>,
    randomness: &mut dyn Randomness,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<Restored, Error> {
    refuse_if_there(media)?;
    let mut reading = Reading { source, sum: Sum::default() };
    let head: [u8; HEAD] = reading.array()?;
    if head[..16] != MAGIC[..] {
        return Err(Error::NotABackup);
    }
    let found = u32::from_le_bytes([head[16], head[17], head[18], head[19]]);
    if found != VERSION {
        return Err(Error::Version { what: "backup", found, known: VERSION });
    }
    let old = Superblock::decode(&reading.array()?)?;
    let mut area = vec![0; KEY_AREA_BYTES];
    reading.fill(&mut area)?;
    let mut keys = KeyArea::decode(&area)?.open(secret)?;
    // The sum at the end is no proof, and comes after all the blocks: keys of another store would
    // open nothing here.
    if keys.identity() != old.identity {
        return Err(Error::BackupDamaged);
    }
    let mut identity = Identity([0; 16]);
    randomness.fill(&mut identity.0);
    keys.rename(identity);
    let superblock = renamed(&old, identity, &keys, randomness)?;
    let store = &*media.store;
    let header = place::bytes(FIRST).max(KEY_AREA_AT + 2 * KEY_AREA_BYTES as u64);
    store.grow(header.max(store.size())).map_err(Error::Medium)?;
    for _copy in 0..2 {
        keys.write(store, randomness)?;
        keys.settle()?;
    }
    reading.blocks(store, progress)?;
    reading.check_end()?;
    superblock.write(store, 0)?;
    superblock.write(store, 1)?;
    store.sync().map_err(Error::Medium)?;
    let mut seal = Seal {
        identity: superblock.identity,
        serial: 0,
        // Both copies are named.
        keys_serial: keys.serial().saturating_sub(1),
        keys_intended: keys.serial(),
        current: superblock.root,
        intended: None,
    };
    seal.write(&*media.seal, keys.keyring().seal_key())?;
    media.seal.sync().map_err(Error::SealMedium)?;
    Ok(Restored { of: old.identity, identity, commit: superblock.root.commit() })
}

/// The same root, as another store's. Nodes and data do not say whose they are.
fn renamed(
    old: &Superblock,
    identity: Identity,
    keys: &Opened,
    randomness: &mut dyn Randomness,
) -> Result<Superblock, Error> {
    let mut sessions = Sessions::of(keys.keyring());
    let frame = Frame { identity: old.identity, features: old.features };
    let root = Root::open(&old.root, frame, &mut sessions).map_err(|_| Error::BackupDamaged)?;
    let session = Session::begin(&mut sessions, randomness)?;
    let root = root.seal(Frame { identity, ..frame }, &session);
    Ok(Superblock { identity, root, ..*old })
}

struct Reading<'a> {
    source: &'a mut dyn Source,
    sum: Sum,
}

impl Reading<'_> {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Error> {
        self.source.fill(into)?;
        self.sum.add(into);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    /// Copies runs to where they belong.
    fn blocks(
        &mut self,
        store: &dyn Medium,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), Error> {
        let (mut copied, mut bytes) = (0, Vec::new());
        loop {
            let address = u64::from_le_bytes(self.array()?);
            let blocks = u64::from_le_bytes(self.array()?);
            if address == 0 {
                return if blocks == copied { Ok(()) } else { Err(Error::BackupDamaged) };
            }
            if !(FIRST..NOWHERE).contains(&address) || blocks == 0 || blocks > LONGEST_RUN {
                return Err(Error::BackupDamaged);
            }
            bytes.resize(blocks as usize * BLOCK, 0);
            self.fill(&mut bytes)?;
            let end = place::bytes(address + blocks);
            if end > store.size() {
                let most = end.max(store.size() + GROWTH);
                store.grow(most).or_else(|_| store.grow(end)).map_err(Error::Medium)?;
            }
            store.write(place::bytes(address), &bytes).map_err(Error::Medium)?;
            copied += blocks;
            if !progress(copied) {
                return Err(Error::Interrupted);
            }
        }
    }

    fn check_end(self) -> Result<(), Error> {
        let mut said = [0; 32];
        self.source.fill(&mut said)?;
        if said == self.sum.end() { Ok(()) } else { Err(Error::BackupDamaged) }
    }
}
