//! The key area as it lies on the medium: its slots in clear, its keys encrypted.
//!
//! Nothing in it is believed before a secret opened it. Then its tag covers the slots as well, so
//! that nobody can have added, changed or exchanged one.

use super::keyring::Keyring;
use super::opened::Opened;
use super::secret::Secret;
use super::slot::{Slot, SlotInfo};
use super::{KEY_AREA_AT, KEY_AREA_BYTES, SLOTS};
use crate::error::{Error, Identity};
use crate::medium::{Medium, Randomness, Trouble};
use alloc::vec::Vec;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const MAGIC: [u8; 16] = *b"cofferdam keys\0\0";
const TAG: usize = 16;

/// How many bytes of keys there is room for.
pub(super) const KEYS_ROOM: usize = KEY_AREA_BYTES - size_of::<Head>() - TAG;

/// Everything in clear; the associated data of what is not.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    magic: [u8; 16],
    version: U32,
    zeros: U32,
    identity: [u8; 16],
    serial: U64,
    more_zeros: [u8; 16],
    slots: [Slot; SLOTS],
    nonce: [u8; 12],
    length: U32,
}

/// One copy of the key area, not yet open.
#[derive(Clone)]
struct AreaCopy {
    head: Head,
    tag: [u8; TAG],
    encrypted: Vec<u8>,
}

/// The key area of a store, not yet open.
pub struct KeyArea {
    /// The copies that may count, the newest first; at least one.
    copies: Vec<AreaCopy>,
}

impl KeyArea {
    /// Reads the copies whose serial is among those that the seal names.
    ///
    /// # Errors
    /// [`Error::KeysDamaged`], [`Error::KeysRolledBack`], [`Error::Version`] or [`Error::Medium`].
    pub fn read(medium: &dyn Medium, identity: Identity, sealed: &[u64]) -> Result<Self, Error> {
        let there = [read_copy(medium, identity, 0)?, read_copy(medium, identity, 1)?];
        let copies = choose(&there, sealed)?;
        Ok(Self { copies })
    }

