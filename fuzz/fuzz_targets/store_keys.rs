//! Any bytes are a list of keys or an error; what it shows is within bounds, and no key opens it.
#![no_main]

use cofferdam_fuzz::Input;
use store::Error;
use store::keys::{KEY_AREA_BYTES, KeyArea, RecoveryKey, SLOTS, Secret};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mut area = Vec::new();
    if input.byte() % 4 > 0 {
        // What everybody writes in front, so that the rest is looked at.
        area.extend_from_slice(b"cofferdam keys\0\0\x01\0\0\0");
    }
    area.extend_from_slice(input.rest());
    area.resize(KEY_AREA_BYTES, 0);
    let Ok(keys) = KeyArea::decode(&area) else { return };
    let slots = keys.slots();
    assert!(slots.len() <= SLOTS);
    for (one, next) in slots.iter().zip(slots.iter().skip(1)) {
        assert!(one.index < next.index && next.index < SLOTS);
    }
    // No passphrase: what turns it into a key is slow, and takes as long as the list says.
    let recovery = RecoveryKey::from_bytes(&[9; 32]);
    for secret in [Secret::KeyFile(&[9; 32]), Secret::Recovery(&recovery)] {
        assert_eq!(keys.open(&secret).err(), Some(Error::WrongKey));
    }
});
