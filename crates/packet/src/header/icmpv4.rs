//! ICMP for IPv4.

use crate::checksum::Sum;
use core::net::Ipv4Addr;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The eight bytes that every ICMP message begins with.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Icmpv4 {
    kind: u8,
    code: u8,
    checksum: U16,
    rest: [u8; 4],
}

super::fixed_length!(Icmpv4);

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// The answer to an echo request.
    EchoReply(Echo),
    /// The quoted packet could not be delivered.
    Unreachable {
        /// Why.
        code: Unreachable,
        /// With [`Unreachable::FRAGMENTATION_NEEDED`]: what fits through; 0 if the router is too
        /// old to say (RFC 1191).
        mtu: u16,
    },
    /// Packets like the quoted one should go by another router.
    Redirect {
        /// 0 network, 1 host, 2 and 3 likewise for one type of service.
        code: u8,
        /// The better router.
        gateway: Ipv4Addr,
    },
    /// Please answer.
    EchoRequest(Echo),
    /// The quoted packet lived too long.
    TimeExceeded(TimeExceeded),
    /// The quoted packet is wrong.
    ParameterProblem {
        /// 0: at the pointer; 1: an option is missing; 2: bad length.
        code: u8,
        /// Which byte of the quoted packet is wrong.
        pointer: u8,
    },
    /// Please say what time it is.
    TimestampRequest(Echo),
    /// The time.
    TimestampReply(Echo),
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

/// By what an answer finds its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Echo {
    /// Of the one who asks.
    pub identifier: u16,
    /// Of the question.
    pub sequence: u16,
}

/// Why a packet could not be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unreachable(pub u8);

impl Unreachable {
    /// No route to the network.
    pub const NETWORK: Self = Self(0);
    /// The host does not answer.
    pub const HOST: Self = Self(1);
    /// The host does not speak the protocol.
    pub const PROTOCOL: Self = Self(2);
    /// Nobody is bound to the port.
    pub const PORT: Self = Self(3);
    /// It is too large and may not be fragmented.
    pub const FRAGMENTATION_NEEDED: Self = Self(4);
    /// The prescribed route does not exist.
    pub const SOURCE_ROUTE_FAILED: Self = Self(5);
    /// The network is not known.
    pub const NETWORK_UNKNOWN: Self = Self(6);
    /// The host is not known.
    pub const HOST_UNKNOWN: Self = Self(7);
    /// The network is forbidden.
    pub const NETWORK_PROHIBITED: Self = Self(9);
    /// The host is forbidden.
    pub const HOST_PROHIBITED: Self = Self(10);
    /// A filter forbids it.
    pub const PROHIBITED: Self = Self(13);
}

/// Which time was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeExceeded(pub u8);

impl TimeExceeded {
    /// Its hops were used up.
    pub const HOPS: Self = Self(0);
    /// Not all of its fragments came.
    pub const REASSEMBLY: Self = Self(1);
}

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const REDIRECT: u8 = 5;
const ECHO_REQUEST: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
const TIMESTAMP_REQUEST: u8 = 13;
const TIMESTAMP_REPLY: u8 = 14;

impl Echo {
    pub(super) fn from_rest([a, b, c, d]: [u8; 4]) -> Self {
        Self { identifier: u16::from_be_bytes([a, b]), sequence: u16::from_be_bytes([c, d]) }
    }

    pub(super) fn to_rest(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (self.identifier.to_be_bytes(), self.sequence.to_be_bytes());
        [a, b, c, d]
    }
}

impl Icmpv4 {
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

    /// The checksum of the whole message.
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