    /// Reads one copy alone, whatever its serial and identity are: any bytes may be handed in.
    ///
    /// # Errors
    /// [`Error::KeysDamaged`] or [`Error::Version`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        decode(bytes).map(|copy| Self { copies: Vec::from([copy]) })
    }

    /// The ways to open it, as the newest copy claims.
    pub fn slots(&self) -> Vec<SlotInfo> {
        self.copies.first().map(|copy| listing(&copy.head.slots)).unwrap_or_default()
    }

    /// Whether both copies are there and hold what was opened.
    pub(crate) fn has_twice(&self, opened: &Opened) -> bool {
        let same = |copy: &&AreaCopy| {
            copy.head.slots == opened.slots && copy.decrypt(&opened.area_key).is_some()
        };
        self.copies.iter().filter(same).count() > 1
    }

    /// Whether a newer copy that the seal names holds a list which the secret that opened the older
    /// one is not on. Such a list counts: a change was cut short after it had happened.
    ///
    /// Without its key a copy cannot be proven whole. If nobody was given new keys, the older one's
    /// area key proves it. A list with new keys has another area key, and is known by its length,
    /// as it has one generation more. Everything else that does not decrypt is damage; so it is if
    /// the secret opens a slot of it.
    pub(crate) fn has_newer(&self, opened: &Opened, secret: &Secret<'_>, named: [u64; 2]) -> bool {
        self.copies
            .iter()
            .filter(|copy| {
                let serial = copy.head.serial.get();
                serial > opened.serial && named.contains(&serial)
            })
            .any(|copy| {
                copy.decrypt(&opened.area_key).is_some()
                    || (copy.has_new_keys(opened) && !copy.lists(secret))
            })
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Error::WrongKey`] if no slot opens, [`Error::KeysDamaged`] if one does and what is behind
    /// it was changed, [`Error::NoMemory`] if none opens and some could not be tried.
    pub fn open(&self, secret: &Secret<'_>) -> Result<Opened, Error> {
        // Never grown, as that would leave keys behind.
        let mut tried = Vec::with_capacity(2 * SLOTS);
        let mut outcome = Error::WrongKey;
        for copy in &self.copies {
            let error = match copy.open(secret, &mut tried) {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            // What is wrong with the newest copy says most, unless it is only that nothing opens.
            if outcome == Error::WrongKey {
                outcome = error;
            }
        }
        Err(outcome)
    }
}

/// Slots that were tried with the secret, and the area key that each gave.
type Tried = Vec<(Slot, Option<Zeroizing<[u8; 32]>>)>;

impl AreaCopy {
    fn open(&self, secret: &Secret<'_>, tried: &mut Tried) -> Result<Opened, Error> {
        let mut outcome = Error::WrongKey;
        let mut slots: Vec<(usize, &Slot)> = self.head.slots.iter().enumerate().collect();
        // A slot that somebody changed so that it takes a minute comes last.
        slots.sort_by_key(|(_, slot)| slot.work());
        for (index, slot) in slots {
            // The other copy mostly has the same slots: not twice the wait.
            let known = tried.iter().find(|(same, _)| same == slot);
            let area_key = match known.map(|(_, area_key)| area_key.clone()) {
                Some(area_key) => area_key,
                None => match slot.area_key(secret) {
                    Ok(area_key) => {
                        tried.push((*slot, area_key.clone()));
                        area_key
                    }
                    Err(error) => {
                        outcome = error;
                        None
                    }
                },
            };
            let Some(area_key) = area_key else { continue };
            // If it does not decrypt, no other slot of this copy would give another key.
            let keyring = self.decrypt(&area_key).ok_or(Error::KeysDamaged)?;
            return Ok(Opened {
                identity: Identity(self.head.identity),
                serial: self.head.serial.get(),
                slots: self.head.slots,
                with: Some(index),
                area_key,
                keyring,
            });
        }
        Err(outcome)
    }

    /// Whether it looks as if it held more generations of keys than what was opened. If the slot
    /// that opened is in it as well, it holds the same area key, and is damaged.
    fn has_new_keys(&self, opened: &Opened) -> bool {
        let with = opened.with.and_then(|index| opened.slots.get(index));
        let known = with.is_some_and(|slot| self.head.slots.contains(slot));
        !known && Keyring::generations_in(self.encrypted.len()) > Some(opened.keyring.generations())
    }

    /// Whether one of its slots opens, whatever is behind it.
    fn lists(&self, secret: &Secret<'_>) -> bool {
        self.head.slots.iter().any(|slot| slot.area_key(secret).is_ok_and(|key| key.is_some()))
    }

    fn decrypt(&self, area_key: &[u8; 32]) -> Option<Keyring> {
        let mut keys = Zeroizing::new(self.encrypted.clone());
        ChaCha20Poly1305::new(area_key.into())
            .decrypt_inout_detached(
                &self.head.nonce.into(),
                self.head.as_bytes(),
                keys.as_mut_slice().into(),
                &self.tag.into(),
            )
            .ok()?;
        Keyring::from_bytes(&keys)
    }
}

/// What is shown of slots.
pub(super) fn listing(slots: &[Slot; SLOTS]) -> Vec<SlotInfo> {
    slots.iter().enumerate().filter_map(|(index, slot)| slot.info(index)).collect()
}

/// The bytes of a copy.
pub(super) fn encode(
    opened: &Opened,
    serial: u64,
    randomness: &mut dyn Randomness,
) -> Result<Vec<u8>, Error> {
    let mut keys = opened.keyring.bytes();
    if keys.len() > KEYS_ROOM {
        return Err(Error::Invalid("there is no room for another generation of keys"));
    }
    let mut head = Head {
        magic: MAGIC,
        version: VERSION.into(),
        zeros: U32::ZERO,
        identity: opened.identity.0,
        serial: serial.into(),
        more_zeros: [0; 16],
        slots: opened.slots,
        nonce: [0; 12],
        length: (keys.len() as u32).into(),
    };
    randomness.fill(&mut head.nonce);
    let tag = ChaCha20Poly1305::new((&*opened.area_key).into())
        .encrypt_inout_detached(&head.nonce.into(), head.as_bytes(), keys.as_mut_slice().into())
        .map_err(|_| Error::Invalid("the cipher refuses keys of that length"))?;
    let mut bytes = Vec::with_capacity(KEY_AREA_BYTES);
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(&tag);
    bytes.extend_from_slice(&keys);
    bytes.resize(KEY_AREA_BYTES, 0);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<AreaCopy, Error> {
    let damaged = || Error::KeysDamaged;
    let (head, rest) = Head::read_from_prefix(bytes).map_err(|_| damaged())?;
    let (tag, rest) = rest.split_first_chunk::<TAG>().ok_or_else(damaged)?;
    match head.version.get() {
        _ if head.magic != MAGIC => return Err(damaged()),
        VERSION => {}
        0 => return Err(damaged()),
        found => return Err(Error::Version { what: "key area", found, known: VERSION }),
    }
    let length = head.length.get() as usize;
    let encrypted = rest.get(..length).filter(|keys| keys.len() <= KEYS_ROOM);
    let encrypted = encrypted.ok_or_else(damaged)?.to_vec();
    Ok(AreaCopy { head, tag: *tag, encrypted })
}

/// What lies in the place of a copy; one of another store is as good as none.
fn read_copy(
    medium: &dyn Medium,
    identity: Identity,
    number: u64,
) -> Result<Result<AreaCopy, Error>, Error> {
    let mut bytes = alloc::vec![0; KEY_AREA_BYTES];
    match medium.read(KEY_AREA_AT + number * KEY_AREA_BYTES as u64, &mut bytes) {
        Ok(()) => {}
        Err(Trouble::Short) => return Ok(Err(Error::KeysDamaged)),
        Err(trouble) => return Err(Error::Medium(trouble)),
    }
    Ok(decode(&bytes).and_then(|copy| {
        let fits = copy.head.identity == identity.0 && copy.head.serial.get() % 2 == number;
        if fits { Ok(copy) } else { Err(Error::KeysDamaged) }
    }))
}

/// The copies that the seal names, or what is wrong if there are none: an old list was put back if
/// every place where a named one should be holds another.
fn choose(there: &[Result<AreaCopy, Error>; 2], sealed: &[u64]) -> Result<Vec<AreaCopy>, Error> {
    let mut chosen: Vec<AreaCopy> = Vec::new();
    let (mut old, mut wrong) = (false, None);
    for &serial in sealed {
        let [zero, one] = there;
        match if serial.is_multiple_of(2) { zero } else { one } {
            Ok(copy) if copy.head.serial.get() == serial => chosen.push(copy.clone()),
            Ok(_) => old = true,
            Err(error @ Error::Version { .. }) => wrong = Some(error.clone()),
            Err(error) => wrong = wrong.or(Some(error.clone())),
        }
    }
    chosen.sort_by_key(|copy| core::cmp::Reverse(copy.head.serial.get()));
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let found = there.iter().flatten().map(|copy| copy.head.serial.get()).max();
    Err(match (wrong, found, sealed.iter().max()) {
        (None, Some(found), Some(&sealed)) if old => Error::KeysRolledBack { found, sealed },
        (wrong, ..) => wrong.unwrap_or(Error::KeysDamaged),
    })
}
