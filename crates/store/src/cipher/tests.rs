//! The two libraries against each other.

use super::{AES, CHACHA, native, portable};
use alloc::vec::Vec;
use proptest::prelude::*;

/// A message, and what is done to it on the way.
#[derive(Debug, Clone)]
struct Case {
    cipher: u8,
    key: [u8; 32],
    nonce: [u8; 12],
    associated: Vec<u8>,
    plain: Vec<u8>,
    /// The bit that is turned, in the ciphertext or the tag behind it.
    bit: prop::sample::Index,
}

fn case() -> impl Strategy<Value = Case> {
    let bytes = |most: usize| prop::collection::vec(any::<u8>(), 0..most);
    let cipher = prop_oneof![Just(AES), Just(CHACHA)];
    (
        cipher,
        any::<[u8; 32]>(),
        any::<[u8; 12]>(),
        bytes(40),
        bytes(9000),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(cipher, key, nonce, associated, plain, bit)| Case {
            cipher,
            key,
            nonce,
            associated,
            plain,
            bit,
        })
}

proptest! {
    #[test]
    fn what_one_library_sealed_the_other_opens(case in case()) {
        let Case { cipher, key, nonce, associated, plain, bit } = case;
        let fast = native::Cipher::new(cipher, &key).unwrap();
        let slow = portable::Cipher::new(cipher, &key).unwrap();
        let (mut one, mut other) = (plain.clone(), plain.clone());
        let tag = fast.seal(&nonce, &associated, &mut one);
        prop_assert_eq!(tag, slow.seal(&nonce, &associated, &mut other));
        prop_assert_eq!(&one, &other);

        let mut there = alloc::vec![0; plain.len()];
        fast.open_to(&nonce, &associated, &one, &tag, &mut there).unwrap();
        prop_assert_eq!(&there, &plain);
        slow.open_to(&nonce, &associated, &one, &tag, &mut there).unwrap();
        prop_assert_eq!(&there, &plain);
        fast.open(&nonce, &associated, &mut other, &tag).unwrap();
        prop_assert_eq!(&other, &plain);
        let mut other = one.clone();
        slow.open(&nonce, &associated, &mut other, &tag).unwrap();
        prop_assert_eq!(&other, &plain);

        let (mut forged, mut tag) = (one, tag);
        let bit = bit.index(8 * (forged.len() + tag.len()));
        match forged.get_mut(bit / 8) {
            Some(byte) => *byte ^= 1 << (bit % 8),
            None => tag[bit / 8 - plain.len()] ^= 1 << (bit % 8),
        }
        prop_assert!(fast.open_to(&nonce, &associated, &forged, &tag, &mut there).is_err());
        prop_assert!(slow.open_to(&nonce, &associated, &forged, &tag, &mut there).is_err());
        prop_assert!(fast.open(&nonce, &associated, &mut forged.clone(), &tag).is_err());
        prop_assert!(slow.open(&nonce, &associated, &mut forged, &tag).is_err());
    }
}

#[test]
fn a_number_that_no_cipher_has_is_refused() {
    for number in [0, 3, 255] {
        assert!(native::Cipher::new(number, &[1; 32]).is_none());
        assert!(portable::Cipher::new(number, &[1; 32]).is_none());
    }
}
