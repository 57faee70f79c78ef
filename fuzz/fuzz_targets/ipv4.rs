//! IPv4: lengths hold, and what is written back is what was read.
#![no_main]

use cofferdam_fuzz::checksum;
use packet::header::ipv4::Ipv4;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok((ip, quoted)) = Ipv4::read_quoted(bytes) {
        assert!(ip.len() + quoted.len() <= usize::from(ip.total_length()));
    }
    let Ok((ip, payload)) = Ipv4::read(bytes) else { return };
    let (len, total) = (ip.len(), usize::from(ip.total_length()));
    assert!((20..=60).contains(&len) && len + payload.len() == total && total <= bytes.len());
    assert_eq!(payload.as_ptr(), bytes[len..].as_ptr());
    assert_eq!(Ipv4::read_start(&bytes[..len], bytes.len()).unwrap().1, payload.len());
    assert_eq!(Ipv4::read_start(bytes, total - 1).is_ok(), false);
    assert!(ip.options().count() <= 20);
    assert_eq!(ip.has_right_checksum(), checksum(&bytes[..len]) == 0);

    let mut copy = bytes[..total].to_vec();
    let reserved = bytes[6] & 0x80;
    let (new, _) = Ipv4::create(&mut copy, len - 20).unwrap();
    new.option_bytes_mut().copy_from_slice(ip.option_bytes());
    new.set_dscp(ip.dscp());
    new.set_ecn(ip.ecn());
    new.set_total_length(ip.total_length());
    new.set_identification(ip.identification());
    new.set_dont_fragment(ip.dont_fragment());
    new.set_more_fragments(ip.more_fragments());
    new.set_fragment_offset(ip.fragment_offset());
    new.set_ttl(ip.ttl());
    new.set_protocol(ip.protocol());
    new.set_source(ip.destination());
    new.set_destination(ip.source());
    new.flip();
    new.set_checksum(ip.checksum());
    let mut expected = bytes[..total].to_vec();
    expected[6] &= !reserved;
    assert_eq!(copy, expected);
    let (new, _) = Ipv4::read_mut(&mut copy).unwrap();
    new.update_checksum();
    assert!(new.has_right_checksum());
});
