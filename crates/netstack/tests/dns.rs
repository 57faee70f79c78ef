//! A resolver against servers made of bytes.

use netstack::Time;
use netstack::dns::{
    Answer, BadName, Data, DnsError, Kind, Lookup, Malformed, Message, Name, Options, Outgoing,
    Resolver,
};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::time::Duration;

fn server(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 53))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn resolver() -> Resolver {
    Resolver::new(Options::new(vec![server(1), server(2)]))
}

/// A record whose owner is the question's name.
fn record(kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    owned(&[0xc0, 12], kind, ttl, data)
}

fn owned(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = owner.to_vec();
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes.extend(ttl.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// What makes a name not exist for `seconds`.
fn authority(seconds: u32) -> Vec<u8> {
    let mut data = vec![0, 0];
    data.extend([0; 16]);
    data.extend(seconds.to_be_bytes());
    owned(&[0], 6, 900, &data)
}

/// An answer to a query: the same question, then records.
fn answer(query: &Outgoing, code: u8, answers: &[Vec<u8>], authorities: &[Vec<u8>]) -> Vec<u8> {
    let end = 12 + query.payload[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let mut bytes = query.payload[..end].to_vec();
    bytes[2..4].copy_from_slice(&[0x81, 0x80 | code]);
    bytes[6..8].copy_from_slice(&(answers.len() as u16).to_be_bytes());
    bytes[8..10].copy_from_slice(&(authorities.len() as u16).to_be_bytes());
    bytes[10..12].copy_from_slice(&[0, 0]);
    bytes.extend(answers.iter().chain(authorities).flatten());
    bytes
}

/// The name that a query asks for.
fn asked(query: &Outgoing) -> String {
    Name::read(&query.payload, 12).unwrap().0.to_string().to_lowercase()
}

fn ask(resolver: &mut Resolver, text: &str) -> Outgoing {
    assert!(matches!(resolver.lookup(Time::ZERO, text, Kind::A), Ok(Lookup::Asked(_))));
    resolver.poll(Time::ZERO, 0x1234_5678_9abc_def0).unwrap()
}

fn reply(resolver: &mut Resolver, query: &Outgoing, payload: &[u8]) {
    resolver.receive(Time::ZERO, query.socket, query.server, payload);
}

fn outcome(resolver: &mut Resolver) -> Result<Answer, DnsError> {
    resolver.next_answer().unwrap().1
}

const ADDRESS: Data = Data::A(std::net::Ipv4Addr::new(93, 184, 215, 14));

#[test]
fn a_query_byte_for_byte() {
    let query = ask(&mut resolver(), "a.example.");
    let mut plain = query.payload.to_ascii_lowercase();
    plain[..2].copy_from_slice(&[0, 0]);
    let mut right = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    right.extend(b"\x01a\x07example\x00\x00\x01\x00\x01");
    right.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(plain[2..], right[2..]);
}

#[test]
fn a_captured_answer() {
    // `dig example.com`, as it came.
    let bytes = b"\xdb\x42\x81\x80\x00\x01\x00\x01\x00\x00\x00\x01\
        \x07example\x03com\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\x5d\xb8\xd7\x0e\
        \x00\x00\x29\x02\x00\x00\x00\x00\x00\x00\x00";
    let message = Message::read(bytes).unwrap();
    assert_eq!(message.id, 0xdb42);
    assert!(message.is_answer && !message.is_truncated);
    assert_eq!(message.question, Some((name("example.com"), 1, 1)));
    assert_eq!(message.answers.len(), 1);
    assert_eq!(message.answers[0].data, ADDRESS);
    assert_eq!(message.answers[0].ttl, Duration::from_hours(1));
}

#[test]
fn an_answer_is_given_once_and_remembered_until_its_time_is_over() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "example.com");
    let good = answer(&query, 0, &[record(1, 300, &[93, 184, 215, 14])], &[]);
    reply(&mut resolver, &query, &good);
    let right =
        Answer { name: name("example.com"), data: vec![ADDRESS], ttl: Duration::from_mins(5) };
    assert_eq!(outcome(&mut resolver), Ok(right.clone()));
    assert_eq!(resolver.next_closed(), Some(query.socket));
    assert_eq!(resolver.next_timeout(), None);
    reply(&mut resolver, &query, &good);
    assert_eq!(resolver.ignored().unexpected, 1);
    let later = Time::from_secs(100);
    let known = Answer { ttl: Duration::from_secs(200), ..right };
    assert_eq!(resolver.lookup(later, "EXAMPLE.com", Kind::A), Ok(Lookup::Known(known)));
    let over = resolver.lookup(Time::from_secs(300), "example.com", Kind::A);
    assert!(matches!(over, Ok(Lookup::Asked(_))));
}

#[test]
fn what_does_not_match_is_counted_and_ignored() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "example.com");
    let good = answer(&query, 0, &[record(1, 300, &[1, 2, 3, 4])], &[]);
    let changed = |at: usize, bits: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= bits;
        bytes
    };
    reply(&mut resolver, &query, &changed(0, 1)); // id
    reply(&mut resolver, &query, &changed(2, 0x80)); // a query
    reply(&mut resolver, &query, &changed(14, 1)); // another name
    reply(&mut resolver, &query, &changed(26, 1)); // another kind
    assert_eq!(resolver.ignored().mismatched, 4);
    reply(&mut resolver, &query, &changed(13, 0x20)); // the case of a letter
    assert_eq!(resolver.ignored().other_case, 1);
    reply(&mut resolver, &query, &good[..good.len() - 1]);
    reply(&mut resolver, &query, &[]);
    assert_eq!(resolver.ignored().malformed, 2);
    resolver.receive(Time::ZERO, query.socket + 1, query.server, &good);
    resolver.receive(Time::ZERO, query.socket, server(2), &good);
    assert_eq!(resolver.ignored().unexpected, 2);
    assert!(resolver.next_answer().is_none());
    reply(&mut resolver, &query, &good);
    assert!(outcome(&mut resolver).is_ok());
}

