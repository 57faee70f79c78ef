//! What passes between a driver and a UDP socket of Linux: checksums left open, datagrams in one
//! piece. The same for each driver that has offloads.

use crate::station::{Station, bytes};
use packet::{Checksum, Offload, Segmentation, SegmentationKind};
use std::net::UdpSocket;
use std::time::Duration;
use system_tests::frame::{IP, OURS, UDP_PAYLOAD, Udp, payload, udp_checksum_holds};
use system_tests::{Namespace, PATIENCE, segment_udp};

/// Bytes of all headers.
const HEADERS: u16 = UDP_PAYLOAD as u16;

/// What of a datagram's checksum is left open.
pub(crate) const PARTIAL: Checksum = Checksum::Partial { start: 34, offset: 6 };

/// From us (10.0.0.1, port 7) to Linux (10.0.0.2, that port) at that hardware address.
pub(crate) fn to_linux(hardware: [u8; 6], port: u16) -> Udp {
    Udp { hardware: (hardware, OURS), addresses: ([10, 0, 0, 1], [10, 0, 0, 2]), ports: (7, port) }
}

/// A UDP socket of Linux at 10.0.0.2, which knows where we are.
pub(crate) fn linux_socket(namespace: &Namespace, interface: &str) -> (UdpSocket, u16) {
    namespace.output(&["ip", "address", "replace", "10.0.0.2/24", "dev", interface]);
    let address = OURS.map(|byte| format!("{byte:02x}")).join(":");
    namespace.output(&["ip", "neigh", "replace", "10.0.0.1", "lladdr", &address, "dev", interface]);
    let socket = namespace.run(|| UdpSocket::bind("10.0.0.2:0").unwrap());
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// A checksum that is left open is completed, or vouched for; one that is wrong is found out.
pub(crate) fn checksums_are_left_to_linux(
    station: &mut Station,
    namespace: &Namespace,
    interface: &str,
    hardware: [u8; 6],
) {
    let (socket, port) = linux_socket(namespace, interface);
    let udp = to_linux(hardware, port);
    let mut broken = udp.complete(b"broken");
    broken[40] ^= 0x55;
    station.send(&broken, Offload::default());
    station.send(&udp.partial(b"open"), Offload { checksum: PARTIAL, segmentation: None });
    station.send(&udp.complete(b"complete"), Offload::default());
    let mut buffer = [0; 64];
    for expected in [&b"open"[..], b"complete"] {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], expected);
        assert_eq!(from.to_string(), "10.0.0.1:7");
    }
    // The other way Linux leaves it open too.
    socket.send_to(b"back", "10.0.0.1:7").unwrap();
    let packet = station.receive_that(|packet| packet.bytes().get(UDP_PAYLOAD..) == Some(b"back"));
    assert_eq!(packet.offload().checksum, PARTIAL);
}

/// Datagrams cross in one piece and are cut at the end, in both directions.
pub(crate) fn datagrams_cross_in_one_piece(
    station: &mut Station,
    namespace: &Namespace,
    interface: &str,
    hardware: [u8; 6],
) {
    const SIZE: u16 = 1000;
    let (socket, port) = linux_socket(namespace, interface);
    let whole = payload(40 * usize::from(SIZE) + 7, 3);
    let large = Segmentation { kind: SegmentationKind::Udp, size: SIZE, headers: HEADERS };
    let offload = Offload { checksum: PARTIAL, segmentation: Some(large) };
    assert!(station.nic.information().offloads.udp, "Linux cuts UDP since 6.2");
    station.send(&to_linux(hardware, port).partial(&whole), offload);
    let mut buffer = [0; 2000];
    for piece in whole.chunks(usize::from(SIZE)) {
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], piece);
    }

    segment_udp(&socket, SIZE);
    let sent = socket.send_to(&whole, "10.0.0.1:7").unwrap();
    assert_eq!(sent, whole.len());
    let packet = station.receive_that(|packet| packet.frame_len() > 2000);
    assert_eq!(packet.offload(), &offload);
    assert!(packet.next().is_some(), "it takes several pages");
    assert_eq!(bytes(&packet)[UDP_PAYLOAD..], whole);
}

/// What the device does not do is refused and counted, not sent broken.
pub(crate) fn what_cannot_be_done_is_refused(station: &mut Station) {
    let udp = to_linux([0xff; 6], 9);
    let before = station.nic.statistics();
    // A checksum field outside the frame.
    let outside = Checksum::Partial { start: 40, offset: 60_000 };
    station.send(&udp.partial(b"x"), Offload { checksum: outside, segmentation: None });
    // Segments without a checksum of their own.
    let large = Segmentation { kind: SegmentationKind::Udp, size: 100, headers: HEADERS };
    let offload = Offload { checksum: Checksum::Unknown, segmentation: Some(large) };
    station.send(&udp.complete(&payload(1000, 1)), offload);
    // Not even an Ethernet header, and more than the MTU.
    station.send(&[0; 13], Offload::default());
    let mtu = station.nic.information().mtu;
    station.send(&udp.complete(&payload(mtu, 1)), Offload::default());
    let now = station.nic.statistics();
    assert_eq!(now.send_dropped - before.send_dropped, 4);
    assert_eq!(now.sent, before.sent);
}

/// Without offloads what arrives is complete.
pub(crate) fn what_arrives_is_complete(
    station: &mut Station,
    namespace: &Namespace,
    interface: &str,
) {
    let (socket, _) = linux_socket(namespace, interface);
    segment_udp(&socket, 1000);
    socket.send_to(&payload(3500, 9), "10.0.0.1:7").unwrap();
    for length in [1000, 1000, 1000, 500] {
        let packet = station.receive_that(|packet| packet.bytes().get(IP + 9) == Some(&17));
        assert_eq!(packet.frame_len(), UDP_PAYLOAD + length);
        assert!(packet.offload().segmentation.is_none());
        assert!(!matches!(packet.offload().checksum, Checksum::Partial { .. }));
        assert!(udp_checksum_holds(&bytes(&packet)));
    }
    assert!(station.receive_in(Duration::ZERO).is_none());
}
