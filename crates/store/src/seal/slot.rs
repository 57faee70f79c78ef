//! One slot of a seal, to and from its bytes.

use super::{SLOT_BYTES, Seal};
use crate::error::{Error, Identity};
use crate::sealed_root::{SEALED_ROOT_BYTES, SealedRoot};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute, transmute_ref};
use zeroize::Zeroizing;

const VERSION: u32 = 1;
const MAGIC: [u8; 16] = *b"cofferdam seal\0\0";
const MACED: usize = 4064;
/// There is an intended root.
const INTENDED: u32 = 1;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Layout {
    magic: [u8; 16],
    version: U32,
    flags: U32,
    pub(super) identity: [u8; 16],
    pub(super) serial: U64,
    pub(super) keys_serial: U64,
    pub(super) keys_intended: U64,
    current: SealedRoot,
    intended: SealedRoot,
    rest: [u8; 3544],
    mac: [u8; 32],
}

/// The bytes of a slot.
pub fn encode(seal: &Seal, key: &[u8; 32]) -> [u8; SLOT_BYTES] {
    let mut block: [u8; SLOT_BYTES] = transmute!(Layout {
        magic: MAGIC,
        version: VERSION.into(),
        flags: if seal.intended.is_some() { INTENDED } else { 0 }.into(),
        identity: seal.identity.0,
        serial: seal.serial.into(),
        keys_serial: seal.keys_serial.into(),
        keys_intended: seal.keys_intended.into(),
        current: seal.current,
        intended: seal.intended.unwrap_or(SealedRoot::from_bytes([0; SEALED_ROOT_BYTES])),
        rest: [0; 3544],
        mac: [0; 32],
    });
    let (maced, place) = block.split_at_mut(MACED);
    place.copy_from_slice(&mac(key, maced).finalize().into_bytes());
    block
}

/// Reads the bytes of a slot and believes them only if their MAC is right.
///
/// # Errors
/// [`Error::NotASeal`] if there never was a seal here, [`Error::Version`] or [`Error::Features`] if
/// a later program wrote it, [`Error::SealDamaged`] otherwise.
pub fn decode(block: &[u8; SLOT_BYTES], key: &[u8; 32]) -> Result<Seal, Error> {
    let layout = look(block)?;
    let (maced, _) = block.split_at(MACED);
    mac(key, maced).verify_slice(&layout.mac).map_err(|_| Error::SealDamaged)?;
    let flags = layout.flags.get();
    if flags & !INTENDED != 0 {
        return Err(Error::Features((flags & !INTENDED).into()));
    }
    Ok(Seal {
        identity: Identity(layout.identity),
        serial: layout.serial.get(),
        keys_serial: layout.keys_serial.get(),
        keys_intended: layout.keys_intended.get(),
        current: layout.current,
        intended: (flags & INTENDED != 0).then_some(layout.intended),
    })
}

/// What lies in a slot, believing its magic and version only.
pub(super) fn look(block: &[u8; SLOT_BYTES]) -> Result<&Layout, Error> {
    let layout: &Layout = transmute_ref!(block);
    match layout.version.get() {
        _ if layout.magic != MAGIC => Err(Error::NotASeal),
        VERSION => Ok(layout),
        0 => Err(Error::SealDamaged),
        found => Err(Error::Version { what: "seal", found, known: VERSION }),
    }
}

/// HMAC pads a short key with zeros up to a block of its hash. Done here, it cannot fail.
fn mac(key: &[u8; 32], bytes: &[u8]) -> Hmac<Sha256> {
    let mut padded = Zeroizing::new([0; 64]);
    for (to, from) in padded.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = Hmac::new((&*padded).into());
    mac.update(bytes);
    mac
}