#[test]
fn numbers_sockets_and_case_differ_each_time() {
    let mut resolver = resolver();
    let text = "a-name-with-quite-a-few-letters.example.com";
    resolver.lookup(Time::ZERO, text, Kind::A).unwrap();
    let first = resolver.poll(Time::ZERO, 1).unwrap();
    let second = resolver.poll(resolver.next_timeout().unwrap(), 2).unwrap();
    assert_ne!(first.socket, second.socket);
    assert_ne!(first.payload[..2], second.payload[..2]);
    assert_ne!(first.payload[12..], second.payload[12..]);
    assert_eq!(asked(&first), asked(&second));
    assert_eq!(resolver.next_closed(), Some(first.socket));
}

#[test]
fn servers_are_asked_in_turn_with_growing_patience() {
    let mut resolver = resolver();
    resolver.lookup(Time::ZERO, "example.com", Kind::A).unwrap();
    let mut asked = Vec::new();
    let mut now = Time::ZERO;
    while let Some(query) = resolver.poll(now, 7) {
        asked.push((now.as_millis() / 1000, query.server));
        now = resolver.next_timeout().unwrap();
    }
    let (one, two) = (server(1), server(2));
    assert_eq!(asked, [(0, one), (2, two), (4, one), (8, two), (12, one), (20, two)]);
    assert_eq!(now, Time::from_secs(28));
    assert_eq!(outcome(&mut resolver), Err(DnsError::TimedOut(name("example.com"))));
}

#[test]
fn a_server_that_fails_is_left_at_once() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "example.com");
    let failure = answer(&query, 2, &[], &[]);
    reply(&mut resolver, &query, &failure);
    let next = resolver.poll(Time::ZERO, 5).unwrap();
    assert_eq!(next.server, server(2));
    let failure = answer(&next, 5, &[], &[]);
    reply(&mut resolver, &next, &failure);
    assert_eq!(resolver.poll(Time::ZERO, 6), None, "the second round is not for now");
    assert!(resolver.poll(Time::from_secs(2), 6).is_some());
}

#[test]
fn a_server_that_knows_no_extensions_is_asked_without() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "example.com");
    reply(&mut resolver, &query, &answer(&query, 1, &[], &[]));
    let again = resolver.poll(Time::ZERO, 5).unwrap();
    assert_eq!(again.server, query.server);
    assert_eq!(again.payload.len(), query.payload.len() - 11);
}

