use super::*;
use crate::tests::trial::Memory;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sha2::Sha256;

const KEY: [u8; 32] = [7; 32];
const BLOCK: usize = SLOT_BYTES;

fn root(commit: u64) -> SealedRoot {
    SealedRoot::new(commit, [0x11; 12], [0x22; 16], [0x33; 192])
}

fn seal(commit: u64) -> Seal {
    Seal {
        identity: Identity(*b"0123456789abcdef"),
        serial: 0,
        keys_serial: 4,
        keys_intended: 4,
        current: root(commit),
        intended: None,
    }
}

/// A seal that was written that often; the last write said that commit.
fn medium(writes: u64) -> Memory {
    let medium = Memory::default();
    for write in 1..=writes {
        let mut next = Seal { serial: write - 1, ..seal(write) };
        next.write(&medium, &KEY).unwrap();
        assert_eq!(next.serial, write);
    }
    medium
}

#[test]
fn the_parts_lie_where_the_format_says() {
    let seal = Seal {
        serial: 9,
        keys_serial: 0x0102,
        keys_intended: 0x0103,
        intended: Some(root(6)),
        ..seal(5)
    };
    let block = encode(&seal, &KEY);
    assert_eq!(&block[..16], b"cofferdam seal\0\0");
    assert_eq!(block[16..24], [1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(&block[24..40], b"0123456789abcdef");
    assert_eq!(block[40..48], [9, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(block[48..56], [2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(block[56..64], [3, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&block[64..292], root(5).bytes());
    assert_eq!(&block[292..520], root(6).bytes());
    assert!(block[520..4064].iter().all(|&byte| byte == 0));
    // The key as anybody else would hand it to HMAC.
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(&block[..4064]);
    assert_eq!(block[4064..], mac.finalize().into_bytes()[..]);
    assert_eq!(decode(&block, &KEY), Ok(seal.clone()));
    let without = encode(&Seal { intended: None, ..seal }, &KEY);
    assert!(without[292..520].iter().all(|&byte| byte == 0) && without[20] == 0);
}

#[test]
fn every_flipped_bit_is_refused() {
    let good = encode(&Seal { intended: Some(root(6)), ..seal(5) }, &KEY);
    for bit in 0..BLOCK * 8 {
        let mut block = good;
        block[bit / 8] ^= 1 << (bit % 8);
        let refused = decode(&block, &KEY).unwrap_err();
        let right = match bit / 8 {
            0..16 => refused == Error::NotASeal,
            16..20 => matches!(refused, Error::Version { .. } | Error::SealDamaged),
            _ => refused == Error::SealDamaged,
        };
        assert!(right, "bit {bit}: {refused}");
    }
}

#[test]
fn another_key_reads_nothing() {
    for bit in 0..256 {
        let mut key = KEY;
        key[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Seal::read(&medium(2), &key), Err(Error::SealDamaged));
    }
}

#[test]
fn writes_take_turns_and_a_torn_one_leaves_the_one_before() {
    for writes in 1..6 {
        let medium = medium(writes);
        let read = Seal::read(&medium, &KEY).unwrap();
        assert_eq!((read.serial, read.current.commit()), (writes, writes));
        let newest = (writes % 2) as usize * BLOCK;
        medium.bytes()[newest + 3000] ^= 1;
        let read = Seal::read(&medium, &KEY);
        if writes == 1 {
            assert_eq!(read, Err(Error::SealDamaged));
        } else {
            assert_eq!(read.unwrap().serial, writes - 1);
        }
        medium.bytes()[BLOCK - newest + 3000] ^= 1;
        assert_eq!(Seal::read(&medium, &KEY), Err(Error::SealDamaged));
    }
}

#[test]
fn a_slot_copied_over_the_other_does_not_count() {
    let medium = medium(3);
    medium.bytes().copy_within(BLOCK.., 0);
    assert_eq!(Seal::read(&medium, &KEY).unwrap().serial, 3);
    let medium = self::medium(3);
    medium.bytes().copy_within(..BLOCK, BLOCK);
    medium.bytes()[..BLOCK].fill(0);
    assert_eq!(Seal::read(&medium, &KEY), Err(Error::SealDamaged));
}

#[test]
fn a_later_version_and_its_features_are_named() {
    let medium = medium(1);
    medium.bytes()[BLOCK + 16] = 9;
    let later = Error::Version { what: "seal", found: 9, known: 1 };
    assert_eq!(Seal::read(&medium, &KEY), Err(later.clone()));
    assert_eq!(Claim::read(&medium), Err(later));

    let mut block = encode(&seal(1), &KEY);
    block[20] = 6;
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(&block[..4064]);
    block[4064..].copy_from_slice(&mac.finalize().into_bytes());
    assert_eq!(decode(&block, &KEY), Err(Error::Features(6)));
}

#[test]
fn what_it_claims_is_known_without_the_key() {
    let medium = Memory::default();
    assert_eq!(Claim::read(&medium), Err(Error::NotASeal));
    let mut seal = seal(1);
    for (keys_serial, keys_intended, wanted) in
        [(4, 4, &[4][..]), (4, 5, &[5, 4]), (5, 5, &[5, 4]), (5, 5, &[5])]
    {
        (seal.keys_serial, seal.keys_intended) = (keys_serial, keys_intended);
        seal.write(&medium, &KEY).unwrap();
        let claim = Claim::read(&medium).unwrap();
        assert_eq!((claim.identity, &claim.keys[..]), (seal.identity, wanted));
        assert_eq!(identity_of(&medium), Ok(seal.identity));
    }
}

#[test]
fn a_seal_cut_short_anywhere_is_read_as_far_as_it_goes() {
    let whole = medium(3).bytes().clone();
    for length in (0..=whole.len()).step_by(256) {
        let cut = Memory::of(&whole[..length]);
        let read = Seal::read(&cut, &KEY).map(|seal| seal.serial);
        let wanted = match length / BLOCK {
            0 => Err(Error::NotASeal),
            1 => Ok(2),
            _ => Ok(3),
        };
        assert_eq!(read, wanted, "{length} bytes");
        assert_eq!(identity_of(&cut).is_ok(), wanted.is_ok());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 2 * BLOCK), magic: bool) {
        let medium = Memory::of(bytes);
        if magic {
            for slot in [0, BLOCK] {
                medium.bytes()[slot..slot + 20].copy_from_slice(b"cofferdam seal\0\0\x01\0\0\0");
            }
        }
        let wanted = if magic { Error::SealDamaged } else { Error::NotASeal };
        prop_assert_eq!(Seal::read(&medium, &KEY), Err(wanted));
        prop_assert_eq!(Claim::read(&medium).is_ok(), magic);
    }

    #[test]
    fn what_is_written_is_read(
        serial in 0..u64::MAX, keys_serial: u64, keys_intended: u64, key: [u8; 32],
        intended in prop::option::of(prop::collection::vec(any::<u8>(), 228)),
    ) {
        let intended = intended.map(|bytes| SealedRoot::from_bytes(bytes.try_into().unwrap()));
        let mut seal = Seal { serial, keys_serial, keys_intended, intended, ..seal(1) };
        let medium = Memory::default();
        seal.write(&medium, &key).unwrap();
        prop_assert_eq!(seal.serial, serial + 1);
        prop_assert_eq!(Seal::read(&medium, &key), Ok(seal));
    }
}
