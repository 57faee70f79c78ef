use super::*;
use packet::Pool;

const ALL: Offloads =
    Offloads { checksum: true, tcp4: true, tcp6: true, udp: true, receives_large: true };

/// A frame of those bytes and zeroes behind them, `len` long in all.
fn frame(bytes: &[u8], len: usize) -> Packet {
    let mut packet = Pool::plain(1).allocate().unwrap();
    packet.push_back(len).unwrap().fill(0);
    packet.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    packet
}

fn tcp4() -> Packet {
    let mut bytes = [0; 14 + 20 + 32];
    bytes[12..15].copy_from_slice(&[0x08, 0x00, 0x45]);
    bytes[23] = TCP;
    bytes[14 + 20 + 12] = 0x80;
    frame(&bytes, 3000)
}

fn udp6_with_options_and_vlan() -> Packet {
    let mut bytes = [0; 18 + 40 + 8 + 8];
    bytes[12..19].copy_from_slice(&[0x81, 0x00, 0, 7, 0x86, 0xdd, 0x60]);
    bytes[18 + 6] = 60;
    bytes[18 + 40] = UDP;
    frame(&bytes, 3000)
}

fn partial(start: u16, offset: u16) -> Checksum {
    Checksum::Partial { start, offset }
}

#[test]
fn what_is_asked_is_what_is_claimed() {
    for (mut packet, kind, start, offset, headers) in [
        (tcp4(), SegmentationKind::Tcp4, 34, 16, 66),
        (udp6_with_options_and_vlan(), SegmentationKind::Udp, 66, 6, 74),
    ] {
        let offload = Offload {
            checksum: partial(start, offset),
            segmentation: Some(Segmentation { kind, size: 1000, headers }),
        };
        *packet.offload_mut() = offload;
        let header = asking(&packet, ALL).unwrap();
        assert_eq!(claimed(&header, &packet), Ok(offload));
        // Headers that the sender did not count are counted for it.
        packet.offload_mut().segmentation = Some(Segmentation { kind, size: 1000, headers: 0 });
        assert_eq!(asking(&packet, ALL), Some(header));
    }
}

#[test]
fn nothing_is_asked_that_the_device_cannot_do() {
    let mut packet = tcp4();
    packet.offload_mut().checksum = partial(34, 16);
    assert!(asking(&packet, Offloads::default()).is_none());
    let checksum_only = Offloads { checksum: true, ..Offloads::default() };
    assert!(asking(&packet, checksum_only).is_some());
    let large = Segmentation { kind: SegmentationKind::Tcp4, size: 1000, headers: 0 };
    packet.offload_mut().segmentation = Some(large);
    assert!(asking(&packet, checksum_only).is_none());
    packet.offload_mut().checksum = Checksum::Unknown;
    assert!(asking(&packet, ALL).is_none(), "segments without a checksum of their own");
    packet.offload_mut().checksum = partial(2990, 16);
    assert!(asking(&packet, ALL).is_none(), "the field lies outside the frame");
}

#[test]
fn a_complete_frame_asks_nothing() {
    let mut packet = tcp4();
    packet.offload_mut().checksum = Checksum::Verified;
    assert_eq!(asking(&packet, Offloads::default()), Some([0; HEADER]));
}

#[test]
fn vouching_is_believed_and_nothing_else_without_flags() {
    let mut header = [0; HEADER];
    assert_eq!(claimed(&header, &tcp4()), Ok(Offload::default()));
    header[0] = DATA_VALID;
    assert_eq!(claimed(&header, &tcp4()).unwrap().checksum, Checksum::Verified);
}

#[test]
fn claims_that_the_frame_does_not_bear_out_are_malformed() {
    let good = {
        let mut packet = tcp4();
        let large = Segmentation { kind: SegmentationKind::Tcp4, size: 1000, headers: 0 };
        *packet.offload_mut() = Offload { checksum: partial(34, 16), segmentation: Some(large) };
        asking(&packet, ALL).unwrap()
    };
    assert!(claimed(&good, &tcp4()).is_ok());
    let changed = |place: usize, value: u8| {
        let mut header = good;
        header[place] = value;
        claimed(&header, &tcp4())
    };
    assert_eq!(changed(7, 0xff), Err(Malformed::Length), "checksum starts outside");
    assert_eq!(changed(9, 0xff), Err(Malformed::Length), "checksum field outside");
    assert_eq!(changed(6, 3), Err(Malformed::Length), "checksum starts in the Ethernet header");
    assert_eq!(changed(6, 200), Err(Malformed::Field), "checksum starts in the payload");
    assert_eq!(changed(1, GSO_TCP6), Err(Malformed::Field), "it is IPv4");
    assert_eq!(changed(1, GSO_UDP), Err(Malformed::Field), "it is TCP");
    assert_eq!(changed(1, 3), Err(Malformed::Field), "fragments were never agreed on");
    assert_eq!(changed(1, 0x80 | GSO_UDP), Err(Malformed::Field), "only TCP marks congestion");
    assert_eq!(changed(1, GSO_TCP4_ECN), claimed(&good, &tcp4()));
    let mut sizeless = good;
    sizeless[4..6].fill(0);
    assert_eq!(claimed(&sizeless, &tcp4()), Err(Malformed::Length));
    assert_eq!(claimed(&good, &frame(&[0; 14], 60)), Err(Malformed::Field), "it is not IP");
    let mut short = tcp4();
    short.truncate(50);
    assert!(claimed(&good, &short).is_err());
}

proptest::proptest! {
    /// No header and no frame makes it do anything but answer, and what it answers holds.
    #[test]
    fn any_header_on_any_frame(
        header: [u8; HEADER],
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ethertype in 0_usize..4,
    ) {
        let mut packet = frame(&bytes, bytes.len());
        let types = [[0x08, 0x00], [0x86, 0xdd], [0x81, 0x00], [0x12, 0x34]];
        if let Some(field) = packet.bytes_mut().get_mut(12..14) {
            field.copy_from_slice(&types[ethertype]);
        }
        if let Ok(offload) = claimed(&header, &packet) {
            if let Checksum::Partial { start, offset } = offload.checksum {
                assert!(usize::from(start) + usize::from(offset) + 2 <= bytes.len());
            }
            if let Some(large) = offload.segmentation {
                assert!(large.size > 0 && usize::from(large.headers) <= bytes.len());
            }
        }
    }
}
