//! Sums over chains however they are cut, and updates, equal the definition.
#![no_main]

use cofferdam_fuzz::{Input, bytes, chain, checksum};
use packet::checksum::{Sum, complete, updated};
use packet::{Checksum, Pool};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let (per_page, from, len) = (1 + input.number() % 400, input.number(), input.number());
    let (start, offset) = (input.number() as u16, input.number() as u16);
    let content = &input.rest()[..];
    let content = &content[..content.len().min(4000)];
    let mut pool = Pool::plain(4001);
    let mut packet = chain(&mut pool, content, per_page);

    let part = content.get(from..).unwrap_or_default();
    let mut sum = Sum::new();
    assert_eq!(sum.add_chain(&packet, from, len), len <= part.len());
    assert_eq!(sum.checksum(), checksum(&part[..len.min(part.len())]));

    packet.offload_mut().checksum = Checksum::Partial { start, offset };
    let (start, offset) = (usize::from(start), usize::from(offset));
    let fits = start + offset + 2 <= content.len();
    assert_eq!(complete(&mut packet).is_ok(), fits);
    let mut expected = content.to_vec();
    if fits {
        let right = match checksum(&content[start..]) {
            0 => 0xffff,
            right => right,
        };
        expected[start + offset..start + offset + 2].copy_from_slice(&right.to_be_bytes());
    }
    assert_eq!(bytes(&packet), expected);

    if let Some((old, rest)) = content.split_first_chunk::<4>()
        && rest.iter().any(|&byte| byte != 0)
        && let Some(new) = rest.first_chunk::<4>()
    {
        let before = checksum(content);
        let replaced = [&new[..], rest].concat();
        let (old, new) = (u32::from_be_bytes(*old), u32::from_be_bytes(*new));
        assert_eq!(updated(before, old, new), checksum(&replaced));
    }
});
