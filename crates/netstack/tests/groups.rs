//! Groups as routers see them: what a host says when it joins and leaves, and what it answers when
//! it is asked, in the newest versions and in those before.

mod question;
mod segment;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use netstack::{DropReason, StackId};
use packet::Batch;
use question::{Question, Report, Said, Version};
use segment::{Node, Segment, config};

const MANY: u8 = 16;

/// A group of either family.
fn group(is_v4: bool, number: u8) -> IpAddr {
    if is_v4 {
        IpAddr::from([239, 1, 2, number])
    } else {
        IpAddr::from([0xff15, 0, 0, 0, 0, 0, 0, u16::from(number)])
    }
}

/// One host, and what it says.
struct Member {
    link: Segment,
    socket: StackId,
}

impl Member {
    fn new(is_v4: bool) -> Self {
        let mut link = Segment::with([config(1)]);
        link.seen = Some(Vec::new());
        let any: SocketAddr = if is_v4 { "0.0.0.0:7" } else { "[::]:7" }.parse().expect("any");
        let socket = link.bind(1, any);
        Self { link, socket }
    }

    /// In this many groups, all of which were told.
    fn of_many(is_v4: bool, count: u8) -> Self {
        let mut member = Self::new(is_v4);
        (0..count).for_each(|number| member.join(group(is_v4, number)));
        member.listen(Duration::from_secs(30));
        member
    }

    fn join(&mut self, group: IpAddr) {
        let (now, socket) = (self.link.now, self.socket);
        self.link.host(1).join(now, socket, group).expect("a group");
    }

    fn leave(&mut self, group: IpAddr) {
        let (now, socket) = (self.link.now, self.socket);
        self.link.host(1).leave(now, socket, group).expect("a member");
    }

    fn ask(&mut self, question: &Question) {
        self.link.inject(0, &question.frame());
    }

    /// What the host reports of its application's groups from now on, and how much later. (It is in
    /// some by itself, because it has addresses.)
    fn listen(&mut self, duration: Duration) -> Vec<(Duration, Report)> {
        let start = self.link.now;
        let mut reports = Vec::new();
        while self.link.now < start + duration {
            self.link.now = self.link.now + Duration::from_millis(10);
            self.link.settle();
            let after = self.link.now.since(start);
            let seen = self.link.seen.replace(Vec::new()).unwrap_or_default();
            let told = seen.iter().filter_map(|frame| Report::read(frame));
            reports.extend(
                told.filter(|report| !question::is_solicited_node(report.group))
                    .map(|report| (after, report)),
            );
        }
        reports
    }

    /// Waits until nothing of the sort can come any more, and sees that nothing did.
    fn assert_silent(&mut self) {
        assert_eq!(self.listen(Duration::from_secs(30)), []);
    }

    fn dropped(&mut self, reason: DropReason) -> u64 {
        self.link.dropped(1, reason)
    }
}

fn reports(said: Vec<(Duration, Report)>) -> Vec<Report> {
    said.into_iter().map(|(_, report)| report).collect()
}

const FAMILIES: [bool; 2] = [true, false];
const VERSIONS: [Version; 2] = [Version::Newest, Version::Older];

#[test]
fn joining_and_leaving_are_told_twice_each() {
    for is_v4 in FAMILIES {
        let mut member = Member::of_many(is_v4, 0);
        let ours = group(is_v4, 1);
        member.join(ours);
        let said = member.listen(Duration::from_secs(5));
        let joined = Report::new(Version::Newest, Said::Joined, ours);
        assert!(said[0].0 <= Duration::from_millis(20), "at once: {said:?}");
        assert!(said[1].0 <= Duration::from_millis(1100), "within a second: {said:?}");
        assert_eq!(reports(said), [joined; 2]);
        member.leave(ours);
        let said = member.listen(Duration::from_secs(5));
        let left = Report::new(Version::Newest, Said::Left, ours);
        assert!(said[0].0 <= Duration::from_millis(20), "at once: {said:?}");
        assert_eq!(reports(said), [left; 2]);
        member.ask(&Question::general(is_v4));
        member.assert_silent();
        member.link.assert_nothing_lost();
    }
}

