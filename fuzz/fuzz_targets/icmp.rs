//! ICMP of both versions: a message that is set is the message that is read.
#![no_main]

use cofferdam_fuzz::checksum;
use packet::header::icmpv4::{self, Icmpv4};
use packet::header::icmpv6::{self, Icmpv6};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut copy = bytes.to_vec();
    let Ok((icmp, _)) = Icmpv4::read_mut(&mut copy) else {
        assert!(bytes.len() < Icmpv4::LEN);
        return;
    };
    let message = icmp.message();
    assert_eq!(Icmpv4::new(message).message(), message);
    if let icmpv4::Message::EchoRequest(echo) = message {
        icmp.set_checksum(0);
        let right = checksum(&copy);
        let (icmp, _) = Icmpv4::read_mut(&mut copy).unwrap();
        icmp.set_checksum(right);
        icmp.answer_echo();
        assert_eq!(icmp.message(), icmpv4::Message::EchoReply(echo));
        assert!(Icmpv4::has_right_checksum(&copy));
    }
    let (icmp, _) = Icmpv6::read(bytes).unwrap();
    let message = icmp.message();
    assert_eq!(Icmpv6::new(message).message(), message);
    if matches!(message, icmpv6::Message::EchoRequest(_) | icmpv6::Message::EchoReply(_)) {
        assert!(!icmp.is_error());
    }
});
