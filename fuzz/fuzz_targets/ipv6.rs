//! IPv6 and its extension headers: the walk ends, within the packet, where a slow one ends.
#![no_main]

use packet::header::Protocol;
use packet::header::ipv6::Ipv6;
use packet::header::ipv6::extension::{Blocked, Options, upper, upper_of_first};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok((ip, payload)) = Ipv6::read(bytes) {
        assert_eq!(payload.len(), usize::from(ip.payload_length()));
        let mut copy = bytes.to_vec();
        let (new, _) = Ipv6::create(&mut copy).unwrap();
        *new = Ipv6::new(ip.destination(), ip.source(), ip.next_header(), ip.payload_length());
        new.set_dscp(ip.dscp());
        new.set_ecn(ip.ecn());
        new.set_flow_label(ip.flow_label());
        new.set_hop_limit(ip.hop_limit());
        new.flip();
        assert_eq!(copy, bytes);
    }
    assert!(Options::new(bytes).count() <= bytes.len());
    match upper(bytes) {
        Ok(at) => {
            assert!((Ipv6::LEN..=bytes.len()).contains(&at.offset));
            assert_eq!(bytes[at.pointer], at.protocol.0);
            if let Some((_, start)) = at.fragment {
                assert_eq!(bytes[at.fragment_pointer], Protocol::FRAGMENT.0);
                assert!(start + 8 <= at.offset);
                let _ = upper_of_first(bytes, at);
            }
        }
        Err(Blocked::Complain { pointer, code, .. }) => {
            assert!((pointer as usize) < bytes.len() && code <= 2);
        }
        Err(Blocked::Drop(_)) => {}
    }
});
