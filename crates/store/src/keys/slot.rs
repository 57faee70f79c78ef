//! One slot of the key area: the area key, encrypted with what one secret gives.
//!
//! Until the area is decrypted, everything in a slot may have been written by anybody. All that it
//! can do is to make one attempt take long, and [`Settings::check`] bounds that.

use super::secret::Secret;
use super::settings::Settings;
use crate::error::Error;
use crate::medium::Randomness;
use alloc::string::{String, ToString};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use zerocopy::little_endian::{I64, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::Zeroizing;

const LABEL: usize = 63;

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// A passphrase, with the settings of argon2id.
    Passphrase(Settings),
    /// A key file.
    KeyFile,
    /// A recovery key.
    Recovery,
    /// Something that makes no sense, or would take more work than is accepted.
    Damaged,
}

/// What is shown of a slot. It is only to be believed when the key area is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// Its number.
    pub index: usize,
    /// What it holds.
    pub kind: SlotKind,
    /// What its maker called it.
    pub label: String,
    /// When it was made, in seconds since 1970.
    pub made: i64,
}

/// A slot to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewSlot<'a> {
    /// What is to open it.
    pub secret: Secret<'a>,
    /// What to call it: at most 63 bytes, no control characters.
    pub label: &'a str,
    /// How much work a passphrase is to be; for other secrets it does not matter.
    pub settings: Settings,
    /// The time now, in seconds since 1970.
    pub made: i64,
}

/// The bytes of a slot.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Slot {
    kind: u8,
    zeros: [u8; 3],
    memory: U32,
    passes: U32,
    lanes: U32,
    salt: [u8; 32],
    wrapped: [u8; 32],
    tag: [u8; 16],
    made: I64,
    label_length: u8,
    label: [u8; LABEL],
    rest: [u8; 88],
}

impl Slot {
    /// One that holds nothing.
    pub(super) fn empty() -> Self {
        Self::new_zeroed()
    }

    /// One that gives the area key to whoever has the secret.
    pub(super) fn make(
        new: &NewSlot<'_>,
        area_key: &[u8; 32],
        randomness: &mut dyn Randomness,
    ) -> Result<Self, Error> {
        let label = new.label.as_bytes();
        let mut slot = Self::empty();
        let place = slot
            .label
            .get_mut(..label.len())
            .ok_or(Error::Invalid("a key's label has at most 63 bytes"))?;
        if new.label.chars().any(char::is_control) {
            return Err(Error::Invalid("a key's label has no control characters"));
        }
        place.copy_from_slice(label);
        slot.label_length = label.len() as u8;
        slot.made = new.made.into();
        slot.kind = match new.secret {
            Secret::Passphrase([]) => {
                return Err(Error::Invalid("a passphrase cannot be empty"));
            }
            Secret::Passphrase(_) => {
                let Settings { memory, passes, lanes } = new.settings;
                slot.memory = memory.into();
                slot.passes = passes.into();
                slot.lanes = lanes.into();
                1
            }
            Secret::KeyFile(_) => 2,
            Secret::Recovery(_) => 3,
        };
        slot.wrap(&new.secret, area_key, randomness)?;
        Ok(slot)
    }

    /// Puts an area key into it, under a new salt: with the old one the nonce would be used twice.
    pub(super) fn wrap(
        &mut self,
        secret: &Secret<'_>,
        area_key: &[u8; 32],
        randomness: &mut dyn Randomness,
    ) -> Result<(), Error> {
        randomness.fill(&mut self.salt);
        let key = secret.slot_key(&self.salt, self.settings())?;
        let mut wrapped = Zeroizing::new(*area_key);
        self.tag = ChaCha20Poly1305::new((&*key).into())
            .encrypt_inout_detached(&Nonce::default(), &[], wrapped.as_mut_slice().into())
            .map_err(|_| Error::Invalid("the cipher refuses a key of that length"))?
            .into();
        self.wrapped = *wrapped;
        Ok(())
    }

    /// The area key, if this secret opens the slot.
    ///
    /// # Errors
    /// [`Error::NoMemory`] if it could not be tried.
    pub(super) fn area_key(
        &self,
        secret: &Secret<'_>,
    ) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
        match (self.kind(), secret) {
            (Some(SlotKind::Passphrase(_)), Secret::Passphrase(_))
            | (Some(SlotKind::KeyFile), Secret::KeyFile(_))
            | (Some(SlotKind::Recovery), Secret::Recovery(_)) => {}
            _ => return Ok(None),
        }
        let key = secret.slot_key(&self.salt, self.settings())?;
        let mut area_key = Zeroizing::new(self.wrapped);
        let opened = ChaCha20Poly1305::new((&*key).into()).decrypt_inout_detached(
            &Nonce::default(),
            &[],
            area_key.as_mut_slice().into(),
            &self.tag.into(),
        );
        Ok(opened.is_ok().then_some(area_key))
    }

    /// What it holds, or none.
    pub(super) fn kind(&self) -> Option<SlotKind> {
        Some(match self.kind {
            0 => return None,
            _ if self.label().is_none() => SlotKind::Damaged,
            1 if self.settings().check().is_ok() => SlotKind::Passphrase(self.settings()),
            2 => SlotKind::KeyFile,
            3 => SlotKind::Recovery,
            _ => SlotKind::Damaged,
        })
    }

    /// What is shown of it, or none if it is empty.
    pub(super) fn info(&self, index: usize) -> Option<SlotInfo> {
        Some(SlotInfo {
            index,
            kind: self.kind()?,
            label: self.label().unwrap_or_default().to_string(),
            made: self.made.get(),
        })
    }

    /// How long trying it takes, compared with others.
    pub(super) fn work(&self) -> u64 {
        match self.kind() {
            Some(SlotKind::Passphrase(settings)) => settings.work(),
            _ => 0,
        }
    }

    fn settings(&self) -> Settings {
        Settings { memory: self.memory.get(), passes: self.passes.get(), lanes: self.lanes.get() }
    }

    /// The label, unless it is such as nobody could have given: it is shown on terminals.
    fn label(&self) -> Option<&str> {
        let label = self.label.get(..usize::from(self.label_length))?;
        core::str::from_utf8(label).ok().filter(|label| !label.chars().any(char::is_control))
    }
}
