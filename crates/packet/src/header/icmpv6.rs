//! ICMP for IPv6; what neighbours say to each other is in [`super::ndp`].

use super::Malformed;
use super::icmpv4::{Echo, TimeExceeded};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The eight bytes that every ICMPv6 message begins with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Icmpv6 {
    kind: u8,
    code: u8,
    checksum: U16,
    rest: [u8; 4],
}

super::fixed_length!(Icmpv6);

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The quoted packet could not be delivered.
    Unreachable(Unreachable),
    /// The quoted packet does not fit through.
    PacketTooBig {
        /// What fits through.
        mtu: u32,
    },
    /// The quoted packet lived too long.
    TimeExceeded(TimeExceeded),
    /// The quoted packet is wrong.
    ParameterProblem {
        /// In which way.
        code: ParameterProblem,
        /// Which byte of the quoted packet is wrong.
        pointer: u32,
    },
    /// Please answer.
    EchoRequest(Echo),
    /// The answer to an echo request.
    EchoReply(Echo),
    /// Any other.
    Other {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
        /// The four bytes behind the checksum.
        rest: [u8; 4],
    },
}

/// Why a packet could not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unreachable(pub u8);

impl Unreachable {
    /// No route.
    pub const NO_ROUTE: Self = Self(0);
    /// A filter forbids it.
    pub const PROHIBITED: Self = Self(1);
    /// The source address means nothing there.
    pub const BEYOND_SCOPE: Self = Self(2);
    /// The host does not answer.
    pub const ADDRESS: Self = Self(3);
    /// Nobody is bound to the port.
    pub const PORT: Self = Self(4);
    /// A filter forbids the source address.
    pub const SOURCE_PROHIBITED: Self = Self(5);
    /// The route leads nowhere.
    pub const REJECTED: Self = Self(6);
}

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParameterProblem(pub u8);

impl ParameterProblem {
    /// A field.
    pub const FIELD: Self = Self(0);
    /// A next header nobody here knows.
    pub const NEXT_HEADER: Self = Self(1);
    /// An option nobody here knows.
    pub const OPTION: Self = Self(2);
    /// The first fragment does not hold all headers (RFC 7112).
    pub const INCOMPLETE_CHAIN: Self = Self(3);
}

const UNREACHABLE: u8 = 1;
const PACKET_TOO_BIG: u8 = 2;
const TIME_EXCEEDED: u8 = 3;
const PARAMETER_PROBLEM: u8 = 4;
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;

impl Icmpv6 {
    /// The beginning of a message; its checksum is still to be set.
    pub fn new(message: Message) -> Self {
        let mut icmp = Self { kind: 0, code: 0, checksum: U16::ZERO, rest: [0; 4] };
        icmp.set_message(message);
        icmp
    }

    /// Its type.
    #[inline]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// Its code.
    #[inline]
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// The checksum of the whole message and its pseudo header.
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Sets its type.
    #[inline]
    pub fn set_kind(&mut self, kind: u8) {
        self.kind = kind;
    }

    /// Sets its code.
    #[inline]
    pub fn set_code(&mut self, code: u8) {
        self.code = code;
    }

    /// Sets the checksum to a known value.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Whether it is about a packet that it quotes. Nobody may answer such a one, known or
    /// unknown, with another.
    #[inline]
    pub const fn is_error(&self) -> bool {
        self.kind < 128
    }

    /// What must hold of a message between neighbours: its type, and code 0.
    pub(super) fn check(self, kind: u8) -> Result<(), Malformed> {
        if (self.kind, self.code) == (kind, 0) { Ok(()) } else { Err(Malformed::Field) }
    }

    /// The four bytes behind the checksum, which each type uses in its own way.
    #[inline]
    pub const fn rest(&self) -> [u8; 4] {
        self.rest
    }

    /// The four bytes behind the checksum, to write.
    #[inline]
    pub fn rest_mut(&mut self) -> &mut [u8; 4] {
        &mut self.rest
    }

