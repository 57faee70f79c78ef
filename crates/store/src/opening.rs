//! Making a store, and opening one: which root is right.

use crate::Store;
use crate::attributes::{Kind, ObjectId, Time};
use crate::cipher::{Session, Sessions};
use crate::committing::seal_key;
use crate::error::{Error, Identity};
use crate::files::inode::Inode;
use crate::keys::{
    KEY_AREA_AT, KEY_AREA_BYTES, KeyArea, NewSlot, Opened, Secret, SlotInfo, unlock_area,
};
use crate::medium::{Medium, Randomness};
use crate::pages::{Frames, Pages};
use crate::place::{BLOCK, FIRST, bytes};
use crate::root::{Frame, Root};
use crate::seal::{Claim, Seal};
use crate::sealed_root::SealedRoot;
use crate::space::Space;
use crate::superblock::{Superblock, Superblocks};
use crate::tree::Tree;
use crate::tree::key::{Key, kind};
use crate::whole;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// The two halves of a store.
#[derive(Clone)]
pub struct Media {
    /// The untrusted one.
    pub store: Arc<dyn Medium>,
    /// The trusted one.
    pub seal: Arc<dyn Medium>,
}

/// How much memory a store may take.
pub struct Memory {
    /// For pages of files.
    pub frames: Box<dyn Frames>,
    /// For nodes of the tree, 8 KiB each.
    pub nodes: usize,
}

/// A store that is not open yet: what can be known about it without a key.
pub struct Closed {
    media: Media,
    identity: Identity,
    area: KeyArea,
}

impl Closed {
    /// Looks at a store and its seal.
    ///
    /// # Errors
    /// Whatever is wrong with either: [`Error::NotAStore`], [`Error::NotASeal`],
    /// [`Error::SealOfAnother`], [`Error::Version`], [`Error::KeysRolledBack`] and so on.
    pub fn look(media: Media) -> Result<Self, Error> {
        let superblocks = Superblocks::read(&*media.store)?;
        let identity = superblocks.newest()?.identity;
        let claim = Claim::read(&*media.seal)?;
        if !claim.is_of(identity) {
            return Err(Error::SealOfAnother { seal: claim.identity, store: identity });
        }
        let area = KeyArea::read(&*media.store, identity, &claim.keys)?;
        Ok(Self { media, identity, area })
    }

    /// Whose store it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The ways to open it.
    pub fn slots(&self) -> Vec<SlotInfo> {
        self.area.slots()
    }

    /// Opens it. With randomness it can be written to, else only read.
    pub fn open(
        &self,
        secret: &Secret<'_>,
        memory: Memory,
        mut writer: Option<&mut dyn Randomness>,
    ) -> Result<Store, Error> {
        let Media { store: medium, seal: seal_medium } = self.media.clone();
        // Turning a passphrase into a key takes a second, in which somebody else may have written:
        // the seal is read after that, and the superblocks before the seal.
        let (keys, seal, twice, superblocks) =
            unlock_area(&self.area, &*medium, &*seal_medium, secret)?;
        let newest = superblocks.newest()?;
        if newest.identity != self.identity {
            return Err(Error::SealOfAnother { seal: self.identity, store: newest.identity });
        }
        let (newest, features) = (newest.root.commit(), newest.features);
        let mut superblock = (newest, superblocks.next_slot());
        let frame = Frame { identity: self.identity, features };
        let mut sessions = Sessions::of(keys.keyring());
        let (safe, root) = self.choose(newest, &seal, frame, &mut sessions)?;
        let session = match &mut writer {
            Some(randomness) => {
                self.mend_superblock(&mut superblock, frame, &seal)?;
                Some(Session::begin(&mut sessions, &mut **randomness)?)
            }
            None => None,
        };
        let tree = Tree::under(root.tree, root.level, medium.clone(), sessions, memory.nodes);
        let space = Space::new(medium.clone(), root.used, root.end, root.promised);
        let mut store = Store {
            medium,
            seal_medium,
            keys,
            frame,
            unconfirmed: seal.intended.is_some(),
            seal,
            safe,
            superblock,
            landing: false,
            tree,
            space,
            pages: Pages::new(memory.frames),
            commit: root.commit,
            next_object: root.next_object,
            objects: root.objects,
            name_key: root.name_key,
            read_only: session.is_none(),
            session,
            stopped: None,
            opened: HashMap::new(),
            lost: Vec::new(),
            written: Vec::new(),
            jobs: 0,
            buffers: Vec::new(),
            last_inode: None,
            flush_hand: (0, 0),
            nodes_limit: memory.nodes,
            time: root.time,
        };
        if let Some(randomness) = writer {
            if !twice {
                // A change was cut short, or a copy is damaged: what opened it counts from now on.
                let keys = store.keys.duplicate();
                store.replace_keys(keys, randomness)?;
            }
            store.remove_orphans()?;
        }
        Ok(store)
    }

    /// The root that counts: the intended one if all of it is there, else the current one.
    fn choose(
        &self,
        newest: u64,
        seal: &Seal,
        frame: Frame,
        sessions: &mut Sessions,
    ) -> Result<(SealedRoot, Root), Error> {
        let named = seal.intended.as_ref().map_or(seal.current.commit(), SealedRoot::commit);
        if newest > named {
            return Err(Error::SealBehind { store: newest, seal: named });
        }
        let mut open = |sealed: &SealedRoot| {
            Root::open(sealed, frame, sessions).map_err(|_| Error::SealDamaged)
        };
        let current = open(&seal.current)?;
        let intended = seal.intended.map(|sealed| open(&sealed).map(|root| (sealed, root)));
        if let Some((sealed, root)) = intended.transpose()?
            && whole::commit(&*self.media.store, sessions, &root)?
        {
            return Ok((sealed, root));
        }
        match whole::root(&*self.media.store, sessions, &current) {
            // It says itself that it is older than what is missing.
            Err(Error::Damaged(_)) if newest < seal.current.commit() => {
                Err(Error::RolledBack { store: newest, seal: seal.current.commit() })
            }
            checked => checked.map(|()| (seal.current, current)),
        }
    }

