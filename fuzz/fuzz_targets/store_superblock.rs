//! Any bytes are a superblock or an error; one that was written is read the same, and one with any
//! byte changed is refused.
#![no_main]

use cofferdam_fuzz::Input;
use store::superblock::Superblock;
use store::{Identity, SEALED_ROOT_BYTES, SealedRoot};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut block = [0; 4096];
    let length = bytes.len().min(block.len());
    block[..length].copy_from_slice(&bytes[..length]);
    if let Ok(superblock) = Superblock::decode(&block) {
        assert_eq!(Superblock::decode(&superblock.encode()), Ok(superblock));
    }

    let mut input = Input::new(bytes);
    let (at, change) = (input.number() % 4096, input.byte());
    let superblock = Superblock {
        identity: Identity(input.array()),
        features: 0,
        root: SealedRoot::from_bytes(input.array::<SEALED_ROOT_BYTES>()),
    };
    let mut block = superblock.encode();
    assert_eq!(Superblock::decode(&block), Ok(superblock));
    block[at] ^= change;
    assert_eq!(Superblock::decode(&block).is_ok(), change == 0);
});
