//! The walk along extension headers.

use super::{Fragment, Options, Routing, Unknown};
use crate::header::ipv6::Ipv6;
use crate::header::{Malformed, Protocol};

/// Most extension headers in one packet. RFC 8504 lets a host set such a bound; no packet in
/// honest use has more than four.
const MOST: usize = 8;

/// What a packet carries behind its extension headers.
///
/// Offsets count from the first byte of the IPv6 header, as the pointer of a parameter problem
/// does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upper {
    /// Which protocol. Nobody said yet that it is known: who does not know it answers with a
    /// parameter problem, code 1, that points at `pointer`.
    pub protocol: Protocol,
    /// Where it begins.
    pub offset: usize,
    /// Where its number lies.
    pub pointer: usize,
    /// The fragment header on the way, and where it begins. Unless it is atomic the walk ended
    /// behind it, since what follows may be the middle of anything: reassemble, then walk again.
    pub fragment: core::option::Option<(Fragment, usize)>,
    /// Where the fragment header's own number lies; 0 if there is none.
    pub fragment_pointer: usize,
}

/// Why a packet must not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Drop it.
    Drop(Malformed),
    /// Drop it and send a parameter problem.
    Complain {
        /// Code of the parameter problem.
        code: u8,
        /// What it points at.
        pointer: u32,
        /// Whether it is sent even if the packet went to a multicast address.
        even_multicast: bool,
    },
}

impl From<Malformed> for Blocked {
    fn from(malformed: Malformed) -> Self {
        Self::Drop(malformed)
    }
}

/// Walks along the extension headers of `packet`, which begins with an IPv6 header, and does what
/// RFC 8200 asks a destination to do with each.
#[inline]
pub fn upper(packet: &[u8]) -> Result<Upper, Blocked> {
    let (ip, rest) = Ipv6::read_quoted(packet)?;
    let first = Upper {
        protocol: ip.next_header(),
        offset: Ipv6::LEN,
        pointer: Ipv6::NEXT_HEADER_OFFSET,
        fragment: None,
        fragment_pointer: 0,
    };
    if matches!(first.protocol, Protocol::UDP | Protocol::TCP | Protocol::ICMPV6) {
        return Ok(first);
    }
    walk(first, rest)
}

/// Goes on behind the fragment header at which [`upper`] ended: right for a first fragment only,
/// which must hold all headers (RFC 7112).
pub fn upper_of_first(packet: &[u8], at: Upper) -> Result<Upper, Blocked> {
    walk(at, packet.get(at.offset..).unwrap_or_default())
}

fn walk(mut at: Upper, mut rest: &[u8]) -> Result<Upper, Blocked> {
    for _ in 0..MOST {
        let header = match at.protocol {
            // It may only come first.
            Protocol::HOP_BY_HOP if at.offset != Ipv6::LEN => {
                return Err(complain(1, at.pointer, true));
            }
            Protocol::HOP_BY_HOP | Protocol::DESTINATION_OPTIONS => {
                let header = whole(rest)?;
                check_options(header, at.offset)?;
                header
            }
            Protocol::ROUTING => {
                let header = whole(rest)?;
                let (routing, _) = Routing::read(header)?;
                if routing.segments_left() != 0 {
                    return Err(complain(0, at.offset + Routing::KIND_OFFSET, true));
                }
                header
            }
            Protocol::FRAGMENT => {
                let (fragment, behind) = Fragment::read(rest)?;
                if at.fragment.is_some() {
                    return Err(Blocked::Drop(Malformed::Field));
                }
                at = Upper {
                    protocol: fragment.next_header(),
                    offset: at.offset + Fragment::LEN,
                    pointer: at.offset,
                    fragment: Some((*fragment, at.offset)),
                    fragment_pointer: at.pointer,
                };
                if !fragment.is_atomic() {
                    return Ok(at);
                }
                rest = behind;
                continue;
            }
            _ => return Ok(at),
        };
        at.protocol = header.first().map_or(Protocol::NO_NEXT, |&number| Protocol(number));
        at.pointer = at.offset;
        at.offset += header.len();
        rest = rest.get(header.len()..).unwrap_or_default();
    }
    Err(Blocked::Drop(Malformed::Field))
}

/// A header with the length field that all extension headers but the fragment header have.
fn whole(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let &[_, length, ..] = bytes else { return Err(Malformed::Truncated) };
    bytes.get(..(usize::from(length) + 1) * 8).ok_or(Malformed::Truncated)
}

fn check_options(header: &[u8], offset: usize) -> Result<(), Blocked> {
    for option in Options::new(header) {
        let option = option?;
        // A router alert is for routers; jumbograms are longer than any chain here.
        if option.kind == super::Option::ROUTER_ALERT {
            continue;
        }
        match option.if_unknown() {
            Unknown::Skip => {}
            Unknown::Drop => return Err(Blocked::Drop(Malformed::Field)),
            unknown => {
                let even_multicast = unknown == Unknown::Complain;
                return Err(complain(2, offset + option.offset, even_multicast));
            }
        }
    }
    Ok(())
}