/// Only the first to join and the last to leave are news to a router; closing a socket is leaving.
#[test]
fn a_group_is_left_when_nobody_wants_it_any_more() {
    for is_v4 in FAMILIES {
        let mut member = Member::of_many(is_v4, 1);
        let ours = group(is_v4, 0);
        let now = member.link.now;
        let other = member.link.bind(1, if is_v4 { segment::v4(1, 8) } else { segment::v6(1, 8) });
        member.link.host(1).join(now, other, ours).expect("a group");
        member.assert_silent();
        member.leave(ours);
        member.assert_silent();
        let now = member.link.now;
        let Node { host, free, .. } = &mut member.link.nodes[0];
        host.close(now, other, free);
        let said = member.listen(Duration::from_secs(5));
        assert_eq!(said.len(), 2);
        assert!(said.iter().all(|(_, report)| report.said == Said::Left), "{said:?}");
    }
}

#[test]
fn a_member_answers_in_time_and_once() {
    for is_v4 in FAMILIES {
        for version in VERSIONS {
            let mut member = Member::of_many(is_v4, MANY);
            let within = Duration::from_secs(5);
            member.ask(&Question { version, ..Question::general(is_v4).within(within) });
            let said = member.listen(within);
            let mut groups: Vec<_> = said.iter().map(|(_, report)| report.group).collect();
            groups.sort_unstable();
            let all: Vec<_> = (0..MANY).map(|number| group(is_v4, number)).collect();
            assert_eq!(groups, all, "{version:?}");
            let right = |report: &Report| *report == Report::new(version, Said::In, report.group);
            assert!(said.iter().all(|(_, report)| right(report)), "{said:?}");
            // All at once would be what the time is given to avoid.
            let (first, last) = (said[0].0, said[said.len() - 1].0);
            assert!(last > first + within / 2, "spread over {first:?} to {last:?}");
            member.assert_silent();
            member.link.assert_nothing_lost();
        }
    }
}

/// A router asks for one group when somebody left it, and forgets it soon.
#[test]
fn only_the_group_that_was_asked_for_is_answered() {
    for is_v4 in FAMILIES {
        for version in VERSIONS {
            let mut member = Member::of_many(is_v4, MANY);
            let (ours, others) = (group(is_v4, 3), group(is_v4, MANY));
            let within = Duration::from_secs(1);
            let question = Question { version, ..Question::of(ours).within(within) };
            member.ask(&question);
            let said = reports(member.listen(within));
            assert_eq!(said, [Report::new(version, Said::In, ours)]);
            member.assert_silent();
            let question = Question { version, ..Question::of(others).within(within) };
            member.ask(&question);
            assert_eq!(member.dropped(DropReason::EthernetNotOurs), 1, "to its members");
            // Sent to everybody it is heard, and yet it is not about us.
            member.ask(&Question { to_all: true, ..question });
            member.assert_silent();
            assert_eq!(member.dropped(DropReason::IgmpInvalid), 0);
        }
    }
}

/// The same question again, while the answer to the first still waits for its moment, is the same
/// question; one that wants to know sooner is answered sooner.
#[test]
fn an_answer_that_waits_answers_later_questions_too() {
    for is_v4 in FAMILIES {
        for version in VERSIONS {
            let mut member = Member::of_many(is_v4, MANY);
            let general = Question::general(is_v4).within(Duration::from_secs(10));
            let general = Question { version, ..general };
            member.ask(&general);
            member.ask(&general);
            let within = Duration::from_secs(1);
            for number in 0..MANY {
                let specific = Question::of(group(is_v4, number)).within(within);
                member.ask(&Question { version, ..specific });
            }
            let said = member.listen(within);
            assert_eq!(said.len(), usize::from(MANY), "{version:?}: {said:?}");
            member.assert_silent();
        }
    }
}

