//! Answers of name servers: read as they are, and given to a resolver that waits for just them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstack::Time;
use netstack::dns::{Kind, Lookup, Message, Name, Options, Resolver};
use std::time::Duration;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Message::read(bytes) {
        assert!(message.answers.len() <= 64);
    }
    if let Ok((name, after)) = Name::read(bytes, bytes.len() / 2) {
        assert!(name.wire().len() <= 255 && after <= bytes.len());
        let again = Name::read_plain(name.wire(), 0).map(|it| it.0);
        assert_eq!(again, Ok(name));
    }
    let server = std::net::SocketAddr::from(([192, 0, 2, 1], 53));
    let mut resolver = Resolver::new(Options { cache: 4, ..Options::new(vec![server]) });
    let asked = resolver.lookup(Time::ZERO, "www.example.com", Kind::A);
    assert!(matches!(asked, Ok(Lookup::Asked(_))));
    // Whatever comes, there is an outcome before long, and it is the only one.
    let mut now = Time::ZERO;
    let mut sent = 0;
    while let Some(next) = resolver.next_timeout() {
        now = now.max(next);
        let Some(query) = resolver.poll(now, sent) else { continue };
        sent += 1;
        assert!(sent < 64);
        // The bytes, behind a header and a question that fit.
        let head = query.payload.iter().take(2).copied().chain(bytes.iter().copied().take(10));
        let end = query.payload.len() - 11;
        let question = query.payload.get(12..end).unwrap_or_default().iter().copied();
        let rest = bytes.iter().copied().skip(10);
        let answer: Vec<u8> = head.chain(question).chain(rest).collect();
        resolver.receive(now, query.socket, query.server, &answer);
        resolver.receive(now + Duration::from_millis(1), query.socket, query.server, &answer);
    }
    assert!(resolver.next_answer().is_some());
    assert!(resolver.next_answer().is_none());
});
