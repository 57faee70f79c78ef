//! What we say to servers.

use super::client::Identity;
use super::{COOKIE, option};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Who has an address? Perhaps this one.
    Discover(Option<Ipv4Addr>),
    /// May I have this one, that you offered?
    Select { server: Ipv4Addr, address: Ipv4Addr },
    /// Is this one, which I had before, still mine?
    Reboot(Ipv4Addr),
    /// May I keep the one I have?
    Extend(Ipv4Addr),
    /// Somebody else has this one.
    Decline { server: Ipv4Addr, address: Ipv4Addr },
    /// I need it no more.
    Release { server: Ipv4Addr, address: Ipv4Addr },
}

/// What a server may tell us, in the order of importance; classless routes must come first.
const PARAMETERS: [u8; 9] = [
    option::MASK,
    option::CLASSLESS_ROUTES,
    option::ROUTERS,
    option::DNS,
    option::DOMAIN,
    option::MTU,
    option::LEASE_TIME,
    option::RENEWAL_TIME,
    option::REBINDING_TIME,
];

/// Old relays drop what is shorter.
const SHORTEST: usize = 300;

/// The longest message that we want: what fits into an unfragmented datagram.
const LONGEST: u16 = 1472;

struct Message(Vec<u8>);

impl Message {
    fn option(&mut self, code: u8, value: &[u8]) {
        let len = value.len().min(255);
        self.0.extend([code, len as u8]);
        self.0.extend(value.iter().take(len));
    }
}

impl Question {
    fn message_type(self) -> u8 {
        match self {
            Self::Discover(_) => 1,
            Self::Select { .. } | Self::Reboot(_) | Self::Extend(_) => 3,
            Self::Decline { .. } => 4,
            Self::Release { .. } => 7,
        }
    }

    /// The address that we have and can be reached at.
    fn own(self) -> Ipv4Addr {
        match self {
            Self::Extend(address) | Self::Release { address, .. } => address,
            _ => Ipv4Addr::UNSPECIFIED,
        }
    }

    /// The message, `seconds` after we began to ask.
    pub(super) fn write(self, identity: &Identity, transaction: u32, seconds: u16) -> Vec<u8> {
        let mac = identity.mac.0;
        let mut message = Message(Vec::with_capacity(SHORTEST + 64));
        let wants_answer = !matches!(self, Self::Decline { .. } | Self::Release { .. });
        // Without an address we can only be reached by broadcast.
        let broadcast = wants_answer && self.own().is_unspecified();
        message.0.extend([1, 1, 6, 0]);
        message.0.extend(transaction.to_be_bytes());
        message.0.extend(seconds.to_be_bytes());
        message.0.extend([if broadcast { 0x80 } else { 0 }, 0]);
        message.0.extend(self.own().octets());
        // What the server fills in, and the rest of the hardware address, and names.
        message.0.resize(28, 0);
        message.0.extend(mac);
        message.0.resize(236, 0);
        message.0.extend(COOKIE);
        message.option(option::MESSAGE_TYPE, &[self.message_type()]);
        let [m0, m1, m2, m3, m4, m5] = mac;
        message.option(option::CLIENT, &[1, m0, m1, m2, m3, m4, m5]);
        match self {
            Self::Discover(Some(address)) | Self::Reboot(address) => {
                message.option(option::REQUESTED_ADDRESS, &address.octets());
            }
            Self::Select { server, address } | Self::Decline { server, address } => {
                message.option(option::REQUESTED_ADDRESS, &address.octets());
                message.option(option::SERVER, &server.octets());
            }
            Self::Release { server, .. } => message.option(option::SERVER, &server.octets()),
            Self::Discover(None) | Self::Extend(_) => {}
        }
        if wants_answer {
            if let Some(name) = &identity.host_name {
                message.option(option::HOST_NAME, name.as_bytes());
            }
            message.option(option::LONGEST_MESSAGE, &LONGEST.to_be_bytes());
            message.option(option::PARAMETERS, &PARAMETERS);
        }
        message.0.push(255);
        let len = message.0.len().max(SHORTEST);
        message.0.resize(len, 0);
        message.0
    }
}