/// The newest versions write long times as floating-point numbers, those before as they are.
#[test]
fn long_times_are_read_as_their_version_writes_them() {
    let cases = [
        // Tenths of a second: 200, and (16 + 1) << (1 + 3).
        (true, Version::Older, 200, Duration::from_secs(20)),
        (true, Version::Newest, 0x91, Duration::from_millis(27_200)),
        // Milliseconds: 50,000, and (4096 + 1) << (0 + 3).
        (false, Version::Older, 50_000, Duration::from_secs(50)),
        (false, Version::Newest, 0x8001, Duration::from_millis(32_776)),
    ];
    for (is_v4, version, code, within) in cases {
        let mut member = Member::of_many(is_v4, MANY);
        member.ask(&Question { version, code, ..Question::general(is_v4) });
        let said = member.listen(within);
        assert_eq!(said.len(), usize::from(MANY), "{version:?}, code {code}");
        let last = said[said.len() - 1].0;
        assert!(last > within / 2, "{version:?}, code {code}: the last after {last:?}");
        member.assert_silent();
    }
}

/// A router of an older version does not understand the newest; after some minutes without it, it is
/// gone.
#[test]
fn the_version_of_who_asks_is_spoken_until_it_is_silent() {
    for is_v4 in FAMILIES {
        let mut member = Member::of_many(is_v4, 2);
        let (first, second) = (group(is_v4, 0), group(is_v4, 1));
        member.ask(&Question { version: Version::Older, ..Question::general(is_v4) });
        member.listen(Duration::from_secs(20));
        let leave = |member: &mut Member, group| {
            member.leave(group);
            reports(member.listen(Duration::from_secs(5)))
        };
        let left = Report::new(Version::Older, Said::Left, first);
        assert_eq!(leave(&mut member, first), [left; 2]);
        // A router of the newest version beside it changes nothing.
        member.ask(&Question::general(is_v4));
        let said = reports(member.listen(Duration::from_secs(20)));
        assert_eq!(said, [Report::new(Version::Older, Said::In, second)]);
        member.listen(Duration::from_secs(260));
        let left = Report::new(Version::Newest, Said::Left, second);
        assert_eq!(leave(&mut member, second), [left; 2]);
    }
}

/// All hosts are in some groups, and what does not leave the interface is nobody else's.
#[test]
fn what_every_host_is_in_is_not_told() {
    for is_v4 in FAMILIES {
        let groups: &[&str] =
            if is_v4 { &["224.0.0.1"] } else { &["ff02::1", "ff01::1", "ff01::77"] };
        let mut member = Member::of_many(is_v4, 0);
        for group in groups {
            member.join(group.parse().expect("a group"));
        }
        member.assert_silent();
        member.ask(&Question::general(is_v4));
        member.assert_silent();
        for group in groups {
            member.leave(group.parse().expect("a group"));
            // And back before anything could be said.
            member.join(group.parse().expect("a group"));
        }
        member.assert_silent();
    }
}

