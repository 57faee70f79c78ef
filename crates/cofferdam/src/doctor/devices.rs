//! What the drivers open.

use super::finding::Finding;
use super::privileges::{Capability, Privileges};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use std::fs::OpenOptions;
use std::io::ErrorKind;

/// One finding for each driver that needs something of the machine.
pub(super) fn all(privileges: &Privileges) -> [Finding; 4] {
    [tap(privileges), packet_socket(), xdp(privileges), kvm()]
}

fn tap(privileges: &Privileges) -> Finding {
    let (name, purpose) = ("tap", "--nic tap:NAME");
    let path = "/dev/net/tun";
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) if privileges.has(Capability::NetAdmin) => {
            Finding::yes(name, purpose, format!("{path} opens"))
        }
        Ok(_) => Finding::partly(
            name,
            purpose,
            "only devices that root has made for this user",
            "make one: sudo ip tuntap add dev tap0 mode tap user $USER; or run as root",
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => Finding::no(
            name,
            purpose,
            format!("{path} is not there"),
            "load the module: sudo modprobe tun; in a container add --device /dev/net/tun",
        ),
        Err(error) => Finding::no(
            name,
            purpose,
            format!("{path}: {error}"),
            "allow this user to open it: sudo chmod 666 /dev/net/tun; or run as root",
        ),
    }
}

fn packet_socket() -> Finding {
    let (name, purpose) = ("packet", "--nic packet:INTERFACE");
    match socket(AddressFamily::PACKET, SocketType::RAW, None) {
        Ok(_) => Finding::yes(name, purpose, "AF_PACKET sockets open"),
        Err(Errno::PERM | Errno::ACCESS) => Finding::no(
            name,
            purpose,
            "AF_PACKET sockets are not permitted",
            "run as root, or: sudo setcap cap_net_raw+ep cofferdam",
        ),
        Err(error) => Finding::no(
            name,
            purpose,
            format!("AF_PACKET sockets: {error}"),
            "the kernel must have CONFIG_PACKET, and the sandbox must let the call through",
        ),
    }
}

fn xdp(privileges: &Privileges) -> Finding {
    let (name, purpose) = ("xdp", "--nic xdp:INTERFACE");
    match socket(AddressFamily::XDP, SocketType::RAW, None) {
        Ok(_) if privileges.may_load_programs() => {
            Finding::yes(name, purpose, "AF_XDP sockets open, programs may be loaded")
        }
        Ok(_) => Finding::no(
            name,
            purpose,
            "AF_XDP sockets open, but programs may not be loaded",
            "run as root, or: sudo setcap cap_net_admin,cap_net_raw,cap_bpf+ep cofferdam",
        ),
        Err(Errno::PERM | Errno::ACCESS) => Finding::no(
            name,
            purpose,
            "AF_XDP sockets are not permitted",
            "run as root, or: sudo setcap cap_net_admin,cap_net_raw,cap_bpf+ep cofferdam",
        ),
        Err(error) => Finding::no(
            name,
            purpose,
            format!("AF_XDP sockets: {error}"),
            "the kernel must have CONFIG_XDP_SOCKETS; `packet:INTERFACE` works without",
        ),
    }
}

fn kvm() -> Finding {
    let (name, purpose) = ("kvm", "fast virtual machines as peers; QEMU emulates without");
    match OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        Ok(_) => Finding::yes(name, purpose, "/dev/kvm opens"),
        Err(error) => Finding::no(
            name,
            purpose,
            format!("/dev/kvm: {error}"),
            "switch virtualisation on in the firmware, or join the group: \
             sudo adduser $USER kvm; nothing needs it",
        ),
    }
}
