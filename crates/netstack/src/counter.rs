//! Counts of what happened, and one for every reason a packet can be dropped.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason { $($(#[$doc])* $name,)* }

        impl DropReason {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// How people call it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    /// Shorter than an Ethernet header.
    EthernetTruncated = "ethernet: truncated",
    /// Sent to a hardware address that is neither ours nor of a group we are in.
    EthernetNotOurs = "ethernet: for somebody else",
    /// It claims to come from our own hardware address, or from a group.
    EthernetFromUs = "ethernet: from ourselves",
    /// Neither IP nor ARP.
    EthernetUnknown = "ethernet: unknown protocol",
    /// Tagged for another VLAN, or tagged or untagged against the setting.
    VlanNotOurs = "vlan: not ours",
    /// It stands for several datagrams, which no device was asked to send up.
    OffloadUnexpected = "offload: several datagrams in one",
    /// Not a proper ARP message.
    ArpMalformed = "arp: malformed",
    /// An ARP request for another's address, or an answer to nobody's question.
    ArpNotOurs = "arp: for somebody else",
    /// An IPv4 header that cannot be.
    Ipv4Malformed = "ipv4: malformed",
    /// The header's checksum is wrong.
    Ipv4Checksum = "ipv4: broken checksum",
    /// It prescribes its own route.
    Ipv4SourceRoute = "ipv4: source route",
    /// An IPv6 header or extension header that cannot be.
    Ipv6Malformed = "ipv6: malformed",
    /// An extension header or option that had to be refused.
    Ipv6Extension = "ipv6: unknown extension or option",
    /// To an address that is not ours.
    IpNotOurs = "ip: for somebody else",
    /// From an address that cannot send: a group, loopback, or our own.
    IpSource = "ip: impossible source",
    /// It carries a protocol nobody here speaks.
    IpUnknownProtocol = "ip: unknown protocol",
    /// A fragment that is empty, reaches too far, or does not hold all headers.
    FragmentMalformed = "fragment: malformed",
    /// A fragment that overlaps another, or belongs to a packet of which one did.
    FragmentOverlap = "fragment: overlap",
    /// A fragment that came twice.
    FragmentDuplicate = "fragment: came twice",
    /// No memory was left for fragments; the oldest packet went.
    FragmentNoRoom = "fragment: no room",
    /// The rest of the packet did not come in time.
    FragmentTimeout = "fragment: timeout",
    /// An ICMP message that cannot be.
    IcmpMalformed = "icmp: malformed",
    /// The message's checksum is wrong.
    IcmpChecksum = "icmp: broken checksum",
    /// A message that asks nothing of us, or quotes a packet that we did not send.
    IcmpUnknown = "icmp: unknown or unwanted",
    /// A neighbour discovery message that breaks its rules (hop limit, source, options).
    NdpInvalid = "ndp: invalid",
    /// A group membership message that cannot be, or is not for hosts.
    IgmpInvalid = "igmp: invalid",
    /// A UDP header that cannot be.
    UdpMalformed = "udp: malformed",
    /// The datagram's checksum is wrong, or missing over IPv6.
    UdpChecksum = "udp: broken checksum",
    /// Nobody is bound to the port.
    UdpNobody = "udp: nobody listens",
    /// The stack's private queue is full.
    UdpQueueFull = "udp: private queue full",
    /// The stack has lent no buffer to receive into.
    UdpNoCredit = "udp: no buffer lent",
    /// As many of the house's buffers wait in queues as may.
    UdpHouseFull = "udp: house buffers used up",
    /// No connection and no listener for it.
    TcpNobody = "tcp: nobody listens",
    /// A TCP segment that cannot be.
    TcpMalformed = "tcp: malformed",
    /// A message of our own could not be sent, or a copy not made: there was no free buffer.
    NoBuffer = "send: no free buffer",
    /// Too many packets waited for one neighbour; the oldest went.
    NeighborPending = "send: neighbour asked for",
    /// The neighbour did not answer.
    NeighborUnreachable = "send: neighbour does not answer",
    /// No route leads there.
    NoRoute = "send: no route",
    /// The driver does not keep up.
    OutgoingFull = "send: too many waiting",
    /// The application handed over something that is not a datagram of its stack.
    SendMalformed = "send: not a datagram of this stack",
    /// To a broadcast address without leave, or over the path's MTU and not to be cut.
    SendRefused = "send: not allowed",
    /// An ICMP error was due, but too many were sent lately.
    IcmpRateLimit = "icmp: rate limit",
}

impl DropReason {
    /// Whether what was dropped was to be sent. All others came in.
    pub const fn is_of_sending(self) -> bool {
        matches!(
            self,
            Self::NoBuffer
                | Self::NeighborPending
                | Self::NeighborUnreachable
                | Self::NoRoute
                | Self::OutgoingFull
                | Self::SendMalformed
                | Self::SendRefused
                | Self::IcmpRateLimit
        )
    }
}

/// How many there are.
const REASONS: usize = DropReason::ALL.len();

/// Everything that a host counts. Counters only grow.
///
/// The books balance: whatever comes in is delivered, answered, heard, joined to other fragments,
/// or dropped for one reason. While no fragment waits ([`crate::Host::waiting_fragments`]):
///
/// > received + looped + copied = delivered + answered + heard + joined + dropped on arrival
#[derive(Clone, Debug)]
pub struct Counters {
    /// Frames given to the host.
    pub received: u64,
    /// Frames that the host sent to itself, come in again.
    pub looped: u64,
    /// Copies made of a datagram that several stacks hear.
    pub copied: u64,
    /// Frames that the host handed out.
    pub sent: u64,
    /// Datagrams put into a stack's private queue.
    pub delivered: u64,
    /// Questions that the host answered in the very packet they came in.
    pub answered: u64,
    /// Messages to the host itself, which it took in: of neighbours, routers, servers of
    /// addresses, and errors about what it sent.
    pub heard: u64,
    /// Fragments that ended in another packet: one less than each whole packet was made of.
    pub joined: u64,
    dropped: [u64; REASONS],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received: 0,
            looped: 0,
            copied: 0,
            sent: 0,
            delivered: 0,
            answered: 0,
            heard: 0,
            joined: 0,
            dropped: [0; REASONS],
        }
    }
}

impl Counters {
    /// How many packets were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many packets were dropped at all.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// How many packets were dropped that came in, rather than were to be sent.
    pub fn dropped_on_arrival(&self) -> u64 {
        self.drops().filter(|(reason, _)| !reason.is_of_sending()).map(|(_, count)| count).sum()
    }

    /// Every reason for which packets were dropped, and how many.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .iter()
            .zip(&self.dropped)
            .filter(|(_, count)| **count > 0)
            .map(|(reason, count)| (*reason, *count))
    }

    #[inline]
    pub(crate) fn count(&mut self, reason: DropReason) {
        self.count_many(reason, 1);
    }

    #[inline]
    pub(crate) fn count_many(&mut self, reason: DropReason, count: u64) {
        if let Some(counter) = self.dropped.get_mut(reason as usize) {
            *counter += count;
        }
    }
}
