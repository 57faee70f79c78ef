//! Address configuration against routers made of bytes.

use netstack::Time;
use netstack::route::{Prefix, Route};
use netstack::slaac::{Advertisement, Client, Event, Identifier, Preference};
use packet::header::Malformed;
use packet::header::ethernet::Mac;
use proptest::prelude::*;
use std::net::Ipv6Addr;
use std::time::Duration;

const MAC: Mac = Mac([0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
const NOW: Time = Time::from_secs(1000);
const HOUR: u32 = 3600;

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn router() -> Ipv6Addr {
    ip("fe80::1")
}

fn client() -> Client {
    Client::new(MAC, Identifier::Eui64, NOW)
}

/// Hop limit 64, lifetime 1800 s, medium preference, nothing else said.
fn head(lifetime: u16) -> Vec<u8> {
    let mut bytes = vec![134, 0, 0, 0, 64, 0];
    bytes.extend(lifetime.to_be_bytes());
    bytes.extend([0; 8]);
    bytes
}

/// On the link, and to make addresses in.
fn prefix_option(prefix: &str, len: u8, valid: u32, preferred: u32) -> Vec<u8> {
    let mut bytes = vec![3, 4, len, 0xc0];
    bytes.extend(valid.to_be_bytes());
    bytes.extend(preferred.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(ip(prefix).octets());
    bytes
}

fn with(lifetime: u16, options: &[Vec<u8>]) -> Vec<u8> {
    [head(lifetime), options.concat()].concat()
}

fn prefix(text: &str) -> Prefix {
    let (address, len) = text.split_once('/').unwrap();
    Prefix::new(address.parse().unwrap(), len.parse().unwrap()).unwrap()
}

fn events(client: &mut Client) -> Vec<Event> {
    std::iter::from_fn(|| client.next_event()).collect()
}

fn after(seconds: u64) -> Time {
    NOW + Duration::from_secs(seconds)
}

const OWN: &str = "2001:db8:1:2:3656:78ff:fe9a:bcde";

#[test]
fn an_advertisement_with_everything() {
    // As a home router sends it: source address, MTU, prefix, route, name servers, search list.
    let mut bytes = vec![134, 0, 0x12, 0x34, 64, 0xc8, 0x07, 0x08, 0, 0, 0x75, 0x30, 0, 0, 3, 0xe8];
    bytes.extend([1, 1, 2, 0, 0, 0, 0, 1]);
    bytes.extend([5, 1, 0, 0, 0, 0, 0x05, 0xd4]);
    bytes.extend(prefix_option("2001:db8:1:2::", 64, 7200, 1800));
    bytes.extend([24, 2, 48, 0x18, 0, 0, 0x0e, 0x10, 0x20, 1, 0x0d, 0xb8, 0, 9, 0, 0]);
    bytes.extend([25, 3, 0, 0, 0, 0, 0x04, 0xb0]);
    bytes.extend(ip("2001:db8::53").octets());
    bytes.extend([31, 3, 0, 0, 0, 0, 0x04, 0xb0]);
    bytes.extend(b"\x04home\x04arpa\x00\x00\x00\x00\x00\x00");
    let advertisement = Advertisement::read(&bytes).unwrap();
    assert_eq!(advertisement.hop_limit, Some(64));
    assert!(advertisement.managed && advertisement.other);
    assert_eq!(advertisement.preference, Preference::High);
    assert_eq!(advertisement.lifetime, Duration::from_mins(30));
    assert_eq!(advertisement.reachable, Some(Duration::from_secs(30)));
    assert_eq!(advertisement.retransmit, Some(Duration::from_secs(1)));
    assert_eq!(advertisement.mtu, Some(1492));
    assert_eq!(advertisement.prefixes.len(), 1);
    assert_eq!(advertisement.prefixes[0].preferred, Duration::from_mins(30));
    assert_eq!(advertisement.routes[0].prefix, prefix("2001:db8:9::/48"));
    assert_eq!(advertisement.routes[0].preference, Preference::Low);
    assert_eq!(advertisement.name_servers, [(ip("2001:db8::53"), Duration::from_mins(20))]);
    assert_eq!(advertisement.search[0].0.to_string(), "home.arpa.");

    let mut client = client();
    client.receive(NOW, router(), 255, &bytes);
    assert_eq!(
        events(&mut client),
        [
            Event::Address(ip(OWN)),
            Event::Routes,
            Event::Names,
            Event::Mtu(1492),
            Event::HopLimit(64),
            Event::Neighbors(Some(Duration::from_secs(30)), Some(Duration::from_secs(1))),
        ]
    );
    let by = |to: &str, metric| Route { metric, ..Route::by(prefix(to), router().into(), 0) };
    assert_eq!(
        client.routes(0),
        [Route::on_link(prefix("2001:db8:1:2::/64"), 0), by("::/0", 0), by("2001:db8:9::/48", 2),]
    );
    assert!(client.name_servers().eq([ip("2001:db8::53")]));
    client.receive(NOW, router(), 255, &bytes);
    assert_eq!(events(&mut client), [], "the same again is no news");
}

#[test]
fn solicitations_go_on_until_a_router_answers() {
    let mut client = client();
    assert_eq!(client.poll(NOW, u64::MAX), None, "not all at once");
    let first = client.next_timeout().unwrap();
    assert!(first <= after(1));
    let solicitation = client.poll(first, 1 << 63).unwrap();
    assert_eq!(solicitation, [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
    let mut waits = Vec::new();
    let mut last = first;
    for _ in 0..12 {
        let now = client.next_timeout().unwrap();
        assert!(client.poll(now, 1 << 63).is_some());
        waits.push(now.since(last).as_secs());
        last = now;
    }
    assert_eq!(waits, [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
    client.receive(last, router(), 255, &head(1800));
    assert_eq!(client.next_timeout(), Some(last + Duration::from_mins(30)));
}

#[test]
fn only_from_the_link() {
    let mut client = client();
    let good = with(1800, &[prefix_option("2001:db8:1:2::", 64, HOUR, HOUR)]);
    client.receive(NOW, router(), 254, &good);
    client.receive(NOW, ip("2001:db8::1"), 255, &good);
    assert_eq!(client.ignored().off_link, 2);
    let mut zero = good.clone();
    zero[17] = 0;
    client.receive(NOW, router(), 255, &zero);
    client.receive(NOW, router(), 255, &good[..good.len() - 1]);
    client.receive(NOW, router(), 255, &good[..15]);
    client.receive(NOW, router(), 255, &[]);
    assert_eq!(client.ignored().malformed, 4);
    assert_eq!(events(&mut client), []);
    assert_eq!(Advertisement::read(&zero), Err(Malformed::Length));
}

#[test]
fn addresses_grow_old_and_end() {
    let mut client = client();
    client.receive(
        NOW,
        router(),
        255,
        &with(9000, &[prefix_option("2001:db8:1:2::", 64, 300, 100)]),
    );
    events(&mut client);
    client.poll(after(99), 0);
    assert!(client.addresses().eq([(ip(OWN), true)]));
    assert_eq!(client.next_timeout(), Some(after(100)));
    client.poll(after(100), 0);
    assert_eq!(events(&mut client), [Event::Deprecated(ip(OWN))]);
    client.poll(after(300), 0);
    assert_eq!(events(&mut client), [Event::Gone(ip(OWN)), Event::Routes]);
    assert_eq!(client.addresses().count(), 0);
}

#[test]
fn one_forged_advertisement_cannot_take_an_address_away() {
    let end_of = |old: u32, new: u32| {
        let mut client = client();
        let mut say = |valid| {
            let message = with(0, &[prefix_option("2001:db8:1:2::", 64, valid, 0)]);
            client.receive(NOW, router(), 255, &message);
        };
        say(old);
        say(new);
        // When it really ends, found from outside.
        (1..100).map(|step| step * 600).find(|seconds| {
            client.poll(after(*seconds), 0);
            client.addresses().count() == 0
        })
    };
    assert_eq!(end_of(10 * HOUR, 0), Some(7200), "cut to two hours");
    assert_eq!(end_of(10 * HOUR, 3 * HOUR), Some(10_800), "more than two hours are believed");
    assert_eq!(end_of(HOUR, 0), Some(3600), "less than two hours stay");
    assert_eq!(end_of(HOUR, HOUR + 1800), Some(5400), "more than there was is believed");
}

#[test]
fn a_deprecated_address_can_be_preferred_again() {
    let mut client = client();
    let say = |client: &mut Client, now, preferred| {
        let option = prefix_option("2001:db8:1:2::", 64, 3 * HOUR, preferred);
        client.receive(now, router(), 255, &with(9000, &[option]));
    };
    say(&mut client, NOW, 100);
    client.poll(after(200), 0);
    events(&mut client);
    say(&mut client, after(200), 100);
    assert_eq!(events(&mut client), [Event::Preferred(ip(OWN))]);
    say(&mut client, after(210), 0);
    assert_eq!(events(&mut client), [Event::Deprecated(ip(OWN))]);
}

#[test]
fn prefixes_that_make_no_address() {
    let mut client = client();
    let options = [
        prefix_option("fe80::", 64, HOUR, HOUR),
        prefix_option("2001:db8:1::", 48, HOUR, HOUR),
        prefix_option("2001:db8:2:1::", 64, HOUR, HOUR + 1),
        prefix_option("2001:db8:3:1::", 64, 0, 0),
    ];
    client.receive(NOW, router(), 255, &with(0, &options));
    assert_eq!(client.addresses().count(), 0);
}

#[test]
fn routers_come_and_go() {
    let mut client = client();
    let mut high = head(100);
    high[5] = 0x08;
    client.receive(NOW, router(), 255, &head(1800));
    client.receive(NOW, ip("fe80::2"), 255, &high);
    let metrics = |client: &Client| client.routes(0).iter().map(|it| it.metric).collect::<Vec<_>>();
    assert_eq!(metrics(&client), [1, 0]);
    events(&mut client);
    client.poll(after(100), 0);
    assert_eq!(events(&mut client), [Event::Routes]);
    assert_eq!(metrics(&client), [1]);
    client.receive(after(101), router(), 255, &head(0));
    assert_eq!(events(&mut client), [Event::Routes]);
    assert_eq!(client.routes(0), []);
    client.receive(after(101), router(), 255, &head(50));
    assert!(client.poll(after(151), 0).is_some(), "it solicits again");
}

#[test]
fn floods_find_bounded_lists() {
    let mut client = client();
    for number in 0..1000_u16 {
        let [high, low] = number.to_be_bytes();
        let mut name_server = vec![25, 3, 0, 0, 0, 0, 0xff, 0xff];
        name_server.extend(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, number).octets());
        let prefix = format!("2001:db8:{number:x}:1::");
        let route = vec![24, 2, 48, 0, 0, 0, 0xff, 0xff, 0x20, 1, 0x0d, 0xb9, high, low, 0, 0];
        let message = with(1800, &[prefix_option(&prefix, 64, HOUR, HOUR), name_server, route]);
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number);
        client.receive(NOW, source, 255, &message);
    }
    assert_eq!(client.addresses().count(), 16);
    assert_eq!(client.routes(0).len(), 16 + 8 + 32);
    assert_eq!(client.name_servers().count(), 8);
    assert!(client.ignored().full > 4000);
    let first = ip("2001:db8:0:1:3656:78ff:fe9a:bcde");
    assert!(client.addresses().any(|it| it.0 == first), "who was there first stays");
    assert!(events(&mut client).len() <= 64);
}

#[test]
fn a_duplicate_gets_another_address_where_there_is_a_secret() {
    let identifier = Identifier::Stable { secret: [3, 4] };
    let mut client = Client::new(MAC, identifier, NOW);
    client.receive(
        NOW,
        router(),
        255,
        &with(0, &[prefix_option("2001:db8:1:2::", 64, HOUR, HOUR)]),
    );
    let mut tried = Vec::new();
    let first = |client: &Client| client.addresses().next().map(|it| it.0);
    while let Some(address) = first(&client) {
        tried.push(address);
        client.duplicate(address);
    }
    tried.dedup();
    assert_eq!(tried.len(), 4);
    client.receive(
        NOW,
        router(),
        255,
        &with(0, &[prefix_option("2001:db8:1:2::", 64, HOUR, HOUR)]),
    );
    assert_eq!(client.addresses().count(), 0, "given up for good");
    let link_local = client.link_local().unwrap();
    client.duplicate(link_local);
    assert_ne!(client.link_local(), Some(link_local));

    let mut plain = Client::new(MAC, Identifier::Eui64, NOW);
    assert_eq!(plain.link_local(), Some(ip("fe80::3656:78ff:fe9a:bcde")));
    plain.duplicate(ip("fe80::3656:78ff:fe9a:bcde"));
    assert_eq!(plain.link_local(), None);
}

proptest! {
    #[test]
    fn no_bytes_confuse_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Advertisement::read(&bytes);
        let _ = Advertisement::read(&[head(9), bytes].concat());
    }

    #[test]
    fn lists_stay_bounded_and_everything_ends(
        messages in prop::collection::vec(
            (0..100_u64, 0..4_u16, 0..6_u16, 0..300_u32, 0..300_u32, 0..300_u16), 0..80,
        ),
    ) {
        let mut client = client();
        let mut now = NOW;
        for (seconds, from, number, valid, preferred, lifetime) in messages {
            now = now + Duration::from_secs(seconds);
            let text = format!("2001:db8:{number:x}:1::");
            let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, from);
            let message = with(lifetime, &[prefix_option(&text, 64, valid, preferred)]);
            client.receive(now, source, 255, &message);
            client.poll(now, 0);
            prop_assert!(client.next_timeout().is_none_or(|next| next > now));
        }
        now = now + Duration::from_hours(3);
        client.poll(now, 0);
        prop_assert_eq!(client.addresses().count(), 0);
        prop_assert_eq!(client.routes(0), vec![]);
    }
}
