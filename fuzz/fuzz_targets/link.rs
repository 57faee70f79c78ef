//! Ethernet, VLAN tags and ARP: what is written back is what was read.
#![no_main]

use packet::header::arp::Arp;
use packet::header::ethernet::{EtherType, Ethernet};
use packet::header::vlan::Vlan;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut copy = bytes.to_vec();
    let Ok((ethernet, mut rest)) = Ethernet::read_mut(&mut copy) else {
        assert!(bytes.len() < Ethernet::LEN);
        return;
    };
    let mut kind = ethernet.ethertype;
    ethernet.flip();
    ethernet.flip();
    while kind == EtherType::VLAN {
        let Ok((vlan, behind)) = Vlan::read_mut(core::mem::take(&mut rest)) else { break };
        let (id, priority, eligible) = (vlan.id(), vlan.priority(), vlan.drop_eligible());
        assert!(id < 4096 && priority < 8);
        *vlan = Vlan::new(id, vlan.ethertype);
        vlan.set_priority(priority);
        vlan.set_drop_eligible(eligible);
        (kind, rest) = (vlan.ethertype, behind);
    }
    if kind == EtherType::ARP
        && let Ok((arp, _)) = Arp::read_mut(rest)
    {
        let (sender, target) = (arp.sender(), arp.target());
        let operation = arp.operation;
        *arp = Arp::new(operation, (arp.sender_mac, sender), (arp.target_mac, target));
        let before = *arp;
        arp.answer(before.target_mac);
        assert_eq!(
            (arp.sender(), arp.target(), arp.target_mac),
            (target, sender, before.sender_mac)
        );
        *arp = before;
    }
    assert_eq!(copy, bytes);
});
