//! Answers of DHCP servers: read as they are, and given to a client that waits for just them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstack::Time;
use netstack::dhcp::{Answer, Client, Event, Identity};
use packet::header::ethernet::Mac;

const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

fuzz_target!(|bytes: &[u8]| {
    let _ = Answer::read(bytes);
    let identity = Identity { mac: MAC, host_name: None, previous: None };
    let mut client = Client::new(identity, Time::ZERO);
    let mut now = Time::ZERO;
    for round in 0..16_u64 {
        let Some(next) = client.next_timeout() else { break };
        now = now.max(next);
        let Some(question) = client.poll(now, round << 32) else { continue };
        assert!((300..=576).contains(&question.payload.len()));
        // The bytes, with the transaction and the hardware address that fit.
        let mut answer = bytes.to_vec();
        if let (Some(to), Some(from)) = (answer.get_mut(4..8), question.payload.get(4..8)) {
            to.copy_from_slice(from);
        }
        if let Some(to) = answer.get_mut(28..34) {
            to.copy_from_slice(&MAC.0);
        }
        // An acknowledgement where an offer was, and the other way round.
        if let Some(kind) = answer.get_mut(242)
            && round % 2 == 1
        {
            *kind ^= 2 ^ 5;
        }
        client.receive(now, &answer, round);
        while let Some(event) = client.next_event() {
            if let Event::Bound(lease) = event {
                assert!(lease.prefix_len <= 32 && lease.renewal <= lease.rebinding);
                let _ = lease.routes(0);
            }
        }
    }
});