    /// Whether it is about a packet that it quotes. Nobody may answer such a one with another.
    #[inline]
    pub const fn is_error(&self) -> bool {
        matches!(
            self.kind,
            UNREACHABLE | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM
        )
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
            ECHO_REPLY => Message::EchoReply(Echo::from_rest(rest)),
            UNREACHABLE => Message::Unreachable {
                code: Unreachable(code),
                mtu: u16::from_be_bytes([rest[2], rest[3]]),
            },
            REDIRECT => Message::Redirect { code, gateway: rest.into() },
            ECHO_REQUEST => Message::EchoRequest(Echo::from_rest(rest)),
            TIME_EXCEEDED => Message::TimeExceeded(TimeExceeded(code)),
            PARAMETER_PROBLEM => Message::ParameterProblem { code, pointer: rest[0] },
            TIMESTAMP_REQUEST => Message::TimestampRequest(Echo::from_rest(rest)),
            TIMESTAMP_REPLY => Message::TimestampReply(Echo::from_rest(rest)),
            kind => Message::Other { kind, code, rest },
        }
    }

    /// Sets what it says. The checksum is not right any more.
    pub fn set_message(&mut self, message: Message) {
        (self.kind, self.code, self.rest) = match message {
            Message::EchoReply(echo) => (ECHO_REPLY, 0, echo.to_rest()),
            Message::Unreachable { code, mtu } => {
                let [high, low] = mtu.to_be_bytes();
                (UNREACHABLE, code.0, [0, 0, high, low])
            }
            Message::Redirect { code, gateway } => (REDIRECT, code, gateway.octets()),
            Message::EchoRequest(echo) => (ECHO_REQUEST, 0, echo.to_rest()),
            Message::TimeExceeded(code) => (TIME_EXCEEDED, code.0, [0; 4]),
            Message::ParameterProblem { code, pointer } => {
                (PARAMETER_PROBLEM, code, [pointer, 0, 0, 0])
            }
            Message::TimestampRequest(echo) => (TIMESTAMP_REQUEST, 0, echo.to_rest()),
            Message::TimestampReply(echo) => (TIMESTAMP_REPLY, 0, echo.to_rest()),
            Message::Other { kind, code, rest } => (kind, code, rest),
        };
    }

    /// Turns an echo request into the reply, in place; its checksum, if it was right, stays right.
    #[inline]
    pub fn answer_echo(&mut self) {
        let checksum = crate::checksum::updated(
            self.checksum.get(),
            u16::from(self.kind) << 8 | u16::from(self.code),
            u16::from(ECHO_REPLY) << 8,
        );
        // A reply of nothing but zeros has the checksum 0xffff, which a step from the request's
        // cannot tell from 0; to whoever sums it up it is right in place of 0 as well.
        self.checksum.set(if checksum == 0 { 0xffff } else { checksum });
        (self.kind, self.code) = (ECHO_REPLY, 0);
    }

    /// Whether the checksum of `message`, header and all, is right.
    pub fn has_right_checksum(message: &[u8]) -> bool {
        Sum::of(message).is_right()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_router_says_that_a_packet_is_too_large() {
        let bytes = [3, 4, 0xf6, 0x9b, 0, 0, 0x05, 0x14];
        let (icmp, _) = Icmpv4::read(&bytes).unwrap();
        let message = Message::Unreachable { code: Unreachable::FRAGMENTATION_NEEDED, mtu: 1300 };
        assert_eq!(icmp.message(), message);
        assert!(icmp.is_error());
        let mut new = Icmpv4::new(message);
        new.set_checksum(0xf69b);
        assert_eq!(new.as_bytes(), bytes);
    }

    #[test]
    fn an_answer_keeps_the_checksum_right() {
        let mut bytes = *b"\x08\x00\x00\x00\x12\x34\x00\x01data";
        let sum = Sum::of(&bytes).checksum();
        let (icmp, _) = Icmpv4::read_mut(&mut bytes).unwrap();
        assert!(!icmp.is_error());
        icmp.set_checksum(sum);
        assert_eq!(icmp.checksum(), sum);
        icmp.answer_echo();
        let echo = Echo { identifier: 0x1234, sequence: 1 };
        assert_eq!(icmp.message(), Message::EchoReply(echo));
        assert!(Icmpv4::has_right_checksum(&bytes));
    }

    #[test]
    fn an_answer_of_nothing_but_zeros_has_a_checksum() {
        for payload in [[0, 0], [0xff, 0xff]] {
            let mut bytes = [8, 0, 0, 0, 0, 0, 0, 0, payload[0], payload[1]];
            let sum = Sum::of(&bytes).checksum();
            let (icmp, _) = Icmpv4::read_mut(&mut bytes).unwrap();
            icmp.set_checksum(sum);
            icmp.answer_echo();
            assert!(Icmpv4::has_right_checksum(&bytes));
        }
    }

    #[test]
    fn every_message_comes_back() {
        let echo = Echo { identifier: 1, sequence: 2 };
        for message in [
            Message::EchoReply(echo),
            Message::EchoRequest(echo),
            Message::TimestampRequest(echo),
            Message::TimestampReply(echo),
            Message::Unreachable { code: Unreachable::PORT, mtu: 0 },
            Message::Redirect { code: 1, gateway: Ipv4Addr::new(10, 0, 0, 1) },
            Message::TimeExceeded(TimeExceeded::REASSEMBLY),
            Message::ParameterProblem { code: 0, pointer: 9 },
            Message::Other { kind: 42, code: 1, rest: [1, 2, 3, 4] },
        ] {
            assert_eq!(Icmpv4::new(message).message(), message);
        }
    }
}
