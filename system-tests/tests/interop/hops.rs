//! What lives too short: the router between us and Linux says that its hops were used up.

use crate::meeting::{Driver, OURS, end, ip};
use crate::path_mtu::{BEHIND, path};
use netstack::Error;
use std::io::{self, ErrorKind};
use system_tests::eventually;

on_each_driver!(a_datagram_that_lives_too_short_ends_at_the_router);

/// What the stack said, inside of what the socket says.
fn inside(error: &io::Error) -> Option<Error> {
    match error.get_ref()?.downcast_ref()? {
        socket::Error::Stack(error) => Some(*error),
        _ => None,
    }
}

fn a_datagram_that_lives_too_short_ends_at_the_router(driver: Driver) {
    let path = path(driver, true);
    for (ours, behind) in OURS.into_iter().zip(BEHIND) {
        let there = path.bind_behind(&end(behind, 7));
        let here = path.meeting.bind(&end(ours, 0));
        here.connect(end(behind, 7)).expect("a way there");
        here.set_ttl(1).expect("a number of hops");
        here.send(b"short").expect("nothing is known against it yet");
        let error = here.recv(&mut [0; 8]).expect_err("the router does not pass it on");
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
        let to = end(behind, 7).parse().expect("an address");
        assert_eq!(inside(&error), Some(Error::HopsUsedUp(to)));
        assert!(error.to_string().contains(&end(behind, 7)), "{error}");
        // The way out that the message names.
        here.set_ttl(2).expect("a number of hops");
        here.send(b"long").expect("it goes on");
        let (length, from) = there.recv_from(&mut [0; 8]).expect("it arrives");
        assert_eq!(length, 4, "and it alone");
        there.send_to(b"yes", from).expect("a way back");
        assert_eq!(here.recv(&mut [0; 8]).expect("it arrives"), 3);
    }
}

#[test]
fn our_request_that_lives_too_short_ends_at_the_router() {
    let path = path(Driver::Tap, true);
    for behind in BEHIND.map(ip) {
        let mut outcome = None;
        let ping = path.meeting.network.with_link(|link| link.ping(behind, 1, b"?").expect("room"));
        eventually("the router answers", || {
            outcome = path.meeting.network.with_link(|link| link.host().take_pong(ping));
            outcome.is_some()
        });
        let error = outcome.and_then(Result::err).expect("it does not get through");
        assert_eq!(error, Error::HopsUsedUp((behind, 0).into()));
    }
}