    /// What it says.
    pub fn message(&self) -> Message {
        let (code, rest) = (self.code, self.rest);
        match self.kind {
            UNREACHABLE => Message::Unreachable(Unreachable(code)),
            PACKET_TOO_BIG => Message::PacketTooBig { mtu: u32::from_be_bytes(rest) },
            TIME_EXCEEDED => Message::TimeExceeded(TimeExceeded(code)),
            PARAMETER_PROBLEM => Message::ParameterProblem {
                code: ParameterProblem(code),
                pointer: u32::from_be_bytes(rest),
            },
            ECHO_REQUEST => Message::EchoRequest(Echo::from_rest(rest)),
            ECHO_REPLY => Message::EchoReply(Echo::from_rest(rest)),
            kind => Message::Other { kind, code, rest },
        }
    }

    /// Sets what it says. The checksum is not right any more.
    pub fn set_message(&mut self, message: Message) {
        (self.kind, self.code, self.rest) = match message {
            Message::Unreachable(code) => (UNREACHABLE, code.0, [0; 4]),
            Message::PacketTooBig { mtu } => (PACKET_TOO_BIG, 0, mtu.to_be_bytes()),
            Message::TimeExceeded(code) => (TIME_EXCEEDED, code.0, [0; 4]),
            Message::ParameterProblem { code, pointer } => {
                (PARAMETER_PROBLEM, code.0, pointer.to_be_bytes())
            }
            Message::EchoRequest(echo) => (ECHO_REQUEST, 0, echo.to_rest()),
            Message::EchoReply(echo) => (ECHO_REPLY, 0, echo.to_rest()),
            Message::Other { kind, code, rest } => (kind, code, rest),
        };
    }

    /// Turns an echo request into the reply, in place; its checksum, if it was right, stays right.
    #[inline]
    pub fn answer_echo(&mut self) {
        self.checksum.set(crate::checksum::updated(
            self.checksum.get(),
            u16::from(self.kind) << 8 | u16::from(self.code),
            u16::from(ECHO_REPLY) << 8,
        ));
        (self.kind, self.code) = (ECHO_REPLY, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv6Addr;

    #[test]
    fn an_echo_request_of_linux_and_our_answer() {
        let (source, destination): (Ipv6Addr, Ipv6Addr) =
            ("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let mut bytes = *b"\x80\x00\x00\x00\x12\x34\x00\x01data";
        let pseudo = crate::checksum::Sum::pseudo_v6(
            source,
            destination,
            crate::header::Protocol::ICMPV6,
            bytes.len(),
        );
        let sum = pseudo.and(crate::checksum::Sum::of(&bytes)).checksum();
        let (icmp, _) = Icmpv6::read_mut(&mut bytes).unwrap();
        icmp.set_checksum(sum);
        icmp.answer_echo();
        assert_eq!(icmp.message(), Message::EchoReply(Echo { identifier: 0x1234, sequence: 1 }));
        assert!(pseudo.and(crate::checksum::Sum::of(&bytes)).is_right());
    }

    #[test]
    fn every_message_comes_back() {
        let echo = Echo { identifier: 1, sequence: 2 };
        for (message, error) in [
            (Message::Unreachable(Unreachable::PORT), true),
            (Message::PacketTooBig { mtu: 1280 }, true),
            (Message::TimeExceeded(TimeExceeded::HOPS), true),
            (Message::ParameterProblem { code: ParameterProblem::OPTION, pointer: 42 }, true),
            (Message::EchoReply(echo), false),
            (Message::EchoRequest(echo), false),
            (Message::Other { kind: 143, code: 0, rest: [0, 0, 0, 1] }, false),
            (Message::Other { kind: 100, code: 0, rest: [0; 4] }, true),
        ] {
            let icmp = Icmpv6::new(message);
            assert_eq!(icmp.message(), message);
            assert_eq!(icmp.is_error(), error);
        }
        assert_eq!(Icmpv6::new(Message::PacketTooBig { mtu: 1280 }).as_bytes()[4..], [0, 0, 5, 0]);
    }
}
