//! What a device did with a frame, or still has to do.

/// The state of a frame's transport checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// Nobody looked: software must check a received frame; a frame to send is complete.
    #[default]
    Unknown,
    /// The device, or a trusted sender on the same machine, vouches for it.
    Verified,
    /// The field holds the sum of the pseudo header only. Whoever puts the frame on a real wire
    /// sums from `start` to the end and writes the complement at `start + offset`.
    Partial {
        /// First byte that is summed, counted from the first byte of the frame.
        start: u16,
        /// Where the checksum field lies, counted from `start`.
        offset: u16,
    },
}

/// Which protocol's rules cut a large frame into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentationKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP datagrams of equal size (Linux's `UDP_SEGMENT`), over either IP version.
    Udp,
}

/// A frame that stands for several: the device cuts it (sending) or glued it (receiving).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segmentation {
    /// By which rules.
    pub kind: SegmentationKind,
    /// Payload bytes in each segment but the last.
    pub size: u16,
    /// Length of all headers, which every segment repeats. Zero if the device did not say.
    pub headers: u16,
}

/// What travels with a frame besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// Who answers for the transport checksum.
    pub checksum: Checksum,
    /// Set if the frame stands for several.
    pub segmentation: Option<Segmentation>,
}
