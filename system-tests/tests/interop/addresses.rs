//! Addresses that Linux gives us: DHCP and router advertisements.

use crate::meeting::{Driver, Meeting, OURS, Place, ip, without_addresses};
use socket::{Addressing, Config};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use system_tests::{PATIENCE, Process, eventually, tool};

on_each_driver!(
    dnsmasq_leases_us_an_address_and_renews_it,
    dnsmasq_advertises_a_prefix_and_a_name_server,
    radvd_advertises_a_prefix_an_mtu_and_a_route,
);

/// Settings whose addresses come from others.
fn automatic(addressing: Addressing) -> Config {
    Config { addressing, ..without_addresses() }
}

fn dnsmasq(place: &Place, more: &[&str]) -> Process {
    tool("dnsmasq", "dnsmasq-base");
    let interface = format!("--interface={}", place.interface);
    let mut command = vec![
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--user=root",
        "--pid-file=",
        "--no-resolv",
        "--no-hosts",
        "--bind-dynamic",
        "--log-facility=-",
        "--log-dhcp",
        "--dhcp-leasefile=/dev/null",
        &interface,
    ];
    command.extend(more);
    place.linux.start(&command)
}

/// The first address of ours that is as wanted.
fn address(meeting: &Meeting, wanted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut found = None;
    eventually("we have an address", || {
        found = meeting.network.addresses().iter().map(|it| it.ip).find(|ip| wanted(*ip));
        found.is_some()
    });
    found.expect("it was found")
}

fn dnsmasq_leases_us_an_address_and_renews_it(driver: Driver) {
    let place = Place::new(driver);
    place.give_linux("10.0.0.2/24");
    let server = dnsmasq(
        &place,
        &[
            // Of Linux's, two minutes is the least.
            "--dhcp-range=10.0.0.100,10.0.0.110,2m",
            "--dhcp-option=option:T1,3",
            "--dhcp-option=option:T2,60",
            "--dhcp-option=option:dns-server,10.0.0.2",
            "--dhcp-option=option:router,10.0.0.2",
            "--host-record=leased.test,192.0.2.7",
        ],
    );
    let meeting = place.open(automatic(Addressing::Dhcp));
    let ours = address(&meeting, |ip| ip.is_ipv4());
    assert!(matches!(ours, IpAddr::V4(ip) if (100..=110).contains(&ip.octets()[3])), "{ours}");
    // It works, and so does what came with it: the router, the name server.
    meeting.network.ping(ip("10.0.0.2"), b"there?", PATIENCE).expect("Linux answers");
    assert_eq!(meeting.network.with_link(|link| link.host_ref().name_servers()), [ip("10.0.0.2")]);
    let found = meeting.network.resolve("leased.test").expect("dnsmasq answers");
    assert_eq!(found, [ip("192.0.2.7")]);
    let routes = meeting.network.with_link(|link| link.host_ref().routes().count());
    assert!(routes >= 2, "to the network, and to everywhere");
    // It is renewed after three seconds, and stays the same.
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(address(&meeting, |ip| ip.is_ipv4()), ours);
    let log = server.end();
    let requests = log.matches("DHCPREQUEST").count();
    assert!(requests >= 2, "it was asked for once and renewed: {log}");
    assert_eq!(log.matches("DHCPDISCOVER(").count(), 1, "{log}");
    assert!(!log.contains("DHCPNAK"), "{log}");
}

fn dnsmasq_advertises_a_prefix_and_a_name_server(driver: Driver) {
    let place = Place::new(driver);
    place.give_linux("fd00::2/64");
    place.linux.output(&["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    let _server = dnsmasq(
        &place,
        &[
            "--enable-ra",
            "--dhcp-range=fd00::,ra-only",
            "--dhcp-option=option6:dns-server,[fd00::2]",
            "--host-record=leased.test,2001:db8::7",
        ],
    );
    let meeting = place.open(automatic(Addressing::Slaac));
    let global = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ip.segments()[0] == 0xfd00);
    let ours = address(&meeting, global);
    assert_eq!(ours.to_string(), expected_address(&meeting));
    meeting.network.ping(ip("fd00::2"), b"there?", PATIENCE).expect("Linux answers");
    let servers = meeting.network.with_link(|link| link.host_ref().name_servers());
    assert_eq!(servers, [ip("fd00::2")]);
    let found = meeting.network.resolve("leased.test").expect("dnsmasq answers");
    assert_eq!(found, [ip("2001:db8::7")]);
}

/// By the modified EUI-64 in the advertised network.
fn expected_address(meeting: &Meeting) -> String {
    let mac = meeting.network.with_link(|link| link.host_ref().mac()).0;
    let words = [
        u16::from_be_bytes([mac[0] ^ 2, mac[1]]),
        u16::from_be_bytes([mac[2], 0xff]),
        u16::from_be_bytes([0xfe, mac[3]]),
        u16::from_be_bytes([mac[4], mac[5]]),
    ];
    let [a, b, c, d] = words;
    std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, a, b, c, d).to_string()
}

fn radvd_advertises_a_prefix_an_mtu_and_a_route(driver: Driver) {
    tool("radvd", "radvd");
    let place = Place::new(driver);
    place.give_linux("fd00::2/64");
    place.linux.output(&["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]);
    // An address of Linux's that only its route leads to.
    place.linux.output(&["ip", "address", "add", "2001:db8::1/128", "dev", "lo"]);
    let settings = Settings::new(&format!(
        "interface {} {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; \
         AdvLinkMTU 1400; prefix fd00::/64 {{ AdvPreferredLifetime 20; AdvValidLifetime 30; }}; \
         RDNSS fd00::2 {{ }}; }};\n",
        place.interface
    ));
    let path = settings.0.to_str().expect("a name in UTF-8");
    let pid = format!("{path}.pid");
    let radvd = ["radvd", "--nodaemon", "--logmethod", "stderr", "-p", &pid, "-C", path];
    let radvd = place.linux.start(&radvd);
    let meeting = place.open(automatic(Addressing::Slaac));
    let ours = address(&meeting, |ip| ip.to_string() == expected_address(&meeting));
    assert!(!OURS.contains(&ours.to_string().as_str()));
    meeting.network.ping(ip("fd00::2"), b"there?", PATIENCE).expect("on the link");
    meeting.network.ping(ip("2001:db8::1"), b"there?", PATIENCE).expect("by the router");
    assert_eq!(meeting.network.with_link(|link| link.host_ref().mtu()), 1400);
    // A router that ends says so; the route goes, the address stays for its lifetime.
    assert!(radvd.end().contains("radvd"));
    eventually("the route is gone", || {
        let ping = meeting.network.ping(ip("2001:db8::1"), b"there?", Duration::from_millis(100));
        ping.is_err_and(|error| error.kind() == std::io::ErrorKind::NetworkUnreachable)
    });
    assert!(meeting.network.addresses().iter().any(|it| it.ip == ours));
    let _ = std::fs::remove_file(pid);
}

/// A file of settings that vanishes with its guard.
struct Settings(PathBuf);

impl Settings {
    fn new(text: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cofferdam-radvd-{}-{number}.conf", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("a file for settings");
        Self(path)
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