    /// Before anything is written: the superblock that a crash has taken away is put back.
    ///
    /// A seal is safe before the superblock that goes with it, which follows with some distance.
    fn mend_superblock(
        &self,
        (newest, slot): &mut (u64, u64),
        frame: Frame,
        seal: &Seal,
    ) -> Result<(), Error> {
        if *newest >= seal.current.commit() {
            return Ok(());
        }
        let Frame { identity, features } = frame;
        let superblock = Superblock { identity, features, root: seal.current };
        superblock.write(&*self.media.store, *slot)?;
        (*newest, *slot) = (seal.current.commit(), 1 - *slot);
        self.media.store.sync().map_err(Error::Medium)
    }
}

impl Store {
    /// Makes a store on empty media, with one way to open it. It is safe when this returns.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is a store or a seal already.
    pub fn create(
        media: Media,
        first: &NewSlot<'_>,
        memory: Memory,
        owner: (u32, u32),
        now: Time,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, Error> {
        refuse_if_there(&media)?;
        let mut identity = Identity([0; 16]);
        let mut name_key = [0; 16];
        randomness.fill(&mut identity.0);
        randomness.fill(&mut name_key);
        let mut keys = Opened::make(identity, first, randomness)?;
        let header = bytes(FIRST).max(KEY_AREA_AT + 2 * KEY_AREA_BYTES as u64);
        if media.store.size() < header {
            media.store.grow(header).map_err(Error::Medium)?;
        }
        // Into both copies; the seal will name both.
        for _ in 0..2 {
            keys.write(&*media.store, randomness)?;
            keys.settle()?;
        }
        let mut sessions = Sessions::of(keys.keyring());
        let session = Session::begin(&mut sessions, randomness)?;
        let Media { store: medium, seal: seal_medium } = media;
        let none = SealedRoot::from_bytes([0; _]);
        let seal = Seal {
            identity,
            serial: 0,
            keys_serial: keys.serial() - 1,
            keys_intended: keys.serial(),
            current: none,
            intended: None,
        };
        let mut store = Self {
            tree: Tree::empty(medium.clone(), sessions, memory.nodes),
            space: Space::new(medium.clone(), 0, 0, 0),
            medium,
            seal_medium,
            keys,
            frame: Frame { identity, features: 0 },
            seal,
            safe: none,
            unconfirmed: false,
            superblock: (1, 0),
            landing: false,
            pages: Pages::new(memory.frames),
            commit: 0,
            next_object: ObjectId::ROOT.0 + 1,
            objects: 1,
            name_key,
            session: Some(session),
            read_only: false,
            stopped: None,
            opened: HashMap::new(),
            lost: Vec::new(),
            written: Vec::new(),
            jobs: 0,
            buffers: Vec::new(),
            last_inode: None,
            flush_hand: (0, 0),
            nodes_limit: memory.nodes,
            time: now,
        };
        store.space.begin(&mut store.tree)?;
        let root = root_directory(owner, now);
        store.tree.put(Key::new(ObjectId::ROOT.0, kind::INODE, 0), &root.encode())?;
        // The first commit has none before it to go back to: the blocks come first, then the
        // superblocks, and the seal makes it a store.
        let sealed = store.write_first(now)?;
        store.safe = sealed;
        store.seal.current = sealed;
        let key = seal_key(store.keys.keyring());
        store.seal.write(&*store.seal_medium, &key)?;
        store.seal_medium.sync().map_err(Error::SealMedium)?;
        Ok(store)
    }

    fn write_first(&mut self, now: Time) -> Result<SealedRoot, Error> {
        let landing = self.begin_commit(now).map_err(|error| match error {
            // Nothing stopped, as nothing has begun.
            Error::Stopped(trouble) => Error::Medium(trouble),
            other => other,
        })?;
        let Some(landing) = landing else { return Err(Error::NotAStore) };
        let sealed = landing.root();
        let superblock = Superblock { identity: self.frame.identity, features: 0, root: sealed };
        // There is nothing yet that one of them could be taken for.
        superblock.write(&*self.medium, 0)?;
        superblock.write(&*self.medium, 1)?;
        landing.sync_blocks()?;
        self.landing = false;
        self.space.landed(false);
        Ok(sealed)
    }
}

fn root_directory((user, group): (u32, u32), now: Time) -> Inode {
    Inode {
        mode: Kind::Directory.mode() | 0o700,
        user,
        group,
        links: 2,
        size: 0,
        blocks: 0,
        read: now,
        changed: now,
        status_changed: now,
        made: now,
        device: 0,
        parent: ObjectId::ROOT.0,
        entry: 0,
        generation: 1,
    }
}

/// Nothing is ever overwritten that may be somebody's store.
pub(crate) fn refuse_if_there(media: &Media) -> Result<(), Error> {
    let begins = |medium: &dyn Medium| {
        let mut block = [0; BLOCK];
        medium.read(0, &mut block).is_ok() && block != [0; BLOCK]
    };
    if begins(&*media.store) || begins(&*media.seal) { Err(Error::Exists) } else { Ok(()) }
}