#[test]
fn a_truncated_answer_says_that_tcp_is_needed() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "example.com");
    let mut cut = answer(&query, 0, &[record(1, 300, &[1, 2, 3, 4])], &[]);
    cut[2] |= 2;
    cut.truncate(cut.len() - 2);
    reply(&mut resolver, &query, &cut);
    let error = outcome(&mut resolver).unwrap_err();
    assert_eq!(error, DnsError::Truncated(name("example.com")));
    assert!(error.to_string().contains("TCP"));
}

#[test]
fn a_chain_of_names_is_followed_within_an_answer_and_beyond() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "www.example.com");
    let alias = b"\x03cdn\x03net\x00";
    // The address stands before the record that leads to it.
    let address = owned(alias, 1, 60, &[1, 2, 3, 4]);
    reply(&mut resolver, &query, &answer(&query, 0, &[address, record(5, 30, alias)], &[]));
    let found = outcome(&mut resolver).unwrap();
    assert_eq!(found.name, name("cdn.net"));
    assert_eq!(found.ttl, Duration::from_secs(30));

    let query = ask(&mut resolver, "other.example.com");
    reply(&mut resolver, &query, &answer(&query, 0, &[record(5, 30, alias)], &[]));
    let next = resolver.poll(Time::ZERO, 9).unwrap();
    assert_eq!(asked(&next), "cdn.net.");
    reply(&mut resolver, &next, &answer(&next, 0, &[record(1, 60, &[1, 2, 3, 4])], &[]));
    assert_eq!(outcome(&mut resolver).unwrap().ttl, Duration::from_secs(30));
    let known = resolver.lookup(Time::ZERO, "other.example.com", Kind::A);
    assert!(matches!(known, Ok(Lookup::Known(_))));
}

#[test]
fn names_that_lead_in_a_circle_are_an_error() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "www.example.com");
    reply(&mut resolver, &query, &answer(&query, 0, &[record(5, 30, &[0xc0, 12])], &[]));
    assert_eq!(outcome(&mut resolver), Err(DnsError::LongChain(name("www.example.com"))));
}

#[test]
fn that_there_is_nothing_is_remembered_as_long_as_the_zone_says() {
    let mut resolver = resolver();
    let query = ask(&mut resolver, "no.example.com.");
    reply(&mut resolver, &query, &answer(&query, 3, &[], &[authority(60)]));
    let error = DnsError::NoName(name("no.example.com"));
    assert_eq!(outcome(&mut resolver), Err(error.clone()));
    let before = resolver.lookup(Time::from_secs(59), "no.example.com.", Kind::A);
    assert_eq!(before, Err(error));
    let after = resolver.lookup(Time::from_secs(60), "no.example.com.", Kind::A);
    assert!(matches!(after, Ok(Lookup::Asked(_))));

    let query = resolver.poll(Time::from_secs(60), 3).unwrap();
    let nothing = answer(&query, 0, &[], &[]);
    resolver.receive(Time::from_secs(60), query.socket, query.server, &nothing);
    let error = DnsError::NoData(name("no.example.com"), Kind::A);
    assert_eq!(outcome(&mut resolver), Err(error));
    assert_eq!(resolver.remembered(), 0, "without a start of authority nothing is remembered");
}

#[test]
fn short_names_are_tried_in_the_search_domains() {
    let search = vec![name("corp.example"), name("example")];
    let mut resolver = Resolver::new(Options { search, ..Options::new(vec![server(1)]) });
    let mut query = ask(&mut resolver, "host");
    let mut tried = vec![asked(&query)];
    for _ in 0..2 {
        reply(&mut resolver, &query, &answer(&query, 3, &[], &[authority(60)]));
        query = resolver.poll(Time::ZERO, 3).unwrap();
        tried.push(asked(&query));
    }
    assert_eq!(tried, ["host.corp.example.", "host.example.", "host."]);
    reply(&mut resolver, &query, &answer(&query, 3, &[], &[authority(60)]));
    assert_eq!(outcome(&mut resolver), Err(DnsError::NoName(name("host"))));
    let again = resolver.lookup(Time::ZERO, "host", Kind::A);
    assert_eq!(again, Err(DnsError::NoName(name("host"))), "all three are remembered");
    assert_eq!(asked(&ask(&mut resolver, "a.b")), "a.b.", "with a dot it is tried as it is");
    assert_eq!(asked(&ask(&mut resolver, "c.")), "c.");
}