/// A question that no router on this link asks, and why it is dropped.
fn foreign(is_v4: bool) -> Vec<(&'static str, Question, DropReason)> {
    use DropReason::{IcmpChecksum, IgmpInvalid, IpSource};
    let good = || Question::of(group(is_v4, 0));
    let older = || Question { version: Version::Older, ..good() };
    let source = |text: &str| Question { source: text.parse().expect("an address"), ..good() };
    let checksum = if is_v4 { IgmpInvalid } else { IcmpChecksum };
    let mut questions = vec![
        ("from beyond a router", Question { hops: 2, ..good() }, IgmpInvalid),
        ("from far away", Question { hops: 255, ..older() }, IgmpInvalid),
        ("a broken checksum", Question { broken: true, ..good() }, checksum),
        ("a broken checksum, older", Question { broken: true, ..older() }, checksum),
        ("a source that it does not hold", Question { sources: 1, ..good() }, IgmpInvalid),
        ("more sources than any holds", Question { sources: u16::MAX, ..good() }, IgmpInvalid),
        ("between two versions", Question { surplus: 2, ..older() }, IgmpInvalid),
        ("nearly the newest", Question { surplus: 3, ..older() }, IgmpInvalid),
    ];
    if is_v4 {
        questions.extend([
            ("half a question", Question { surplus: -4, ..older() }, IgmpInvalid),
            ("nothing at all", Question { surplus: -8, ..older() }, IgmpInvalid),
            ("a report of another host", Question { kind: 0x16, ..older() }, IgmpInvalid),
            ("a newest report", Question { kind: 0x22, ..good() }, IgmpInvalid),
            ("somebody leaves", Question { kind: 0x17, ..older() }, IgmpInvalid),
            ("from ourselves", source("10.0.0.1"), IpSource),
            ("from a group", source("224.0.0.5"), IpSource),
        ]);
    } else {
        questions.extend([
            ("half a question", Question { surplus: -8, ..older() }, IgmpInvalid),
            ("less than ICMP", Question { surplus: -20, ..older() }, DropReason::IcmpMalformed),
            (
                "a report of another host",
                Question { kind: 131, ..older() },
                DropReason::IcmpUnknown,
            ),
            ("a newest report", Question { kind: 143, ..good() }, DropReason::IcmpUnknown),
            ("from a global address", source("fd00::9"), IgmpInvalid),
            ("from nobody", source("::"), IgmpInvalid),
            ("from ourselves", source("fe80::ff:fe00:1"), IpSource),
            ("from a group", source("ff02::5"), IpSource),
            ("not for routers", Question { alert: None, ..good() }, IgmpInvalid),
            ("for routers, but not this", Question { alert: Some(1), ..good() }, IgmpInvalid),
        ]);
    }
    questions
}

#[test]
fn questions_that_no_router_here_asks_are_dropped_and_counted() {
    for is_v4 in FAMILIES {
        let mut member = Member::of_many(is_v4, 1);
        for (what, question, reason) in foreign(is_v4) {
            let before = member.link.host(1).counters().clone();
            member.ask(&question);
            let after = member.link.host(1).counters().clone();
            let drops: Vec<_> = after.drops().filter(|(it, n)| before.dropped(*it) != *n).collect();
            assert_eq!(drops, [(reason, before.dropped(reason) + 1)], "{what}");
            assert_eq!(after.heard, before.heard, "{what}");
            assert_eq!(member.listen(Duration::from_secs(12)), [], "{what}");
        }
        // None of them made us speak an older version, and what is right is answered.
        for sources in [0, 3] {
            let room = i16::try_from(sources * if is_v4 { 4 } else { 16 }).expect("few");
            let question = Question { sources, surplus: room, ..Question::of(group(is_v4, 0)) };
            member.ask(&question);
            let said = reports(member.listen(Duration::from_secs(12)));
            assert_eq!(said, [Report::new(Version::Newest, Said::In, group(is_v4, 0))]);
        }
        member.link.assert_nothing_lost();
    }
}

#[test]
fn the_books_balance_over_questions() {
    for is_v4 in FAMILIES {
        let mut member = Member::of_many(is_v4, 1);
        let mut asked = 0;
        for (_, question, _) in foreign(is_v4) {
            member.ask(&question);
            member.ask(&Question::general(is_v4));
            asked += 2;
        }
        let counters = member.link.host(1).counters();
        assert_eq!(counters.received, asked);
        assert_eq!(counters.heard, asked / 2);
        assert_eq!(counters.dropped_on_arrival(), asked / 2);
    }
}

/// Without a buffer nothing can be said; the next question is another chance.
#[test]
fn a_host_without_buffers_counts_what_it_could_not_say() {
    for is_v4 in FAMILIES {
        let mut member = Member::of_many(is_v4, 1);
        let general = Question::general(is_v4).within(Duration::from_secs(1));
        member.ask(&general);
        let mut kept = Batch::new();
        kept.append(&mut member.link.nodes[0].free);
        assert_eq!(member.listen(Duration::from_secs(2)), []);
        assert!(member.dropped(DropReason::NoBuffer) >= 1);
        member.link.nodes[0].free.append(&mut kept);
        member.ask(&general);
        assert_eq!(member.listen(Duration::from_secs(2)).len(), 1);
    }
}
