//! The half of an address that names the interface.

use core::net::Ipv6Addr;
use packet::header::ethernet::Mac;
use siphasher::sip::SipHasher24;

/// How the interface's half of an address is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// From the hardware address (RFC 4291): the same in every network, so the host can be
    /// followed from one to the next.
    Eui64,
    /// From a secret (RFC 7217): the same in this network at all times, another in every other.
    Stable {
        /// A random key that the host keeps for good.
        secret: [u64; 2],
    },
}

/// What stands before it in a link-local address.
pub(super) const LINK_LOCAL: u64 = 0xfe80 << 48;

impl Identifier {
    /// The address of the interface in a network of 64 bits, after `duplicates` others were found
    /// to be taken. `None` if there is no other.
    pub fn address(self, network: u64, mac: Mac, duplicates: u8) -> Option<Ipv6Addr> {
        let own = match self {
            Self::Eui64 if duplicates > 0 => return None,
            Self::Eui64 => eui64(mac),
            Self::Stable { secret } => stable(secret, network, mac, duplicates),
        };
        Some(Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(own)))
    }
}

fn eui64(mac: Mac) -> u64 {
    let [b0, b1, b2, b3, b4, b5] = mac.0;
    // The bit that tells a universal address from a local one is the other way round here.
    u64::from_be_bytes([b0 ^ 2, b1, b2, 0xff, 0xfe, b3, b4, b5])
}

fn stable(secret: [u64; 2], network: u64, mac: Mac, duplicates: u8) -> u64 {
    let hasher = SipHasher24::new_with_keys(secret[0], secret[1]);
    let mut bytes = [0; 16];
    let fields = network.to_be_bytes().into_iter().chain(mac.0).chain([duplicates, 0]);
    for (to, field) in bytes.iter_mut().zip(fields) {
        *to = field;
    }
    let mut own = hasher.hash(&bytes);
    // Reserved ones are passed over; that they come twice in a row is beyond all odds.
    for again in 1..=3 {
        if !is_reserved(own) {
            break;
        }
        bytes[15] = again;
        own = hasher.hash(&bytes);
    }
    own
}

/// Identifiers that mean something of their own (RFC 5453).
fn is_reserved(identifier: u64) -> bool {
    identifier == 0
        || identifier >> 24 == 0x02_00_5e_ff_fe
        || (0xfdff_ffff_ffff_ff80..=0xfdff_ffff_ffff_ffff).contains(&identifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);

    #[test]
    fn from_the_hardware_address_as_in_rfc_4291() {
        let address = Identifier::Eui64.address(LINK_LOCAL, MAC, 0).unwrap();
        assert_eq!(address, "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap());
        assert_eq!(Identifier::Eui64.address(LINK_LOCAL, MAC, 1), None);
    }

    #[test]
    fn from_a_secret_it_is_stable_and_tells_nothing() {
        let stable = Identifier::Stable { secret: [1, 2] };
        let other = Identifier::Stable { secret: [1, 3] };
        let home = stable.address(1, MAC, 0).unwrap();
        assert_eq!(stable.address(1, MAC, 0), Some(home));
        let half = |address: Ipv6Addr| address.to_bits() as u64;
        assert_ne!(half(home), half(stable.address(2, MAC, 0).unwrap()));
        assert_ne!(half(home), half(stable.address(1, MAC, 1).unwrap()));
        assert_ne!(half(home), half(other.address(1, MAC, 0).unwrap()));
        assert_ne!(half(home), eui64(MAC));
    }

    #[test]
    fn reserved_ones() {
        assert!(is_reserved(0));
        assert!(is_reserved(0x0200_5eff_fe00_5213));
        assert!(is_reserved(0xfdff_ffff_ffff_ff80));
        assert!(!is_reserved(0xfdff_ffff_ffff_ff7f));
    }
}
