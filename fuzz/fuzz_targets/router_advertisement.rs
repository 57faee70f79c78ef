//! Router advertisements: read as they are, and given to a host again and again while time goes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstack::Time;
use netstack::slaac::{Advertisement, Client, Identifier};
use packet::header::ethernet::Mac;
use std::net::Ipv6Addr;
use std::time::Duration;

fuzz_target!(|bytes: &[u8]| {
    let _ = Advertisement::read(bytes);
    let identifier = Identifier::Stable { secret: [1, 2] };
    let mut client = Client::new(Mac([2, 0, 0, 0, 0, 7]), identifier, Time::ZERO);
    let mut now = Time::ZERO;
    // One message after the other, each with its length in front.
    let mut rest = bytes;
    while let Some((&[high, low, from, seconds], tail)) = rest.split_first_chunk::<4>() {
        let len = usize::from(u16::from_be_bytes([high, low])).min(tail.len());
        let (message, tail) = tail.split_at(len);
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, from.into());
        client.receive(now, source, 255, message);
        if from & 1 == 1
            && let Some((address, _)) = { client.addresses().next() }
        {
            client.duplicate(address);
        }
        now = now + Duration::from_secs(seconds.into());
        client.poll(now, 0);
        assert!(client.next_timeout().is_none_or(|next| next > now));
        assert!(client.addresses().count() <= 16);
        assert!(client.routes(0).len() <= 16 + 8 + 32);
        rest = tail;
    }
});
