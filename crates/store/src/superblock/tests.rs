use super::*;
use crate::tests::trial::Memory;
use alloc::vec::Vec;
use proptest::prelude::*;

fn superblock(commit: u64) -> Superblock {
    Superblock {
        identity: Identity(*b"0123456789abcdef"),
        features: 0,
        root: SealedRoot::new(commit, [0x11; 12], [0x22; 16], [0x33; 192]),
    }
}

/// A medium with these commits in the slots of their own.
fn medium(commits: &[u64]) -> Memory {
    let medium = Memory::of([0; 2 * BLOCK]);
    for &commit in commits {
        superblock(commit).write(&medium, commit % 2).unwrap();
    }
    medium
}

/// The block with its checksum made right again.
fn summed(mut block: [u8; BLOCK]) -> [u8; BLOCK] {
    let sum = Sha256::digest(&block[..SUMMED]);
    block[SUMMED..].copy_from_slice(&sum);
    block
}

#[test]
fn the_parts_lie_where_the_format_says() {
    let block = superblock(5).encode();
    assert_eq!(&block[..16], b"cofferdam store\0");
    assert_eq!(block[16..24], [1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&block[24..40], b"0123456789abcdef");
    assert_eq!(block[40..48], [0; 8]);
    assert_eq!(&block[48..276], superblock(5).root.bytes());
    assert!(block[276..4064].iter().all(|&byte| byte == 0));
    assert_eq!(block, summed(block));
    assert_eq!(Superblock::decode(&block), Ok(superblock(5)));
}

#[test]
fn every_flipped_bit_is_refused_and_told_from_what_is_no_store() {
    let good = superblock(5).encode();
    for bit in 0..BLOCK * 8 {
        let mut block = good;
        block[bit / 8] ^= 1 << (bit % 8);
        let wanted = if bit < 16 * 8 { Error::NotAStore } else { Error::SuperblockDamaged };
        assert_eq!(Superblock::decode(&block), Err(wanted), "bit {bit}");
    }
}

#[test]
fn a_later_version_and_its_features_are_named() {
    let mut block = superblock(5).encode();
    block[16] = 2;
    let later = Error::Version { what: "store", found: 2, known: 1 };
    assert_eq!(Superblock::decode(&summed(block)), Err(later.clone()));
    let medium = medium(&[4]);
    medium.write(BLOCK as u64, &summed(block)).unwrap();
    assert_eq!(Superblocks::read(&medium).unwrap().newest(), Err(later));

    let mut block = superblock(5).encode();
    block[47] = 0x80;
    assert_eq!(Superblock::decode(&summed(block)), Err(Error::Features(1 << 63)));
    block = superblock(5).encode();
    block[16] = 0;
    assert_eq!(Superblock::decode(&summed(block)), Err(Error::SuperblockDamaged));
}

#[test]
fn the_newer_slot_counts_and_one_is_enough() {
    let newest = |medium: &Memory| {
        let slots = Superblocks::read(medium).unwrap();
        slots.newest().map(|superblock| superblock.root.commit())
    };
    assert_eq!(newest(&medium(&[])), Err(Error::NotAStore));
    assert_eq!(newest(&medium(&[1])), Ok(1));
    assert_eq!(newest(&medium(&[1, 2])), Ok(2));
    assert_eq!(newest(&medium(&[2, 3])), Ok(3));
    let torn = medium(&[2, 3]);
    torn.bytes()[BLOCK + 4000] = 1;
    assert_eq!(newest(&torn), Ok(2));
    torn.bytes()[4000] = 1;
    assert_eq!(newest(&torn), Err(Error::SuperblockDamaged));
    // Damage beside what was never written is still damage.
    let torn = medium(&[1]);
    torn.bytes()[BLOCK + 4000] = 1;
    assert_eq!(newest(&torn), Err(Error::SuperblockDamaged));
}

#[test]
fn the_slot_without_the_newer_one_is_next() {
    let next = |medium: &Memory| Superblocks::read(medium).unwrap().next_slot();
    assert_eq!(next(&medium(&[2])), 1);
    assert_eq!(next(&medium(&[3])), 0);
    assert_eq!(next(&medium(&[2, 3])), 0);
    assert_eq!(next(&medium(&[4, 3])), 1);
    let torn = medium(&[2, 3]);
    torn.bytes()[BLOCK + 4000] = 1;
    assert_eq!(next(&torn), 1);
}

#[test]
fn a_medium_cut_short_anywhere_is_read_as_far_as_it_goes() {
    let whole = medium(&[2, 3]).bytes().clone();
    for length in (0..=whole.len()).step_by(256) {
        let slots = Superblocks::read(&Memory::of(&whole[..length])).unwrap();
        let commit = slots.newest().map(|superblock| superblock.root.commit());
        let wanted = match length / BLOCK {
            0 => Err(Error::NotAStore),
            1 => Ok(2),
            _ => Ok(3),
        };
        assert_eq!(commit, wanted, "{length} bytes");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(identity: [u8; 16], root in prop::collection::vec(any::<u8>(), 228)) {
        let root = SealedRoot::from_bytes(root.try_into().unwrap());
        let superblock = Superblock { identity: Identity(identity), features: 0, root };
        prop_assert_eq!(Superblock::decode(&superblock.encode()), Ok(superblock));
    }

    #[test]
    fn any_bytes_behind_a_right_checksum_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 300),
        magic: bool,
    ) {
        let mut block = [0; BLOCK];
        block[..300].copy_from_slice(&bytes);
        if magic {
            block[..16].copy_from_slice(&MAGIC);
        }
        match Superblock::decode(&summed(block)) {
            Ok(read) => prop_assert_eq!(read.root.bytes().to_vec(), block[48..276].to_vec()),
            Err(Error::NotAStore) => prop_assert!(!magic),
            Err(Error::Version { .. } | Error::Features(_)) => {}
            Err(error) => prop_assert_eq!((error, block[16..20].to_vec()),
                (Error::SuperblockDamaged, Vec::from([0; 4]))),
        }
    }
}
