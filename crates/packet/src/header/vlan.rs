//! 802.1Q tags.

use super::ethernet::EtherType;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A VLAN tag, as it follows an Ethernet header whose type is [`EtherType::VLAN`].
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Vlan {
    control: U16,
    /// What follows.
    pub ethertype: EtherType,
}

super::fixed_length!(Vlan);

impl Vlan {
    /// A tag for VLAN `id` (12 bits count), of priority 0.
    pub const fn new(id: u16, ethertype: EtherType) -> Self {
        Self { control: U16::new(id & 0x0fff), ethertype }
    }

    /// Number of the VLAN: 0 is none (the tag has a priority only), 4095 is reserved.
    #[inline]
    pub const fn id(&self) -> u16 {
        self.control.get() & 0x0fff
    }

    /// Priority, 0 to 7.
    #[inline]
    pub const fn priority(&self) -> u8 {
        (self.control.get() >> 13) as u8
    }

    /// Whether the frame may be dropped before others.
    #[inline]
    pub const fn drop_eligible(&self) -> bool {
        self.control.get() & 0x1000 != 0
    }

    /// Sets the number of the VLAN; 12 bits count.
    #[inline]
    pub fn set_id(&mut self, id: u16) {
        self.control.set(self.control.get() & 0xf000 | id & 0x0fff);
    }

    /// Sets the priority; 3 bits count.
    #[inline]
    pub fn set_priority(&mut self, priority: u8) {
        self.control.set(self.control.get() & 0x1fff | u16::from(priority) << 13);
    }

    /// Says whether the frame may be dropped before others.
    #[inline]
    pub fn set_drop_eligible(&mut self, eligible: bool) {
        self.control.set(self.control.get() & 0xefff | u16::from(eligible) << 12);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::Malformed;

    #[test]
    fn a_tag_with_everything_set() {
        let mut bytes = [0b1011_0000, 0x2a, 0x86, 0xdd, 0x60];
        let (vlan, rest) = Vlan::read(&bytes).unwrap();
        assert_eq!((vlan.id(), vlan.priority(), vlan.drop_eligible()), (42, 5, true));
        assert_eq!(vlan.ethertype, EtherType::IPV6);
        assert_eq!(rest, [0x60]);
        let (vlan, _) = Vlan::read_mut(&mut bytes).unwrap();
        vlan.set_id(0xf123);
        vlan.set_priority(2);
        vlan.set_drop_eligible(false);
        assert_eq!(bytes[..2], [0b0100_0001, 0x23]);
        assert_eq!(Vlan::new(0x123, EtherType::IPV4).as_bytes(), [1, 0x23, 8, 0]);
        assert_eq!(Vlan::read(&bytes[..3]), Err(Malformed::Truncated));
    }
}