fn complain(code: u8, pointer: usize, even_multicast: bool) -> Blocked {
    Blocked::Complain { code, pointer: pointer as u32, even_multicast }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::Ipv6Addr;
    use zerocopy::IntoBytes;

    /// An IPv6 packet with `parts` behind its header.
    fn packet(first: Protocol, parts: &[&[u8]]) -> Vec<u8> {
        let payload = parts.concat();
        let ip = Ipv6::new(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, first, payload.len() as u16);
        [ip.as_bytes(), &payload].concat()
    }

    const UDP: [u8; 8] = [0, 1, 0, 2, 0, 8, 0, 0];

    #[test]
    fn straight_to_what_it_carries() {
        let at = upper(&packet(Protocol::UDP, &[&UDP])).unwrap();
        assert_eq!((at.protocol, at.offset, at.pointer), (Protocol::UDP, 40, 6));
        let at = upper(&packet(Protocol(200), &[&UDP])).unwrap();
        assert_eq!((at.protocol, at.offset, at.pointer), (Protocol(200), 40, 6));
        assert_eq!(upper(&[0x60; 39]), Err(Blocked::Drop(Malformed::Truncated)));
    }

    #[test]
    fn past_all_kinds() {
        let bytes = packet(
            Protocol::HOP_BY_HOP,
            &[
                &[60, 0, 5, 2, 0, 0, 1, 0],
                &[43, 0, 1, 4, 0, 0, 0, 0],
                &[44, 0, 3, 0, 0, 0, 0, 0],
                &[17, 0, 0, 0, 1, 2, 3, 4],
                &UDP,
            ],
        );
        let at = upper(&bytes).unwrap();
        assert_eq!((at.protocol, at.offset, at.pointer), (Protocol::UDP, 72, 64));
        let (fragment, offset) = at.fragment.unwrap();
        assert!(fragment.is_atomic() && !fragment.more_fragments());
        assert_eq!((offset, fragment.identification(), fragment.offset()), (64, 0x0102_0304, 0));
    }

    #[test]
    fn a_fragment_ends_it() {
        let parts: [&[u8]; 3] = [&[60, 0, 0, 1, 0, 0, 0, 9], &[17, 0, 1, 4, 0, 0, 0, 0], &UDP];
        let bytes = packet(Protocol::FRAGMENT, &parts);
        let at = upper(&bytes).unwrap();
        assert_eq!((at.protocol, at.offset, at.pointer), (Protocol::DESTINATION_OPTIONS, 48, 40));
        assert!(!at.fragment.unwrap().0.is_atomic());
        assert_eq!(at.fragment_pointer, 6);
        let at = upper_of_first(&bytes, at).unwrap();
        assert_eq!((at.protocol, at.offset, at.pointer), (Protocol::UDP, 56, 48));
        let twice = packet(Protocol::FRAGMENT, &[&[44, 0, 0, 0, 0, 0, 0, 9], &UDP, &UDP]);
        assert_eq!(upper(&twice), Err(Blocked::Drop(Malformed::Field)));
    }

    #[test]
    fn what_rfc_8200_wants_done() {
        let complaint = |code, pointer, even_multicast| {
            Err(Blocked::Complain { code, pointer, even_multicast })
        };
        let options = |kind| packet(Protocol::HOP_BY_HOP, &[&[17, 0, kind, 4, 0, 0, 0, 0], &UDP]);
        assert!(upper(&options(0x3e)).is_ok());
        assert_eq!(upper(&options(0x7e)), Err(Blocked::Drop(Malformed::Field)));
        assert_eq!(upper(&options(0xbe)), complaint(2, 42, true));
        assert_eq!(upper(&options(0xfe)), complaint(2, 42, false));
        let late = packet(
            Protocol::DESTINATION_OPTIONS,
            &[&[0, 0, 1, 4, 0, 0, 0, 0], &[17, 0, 1, 4, 0, 0, 0, 0], &UDP],
        );
        assert_eq!(upper(&late), complaint(1, 40, true));
        let routed = packet(Protocol::ROUTING, &[&[17, 0, 0, 1, 0, 0, 0, 0], &UDP]);
        assert_eq!(upper(&routed), complaint(0, 42, true));
    }

    #[test]
    fn lengths_and_counts_have_bounds() {
        let short = packet(Protocol::DESTINATION_OPTIONS, &[&[17, 1, 1, 4, 0, 0, 0, 0]]);
        assert_eq!(upper(&short), Err(Blocked::Drop(Malformed::Truncated)));
        let bogus = packet(Protocol::DESTINATION_OPTIONS, &[&[17, 0, 1, 5, 0, 0, 0, 0]]);
        assert_eq!(upper(&bogus), Err(Blocked::Drop(Malformed::Length)));
        let one: &[u8] = &[60, 0, 1, 4, 0, 0, 0, 0];
        let chain = packet(Protocol::DESTINATION_OPTIONS, &[one; 9]);
        assert_eq!(upper(&chain), Err(Blocked::Drop(Malformed::Field)));
    }
}