#[test]
fn what_needs_no_server() {
    let known = vec![
        (name("box"), "192.0.2.7".parse().unwrap()),
        (name("box"), "2001:db8::7".parse().unwrap()),
    ];
    let mut resolver = Resolver::new(Options { known, ..Options::new(vec![]) });
    let mut data = |text: &str, kind| match resolver.lookup(Time::ZERO, text, kind) {
        Ok(Lookup::Known(answer)) => Ok(answer.data),
        Ok(Lookup::Asked(_)) => panic!("asked"),
        Err(error) => Err(error),
    };
    let v4 = |text: &str| Data::A(text.parse().unwrap());
    let v6 = |text: &str| Data::Aaaa(text.parse().unwrap());
    assert_eq!(data("BOX", Kind::A), Ok(vec![v4("192.0.2.7")]));
    assert_eq!(data("box.", Kind::Aaaa), Ok(vec![v6("2001:db8::7")]));
    assert_eq!(data("localhost", Kind::A), Ok(vec![v4("127.0.0.1")]));
    assert_eq!(data("x.localhost", Kind::Aaaa), Ok(vec![v6("::1")]));
    assert_eq!(data("198.51.100.1", Kind::A), Ok(vec![v4("198.51.100.1")]));
    assert_eq!(data("2001:db8::1", Kind::Aaaa), Ok(vec![v6("2001:db8::1")]));
    assert_eq!(data("192.0.2.7", Kind::Ptr), Ok(vec![Data::Ptr(name("box"))]));
    assert!(matches!(data("2001:db8::1", Kind::A), Err(DnsError::NoData(..))));
    assert!(matches!(data("x.onion", Kind::A), Err(DnsError::NoName(_))));
    assert_eq!(data("example.com", Kind::A), Err(DnsError::NoServers));
    assert_eq!(data("a..b", Kind::A), Err(DnsError::BadName(BadName::Empty)));
    assert_eq!(data("", Kind::A), Err(DnsError::BadName(BadName::Empty)));
    assert_eq!(data("ä", Kind::A), Err(DnsError::BadName(BadName::Character)));
}

#[test]
fn names_of_addresses() {
    let reverse = |text: &str| Name::reverse(text.parse().unwrap()).to_string();
    assert_eq!(reverse("192.0.2.1"), "1.2.0.192.in-addr.arpa.");
    assert_eq!(
        reverse("2001:db8::567:89ab"),
        "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."
    );
    let mut resolver = resolver();
    resolver.lookup_names(Time::ZERO, "192.0.2.1".parse().unwrap()).unwrap();
    let query = resolver.poll(Time::ZERO, 1).unwrap();
    let found = answer(&query, 0, &[record(12, 60, b"\x03box\x00")], &[]);
    reply(&mut resolver, &query, &found);
    assert_eq!(outcome(&mut resolver).unwrap().data, [Data::Ptr(name("box"))]);
}

#[test]
fn questions_and_memory_are_bounded() {
    let options = Options { questions: 2, cache: 3, ..Options::new(vec![server(1)]) };
    let mut resolver = Resolver::new(options);
    resolver.lookup(Time::ZERO, "a.b", Kind::A).unwrap();
    let Ok(Lookup::Asked(id)) = resolver.lookup(Time::ZERO, "c.d", Kind::A) else { panic!() };
    assert_eq!(resolver.lookup(Time::ZERO, "e.f", Kind::A), Err(DnsError::TooMany(2)));
    resolver.cancel(id);
    resolver.lookup(Time::ZERO, "e.f", Kind::A).unwrap();
    while let Some(query) = resolver.poll(Time::ZERO, 1) {
        reply(&mut resolver, &query, &answer(&query, 0, &[record(1, 60, &[1, 2, 3, 4])], &[]));
    }
    assert_eq!(resolver.lookup(Time::ZERO, "e.g", Kind::A), Err(DnsError::TooMany(2)));
    while resolver.next_answer().is_some() {}
    for number in 0..10 {
        let query = ask(&mut resolver, &format!("host{number}.example"));
        let ttl = 100 + number;
        reply(&mut resolver, &query, &answer(&query, 0, &[record(1, ttl, &[1, 2, 3, 4])], &[]));
        assert!(outcome(&mut resolver).is_ok());
    }
    assert_eq!(resolver.remembered(), 3);
    let last = resolver.lookup(Time::ZERO, "host9.example", Kind::A);
    assert!(matches!(last, Ok(Lookup::Known(_))));
}

