//! The key area when it is open: its keys, and what can be changed about who gets them.
//!
//! A change is made in memory, then [`Opened::write`] puts the area where the older copy lies, and
//! [`Opened::settle`] takes note. `rekeying.rs` does it twice, so that both copies are the same.

use super::area::{KEYS_ROOM, encode, listing};
use super::keyring::Keyring;
use super::secret::Secret;
use super::slot::{NewSlot, Slot, SlotInfo, SlotKind};
use super::{KEY_AREA_AT, KEY_AREA_BYTES, SLOTS};
use crate::error::{Error, Identity};
use crate::medium::{Medium, Randomness};
use alloc::vec::Vec;
use core::fmt;
use zeroize::Zeroizing;

/// An open key area.
pub struct Opened {
    pub(super) identity: Identity,
    pub(super) serial: u64,
    pub(super) slots: [Slot; SLOTS],
    pub(super) with: Option<usize>,
    pub(super) area_key: Zeroizing<[u8; 32]>,
    pub(super) keyring: Keyring,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("identity", &self.identity)
            .field("serial", &self.serial)
            .field("slots", &self.slots())
            .field("opened_with", &self.with)
            .field("keyring", &self.keyring)
            .finish_non_exhaustive()
    }
}

impl Opened {
    /// Draws the keys of a new store, with one way to open it. Its serial is 0 until it is written.
    pub fn make(
        identity: Identity,
        first: &NewSlot<'_>,
        randomness: &mut dyn Randomness,
    ) -> Result<Self, Error> {
        let mut area_key = Zeroizing::new([0; 32]);
        let (mut seal_key, mut master) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        for key in [&mut area_key, &mut seal_key, &mut master] {
            randomness.fill(&mut **key);
        }
        let mut opened = Self {
            identity,
            serial: 0,
            slots: [Slot::empty(); SLOTS],
            with: None,
            area_key,
            keyring: Keyring::new(&seal_key, &master),
        };
        opened.with = Some(opened.add(first, randomness)?);
        Ok(opened)
    }

    /// The same again, to be changed.
    pub(crate) fn duplicate(&self) -> Self {
        Self { area_key: self.area_key.clone(), keyring: self.keyring.duplicate(), ..*self }
    }

    /// From the next writing on they are another store's, with new copies of its own.
    pub(crate) fn rename(&mut self, identity: Identity) {
        self.identity = identity;
    }

    /// Whose keys these are.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The serial of the copy that counts.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The slot that it was opened with, unless that was removed since.
    pub fn opened_with(&self) -> Option<usize> {
        self.with
    }

    /// The ways to open it.
    pub fn slots(&self) -> Vec<SlotInfo> {
        listing(&self.slots)
    }

    /// Adds a way to open it, and gives the number of its slot.
    ///
    /// # Errors
    /// [`Error::KeysFull`], [`Error::NoMemory`], or [`Error::Invalid`] for a label or settings
    /// that cannot be.
    pub fn add(
        &mut self,
        new: &NewSlot<'_>,
        randomness: &mut dyn Randomness,
    ) -> Result<usize, Error> {
        let (index, place) = self
            .slots
            .iter_mut()
            .enumerate()
            .find(|(_, slot)| slot.kind().is_none())
            .ok_or(Error::KeysFull(SLOTS))?;
        *place = Slot::make(new, &self.area_key, randomness)?;
        Ok(index)
    }

    /// Removes a way to open it. Who has an old copy of the key area can still open that; only
    /// [`rekey`](Self::rekey) keeps what is written from then on from them.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], or [`Error::LastKey`] if nobody could open it any more.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        let opens = |slot: &Slot| !matches!(slot.kind(), None | Some(SlotKind::Damaged));
        let others = self.slots.iter().enumerate().filter(|&(at, slot)| at != index && opens(slot));
        let last = others.count() == 0;
        let slot = self.slots.get_mut(index).filter(|slot| slot.kind().is_some());
        let slot = slot.ok_or(Error::NoSuchKey(index))?;
        if last {
            return Err(Error::LastKey);
        }
        *slot = Slot::empty();
        self.with = self.with.filter(|&with| with != index);
        Ok(())
    }

    /// Draws a new area key and one more generation of the master key. Only the slots that these
    /// secrets open stay; gives the ones that were dropped. After an error all is as it was.
    ///
    /// # Errors
    /// [`Error::WrongKey`] if one of the secrets opens nothing, [`Error::LastKey`] if there are
    /// none, [`Error::NoMemory`], or [`Error::Invalid`] if no more generations fit in.
    pub fn rekey(
        &mut self,
        keep: &[Secret<'_>],
        randomness: &mut dyn Randomness,
    ) -> Result<Vec<SlotInfo>, Error> {
        if keep.is_empty() {
            return Err(Error::LastKey);
        }
        let mut area_key = Zeroizing::new([0; 32]);
        let mut master = Zeroizing::new([0; 32]);
        randomness.fill(&mut *area_key);
        randomness.fill(&mut *master);
        let keyring = self.keyring.with(&master);
        if keyring.bytes().len() > KEYS_ROOM {
            return Err(Error::Invalid(
                "the store was given new keys too often: copy what is in it into a new one",
            ));
        }
        let mut slots = self.slots;
        for secret in keep {
            let mut opens = false;
            for (old, slot) in self.slots.iter().zip(&mut slots) {
                if old.area_key(secret)?.is_some() {
                    // Given twice, it is still one slot.
                    slot.wrap(secret, &area_key, randomness)?;
                    opens = true;
                }
            }
            if !opens {
                return Err(Error::WrongKey);
            }
        }
        let mut dropped = Vec::new();
        for (index, (old, slot)) in self.slots.iter().zip(&mut slots).enumerate() {
            if old == slot
                && let Some(info) = old.info(index)
            {
                *slot = Slot::empty();
                dropped.push(info);
            }
        }
        self.with = self.with.filter(|&with| dropped.iter().all(|d| d.index != with));
        self.area_key = area_key;
        self.keyring = keyring;
        self.slots = slots;
        Ok(dropped)
    }

    /// Writes it with the next serial, over the older copy, and gives that serial. Making it durable
    /// and then having the seal name it is the caller's; then [`settle`](Self::settle) follows.
    pub fn write(
        &self,
        medium: &dyn Medium,
        randomness: &mut dyn Randomness,
    ) -> Result<u64, Error> {
        let serial = self.next_serial()?;
        let bytes = encode(self, serial, randomness)?;
        let at = KEY_AREA_AT + (serial % 2) * KEY_AREA_BYTES as u64;
        medium.write(at, &bytes).map_err(Error::Medium)?;
        Ok(serial)
    }

    /// The serial that [`write`](Self::write) gives it.
    pub fn next_serial(&self) -> Result<u64, Error> {
        self.serial.checked_add(1).ok_or(Error::KeysDamaged)
    }

    /// The copy that was written last counts from now on.
    pub fn settle(&mut self) -> Result<(), Error> {
        self.serial = self.next_serial()?;
        Ok(())
    }
}
