//! Any bytes are a seal or an error; one that was written is read the same with its key, and one
//! with any byte changed, or under another key, is refused.
#![no_main]

use cofferdam_fuzz::Input;
use store::seal::{Seal, decode, encode};
use store::{Identity, SEALED_ROOT_BYTES, SealedRoot};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut block = [0; 4096];
    let length = bytes.len().min(block.len());
    block[..length].copy_from_slice(&bytes[..length]);
    assert!(decode(&block, &[7; 32]).is_err(), "nobody knows that key");

    let mut input = Input::new(bytes);
    let (at, change) = (input.number() % 4096, input.byte());
    let key = input.array();
    let number = |input: &mut Input<'_>| u64::from_le_bytes(input.array());
    let seal = Seal {
        identity: Identity(input.array()),
        serial: number(&mut input),
        keys_serial: number(&mut input),
        keys_intended: number(&mut input),
        current: SealedRoot::from_bytes(input.array::<SEALED_ROOT_BYTES>()),
        intended: (input.byte() % 2 == 0)
            .then(|| SealedRoot::from_bytes(input.array::<SEALED_ROOT_BYTES>())),
    };
    let mut block = encode(&seal, &key);
    assert_eq!(decode(&block, &key), Ok(seal));
    let mut other = key;
    other[0] ^= 1;
    assert!(decode(&block, &other).is_err());
    block[at] ^= change;
    assert_eq!(decode(&block, &key).is_ok(), change == 0);
});
