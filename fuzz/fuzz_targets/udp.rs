//! UDP: the payload lies within the bytes, and what is written back is what was read.
#![no_main]

use packet::header::udp::Udp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok((udp, payload)) = Udp::read(bytes) else {
        assert!(Udp::read_start(bytes, bytes.len()).is_err());
        return;
    };
    assert_eq!(payload.as_ptr(), bytes[8..].as_ptr());
    assert_eq!(payload.len() + 8, usize::from(udp.length()));
    assert_eq!(Udp::read_start(&bytes[..8], bytes.len()).unwrap().1, payload.len());
    let mut copy = bytes.to_vec();
    let (new, _) = Udp::create(&mut copy).unwrap();
    *new = Udp::new(udp.destination(), udp.source(), payload.len());
    new.set_checksum(udp.checksum());
    new.flip();
    assert_eq!(copy, bytes);
});
