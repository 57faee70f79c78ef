//! A packet that is cut and put together again is the same packet; all pages come home.
#![no_main]

use cofferdam_fuzz::{Input, bytes, chain};
use netstack::Time;
use netstack::fragment::cut;
use netstack::reassembly::{Limits, Outcome, Reassembly};
use packet::header::Protocol;
use packet::header::ipv4::Ipv4;
use packet::header::ipv6::Ipv6;
use packet::{Batch, Pool};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (mtu, per_page, pages) =
        (input.number() % 4000, 16 + input.number() % 3000, input.number() % 500);
    let mut original = input.rest().to_vec();
    // Nearly every header is one that cannot be: mend what says how long it is.
    let len = original.len();
    if let Ok((ip, _)) = Ipv6::create(&mut original)
        && let Ok(payload) = u16::try_from(len - Ipv6::LEN)
        && ip.next_header() != Protocol::FRAGMENT
    {
        ip.set_payload_length(payload);
    }
    if original.first().is_some_and(|first| first >> 4 == 4)
        && let Some(field) = original.get_mut(2..4)
    {
        field.copy_from_slice(&(len as u16).to_be_bytes());
        if let Ok((ip, _)) = Ipv4::read_mut(&mut original) {
            ip.set_fragment_offset(0);
            ip.set_more_fragments(false);
            ip.set_identification(7);
            ip.update_checksum();
        }
    }
    let mut pool = Pool::plain(8000);
    let packet = chain(&mut pool, &original, per_page);
    let (mut free, mut out) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, pages);
    match cut(packet, mtu, 7, &mut free, &mut out) {
        Err(uncut) => {
            assert_eq!(bytes(&uncut.packet), original);
            assert_eq!((free.len(), out.len()), (pages, 0));
        }
        Ok(1) => assert_eq!(bytes(&out[0]), original),
        Ok(count) => {
            assert_eq!(count, out.len());
            let limits = Limits { pages: 8000, pages_per_source: 8000, ..Limits::default() };
            let mut reassembly = Reassembly::new(limits);
            let mut last = None;
            while let Some(fragment) = out.pop_front() {
                assert!(fragment.frame_len() <= mtu && fragment.headroom() >= 18);
                last = Some(reassembly.insert(fragment, Time::ZERO, &mut free));
            }
            match last {
                Some(Outcome::Whole(packet)) => assert_eq!(bytes(&packet), original),
                // IPv6 packets whose headers a receiver may refuse.
                Some(Outcome::Refused { .. } | Outcome::Kept) => {
                    assert_eq!(original[0] >> 4, 6);
                }
                None => unreachable!("there is at least one fragment"),
            }
        }
    }
    drop((free, out));
    assert_eq!(pool.statistics().away, 0);
});