#[test]
fn pointers_lead_towards_the_front_and_end() {
    let name_at = |bytes: &[u8], at| Name::read(bytes, at).map(|it| (it.0.to_string(), it.1));
    let bytes = b"\x01a\x00\x01b\xc0\x00\x01c\xc0\x03";
    assert_eq!(name_at(bytes, 7), Ok(("c.b.a.".into(), 11)));
    assert_eq!(name_at(b"\xc0\x00", 0), Err(Malformed::Name), "to itself");
    assert_eq!(name_at(b"\x01a\xc0\x00", 0), Err(Malformed::Name), "in a circle");
    assert_eq!(name_at(b"\x01a\xc0\x09\x00", 0), Err(Malformed::Name), "forwards");
    assert_eq!(name_at(b"\x01a\xc0", 0), Err(Malformed::Truncated));
    assert_eq!(name_at(b"\x05a", 0), Err(Malformed::Truncated));
    assert_eq!(name_at(b"\x80\x00", 0), Err(Malformed::Name), "a reserved kind of label");
    assert_eq!(name_at(b"", 7), Err(Malformed::Truncated));
    let label = [&[63_u8][..], &[b'x'; 63]].concat();
    let longest = [label.repeat(3), vec![61], vec![b'x'; 61], vec![0]].concat();
    assert_eq!(longest.len(), 255);
    assert!(Name::read(&longest, 0).is_ok());
    let long = [label.repeat(3), vec![62], vec![b'x'; 62], vec![0]].concat();
    assert_eq!(name_at(&long, 0), Err(Malformed::Name));
    let mut ladder = vec![0];
    for at in 0..40_u16 {
        let back = if at == 0 { 0 } else { 1 + 2 * (at - 1) };
        ladder.extend((0xc000 | back).to_be_bytes());
    }
    assert_eq!(name_at(&ladder, ladder.len() - 2), Err(Malformed::Name), "a long ladder");
}

proptest! {
    #[test]
    fn no_bytes_confuse_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(message) = Message::read(&bytes) {
            prop_assert!(message.answers.len() <= 64);
        }
    }

    #[test]
    fn names_go_through_text_and_bytes(text in "([a-zA-Z0-9_-]{1,20}\\.){1,8}") {
        let name: Name = text.parse().unwrap();
        prop_assert_eq!(name.to_string(), &text[..]);
        let (read, after) = Name::read_plain(name.wire(), 0).unwrap();
        prop_assert_eq!(after, name.wire().len());
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn a_broken_answer_never_hangs_a_question(
        at in 0..100_usize, value: u8, cut in 0..100_usize, code in 0..16_u8, seed: u64,
    ) {
        let mut resolver = resolver();
        let Lookup::Asked(_) = resolver.lookup(Time::ZERO, "www.example.com", Kind::A).unwrap()
            else { panic!() };
        let (mut now, mut sent) = (Time::ZERO, 0);
        while resolver.next_answer().is_none() {
            if let Some(query) = resolver.poll(now, seed) {
                sent += 1;
                prop_assert!(sent <= 64);
                let alias = record(5, 30, b"\x03cdn\x03net\x00");
                let mut bytes = answer(&query, code, &[alias], &[authority(9)]);
                let len = bytes.len();
                bytes[at % len] = value;
                bytes.truncate(len.saturating_sub(cut));
                resolver.receive(now, query.socket, query.server, &bytes);
            } else if let Some(next) = resolver.next_timeout() {
                now = next;
            }
        }
    }
}
