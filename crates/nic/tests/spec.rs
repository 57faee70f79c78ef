//! The short form: what is read, what it prints, and how mistakes are shown.

use nic::spec::{Driver, Memory, Spec, Stream, Vhost, VhostDevice, Wrapper, all_keys};
use nic::wrap::faults::{self, Distribution, Impairment, Share};
use nic::wrap::tee;
use nic::{null, packet_socket, passt, pcap, tap, xdp};
use packet::Pool;
use packet::header::ethernet::Mac;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::fmt::Write;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

fn read(text: &str) -> Spec {
    text.parse().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn mistakes(text: &str) -> String {
    text.parse::<Spec>().unwrap_err().to_string()
}

#[test]
fn the_examples_of_the_reference_page_are_read() {
    let page = include_str!("../../../docs/nic.md");
    let mut count = 0;
    for line in page.lines() {
        if let Some(text) = line.trim().strip_prefix("--nic ") {
            let text = text.trim_matches('\'');
            let spec = read(text);
            assert_eq!(read(&spec.to_string()), spec, "{text}");
            count += 1;
        }
    }
    assert!(count >= 20, "only {count} examples");
}

#[test]
fn the_reference_page_has_every_key_with_its_form_and_default() {
    let page = include_str!("../../../docs/nic.md");
    let mut missing = String::new();
    for (part, keys) in all_keys() {
        let heading = format!("### `{part}`");
        let section = page.split(&heading).nth(1).unwrap_or_default();
        let section = section.split("\n### ").next().unwrap_or_default();
        if section.is_empty() {
            writeln!(missing, "{heading}").unwrap();
        }
        for key in keys {
            let default = match key.default.as_str() {
                "" => "–".to_owned(),
                default => format!("`{default}`"),
            };
            let row = format!("| `{}` | {} | {default} |", key.name, key.form);
            if !section.contains(&row) {
                writeln!(missing, "{part}: {row}").unwrap();
            }
        }
    }
    assert!(missing.is_empty(), "docs/nic.md lacks:\n{missing}");
}

#[test]
fn a_chain_is_read_from_the_inside_out() {
    let spec = read("tap:tap0,queues=2,mtu=9000+faults:loss=1%,in.loss=2%,delay=10ms,seed=7+trace");
    let options = tap::Options { queues: 2, mtu: Some(9000), ..tap::Options::default() };
    assert_eq!(spec.driver, Driver::Tap("tap0".into(), options));
    let line = Impairment {
        loss: Share::percent(1),
        delay: Duration::from_millis(10),
        ..Impairment::default()
    };
    let receive = Impairment { loss: Share::percent(2), ..line.clone() };
    let faults = faults::Options { receive, transmit: line, seed: 7 };
    assert_eq!(spec.wrappers, [Wrapper::Faults(Box::new(faults)), Wrapper::Trace]);
    assert_eq!(
        spec.to_string(),
        "tap:tap0,queues=2,mtu=9000+faults:in.loss=2%,out.loss=1%,delay=10ms,seed=7+trace"
    );
}

#[test]
fn quotes_hold_what_would_be_cut() {
    let spec = read(r#"pcap:"a,b+c=\"d\"\\.pcap",out="x=y"+tee:"out put.pcapng""#);
    let Driver::Pcap(options) = &spec.driver else { panic!("{spec:?}") };
    assert_eq!(options.path, PathBuf::from(r#"a,b+c="d"\.pcap"#));
    assert_eq!(options.out, Some("x=y".into()));
    assert_eq!(read(&spec.to_string()), spec);
}

#[test]
fn every_mistake_is_shown_where_it_is() {
    assert_eq!(
        mistakes("tap:tap0,queue=2,mtu=9+fault:loss=1%"),
        "  tap:tap0,queue=2,mtu=9+fault:loss=1%\n\
         \x20          ^^^^^ `tap` has no key `queue`; did you mean `queues`?\n\
         \x20 tap:tap0,queue=2,mtu=9+fault:loss=1%\n\
         \x20                      ^ this is a number from 68 to 65535, not `9`\n\
         \x20 tap:tap0,queue=2,mtu=9+fault:loss=1%\n\
         \x20                        ^^^^^ there is no wrapper `fault`; did you mean `faults`?"
    );
}

#[test]
fn each_kind_of_mistake_has_its_words() {
    for (text, words) in [
        ("", "the name of a driver is missing"),
        ("tab:tap0", "did you mean `tap`?"),
        ("ethernet:x", "there are `tap`, `packet`"),
        ("tap", "`tap` needs the name of an interface first: `tap:tap0`"),
        ("tap:queues=2", "needs the name of an interface first"),
        ("tap:", "needs the name of an interface first"),
        ("tap:abcdefghijklmnop", "at most 15 letters"),
        ("tap:tap0,", "a key is missing here"),
        ("tap:tap0,mtu", "`mtu` needs a value: 68 to 65535"),
        ("tap:tap0,mtu=", "this is a number from 68 to 65535, not ``"),
        ("tap:tap0,mtu=1500,mtu=1400", "`mtu` is given twice"),
        ("tap:tap0,persistent=yes", "this is `on` or `off`, not `yes`"),
        ("tap:tap0+", "the name of a wrapper is missing here"),
        ("tap:tap0+trace:x", "`trace` has no keys"),
        ("tap:tap0+tap:tap1", "there is no wrapper `tap`"),
        ("trace", "name that first, as in `tap:tap0+trace`"),
        ("tap=tap0", "`:` goes between a name"),
        ("tap:\"tap0", "this quote is never closed"),
        ("tap:ta\"p0\"", "a quote must begin the value"),
        ("tap:\"tap0\"x", "nothing may follow the closing quote"),
        ("xdp:eth0,mode=zerocopy", "did you mean `zero-copy`?"),
        ("vhost:/x,mac=02:00:00:00:00", "a hardware address"),
        ("vhost:/x,mac=ff:ff:ff:ff:ff:ff", "the address of a group"),
        ("passt:tcp=70000", "a port is 1 to 65535, not `70000`"),
        ("passt:udp=90-80", "ends before it begins"),
        ("passt:udp=80-90:1-3", "as many ports"),
        ("null:size=5000", "this is a number from 14 to 3840"),
        ("null+faults:loss=1", "a percentage (`1%`, `0.05%`) of at most 100, not `1`"),
        ("null+faults:loss=101%", "of at most 100"),
        ("null+faults:delay=5", "this is a time"),
        ("null+faults:rate=fast", "this is bits a second"),
        ("null+faults:los=1%", "did you mean `loss`?"),
        ("null+faults:in.los=1%", "did you mean `in.loss`?"),
        ("null+tee", "`tee` needs a path first: `tee:out.pcapng`"),
    ] {
        let shown = mistakes(text);
        assert!(shown.contains(words), "{text}\n{shown}");
    }
}

#[test]
fn a_pool_that_does_not_do_is_refused_before_anything_is_opened() {
    let open = |text: &str, pages| match read(text).open(&Pool::plain(pages)) {
        Ok(_) => panic!("{text} opened"),
        Err(error) => error.to_string(),
    };
    assert_eq!(read("xdp:eth0").memory(), Memory::Region);
    assert!(open("xdp:eth0", 9000).contains("one region of memory"));
    let small = open("null+faults:delay=1ms", 100);
    assert!(small.contains("the pool has 100 pages, and 2064 may be in use"), "{small}");
    assert!(open("wire", 100).contains("net demo"));
}

#[test]
fn what_cannot_be_opened_says_why() {
    let open = |text: &str| match read(text).open(&Pool::plain(100)) {
        Ok(_) => panic!("{text} opened"),
        Err(error) => error.to_string(),
    };
    let capture = open("pcap:/nowhere/in.pcap");
    assert!(
        capture.contains("/nowhere/in.pcap: opening the capture failed: No such file"),
        "{capture}"
    );
    let tee = open("null+tee:/nowhere/x.pcap");
    assert!(tee.contains("/nowhere/x.pcap"), "{tee}");
    let stream = open("stream:/nowhere/socket");
    assert!(stream.contains("start `passt --socket /nowhere/socket` first"), "{stream}");
}

#[test]
fn a_program_that_is_not_there_is_named_with_its_package() {
    match read("passt:program=/nowhere/passt").open(&Pool::plain(100)) {
        Ok(_) => panic!("it started"),
        Err(error) => assert!(error.to_string().contains("apt install passt"), "{error}"),
    }
}

fn share() -> impl Strategy<Value = Share> {
    (0..=1_000_000_u32).prop_map(Share::of_million)
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..10_000_u64).prop_map(Duration::from_millis),
        (0..u64::MAX).prop_map(Duration::from_nanos),
    ]
}

fn impairment() -> impl Strategy<Value = Impairment> {
    let distribution = prop_oneof![
        Just(Distribution::Uniform),
        Just(Distribution::Normal),
        Just(Distribution::Pareto)
    ];
    let shares = (share(), share(), share(), share(), share());
    let line = (option::of(1..u64::MAX), 1..u64::MAX, 1..1_000_000_usize);
    (shares, time(), time(), distribution, line).prop_map(
        |(shares, delay, jitter, distribution, (rate, burst, queue))| Impairment {
            loss: shares.0,
            duplicate: shares.1,
            corrupt: shares.2,
            truncate: shares.3,
            reorder: shares.4,
            delay,
            jitter,
            distribution,
            rate,
            burst,
            queue,
        },
    )
}

fn path() -> impl Strategy<Value = PathBuf> {
    "[^\u{0}]{1,20}".prop_map(PathBuf::from)
}

fn wrapper() -> impl Strategy<Value = Wrapper> {
    prop_oneof![
        Just(Wrapper::Trace),
        (path(), option::of(1..u64::MAX), 1..1000_usize)
            .prop_map(|(path, size, files)| Wrapper::Tee(tee::Options { path, size, files })),
        (impairment(), impairment(), any::<u64>()).prop_map(|(receive, transmit, seed)| {
            Wrapper::Faults(Box::new(faults::Options { receive, transmit, seed }))
        }),
    ]
}

fn forward() -> impl Strategy<Value = passt::Forward> {
    (1..30_000_u16, 1..30_000_u16, 1..30_000_u16).prop_map(|(from, to, count)| {
        let number = |number| NonZeroU16::new(number).unwrap();
        passt::Forward { from: number(from), to: number(to), count: number(count) }
    })
}

fn driver() -> impl Strategy<Value = Driver> {
    let name = "[a-z][a-z0-9:,+=\"\\\\.-]{0,14}";
    let vhost = |private: bool| {
        (path(), any::<bool>(), 1..=128_u16, 16..4096_u16, 68..65_535_usize, any::<bool>())
            .prop_map(move |(path, server, queues, size, mtu, large)| Vhost {
                path,
                server,
                queues,
                size,
                mtu,
                large,
                mac: private.then_some(Mac([2, 0, 0, 0, 0, queues as u8])),
                private,
            })
    };
    let modes = prop_oneof![
        Just(xdp::Mode::Best),
        Just(xdp::Mode::Skb),
        Just(xdp::Mode::Driver),
        Just(xdp::Mode::ZeroCopy)
    ];
    let ends = prop_oneof![Just(pcap::End::Stay), Just(pcap::End::Gone), Just(pcap::End::Again)];
    let paces = prop_oneof![Just(pcap::Pace::Fast), Just(pcap::Pace::Real)];
    prop_oneof![
        (name, 1..256_usize, option::of(68..65_535_usize), any::<bool>(), any::<bool>()).prop_map(
            |(name, queues, mtu, large, persistent)| {
                Driver::Tap(name, tap::Options { queues, mtu, large, persistent })
            }
        ),
        (name, 1..256_usize, any::<bool>()).prop_map(|(name, queues, promiscuous)| {
            let default = packet_socket::Options::default();
            Driver::Packet(name, packet_socket::Options { queues, promiscuous, ..default })
        }),
        (name, 1..256_usize, modes, 0..1_000_000_u32).prop_map(
            |(name, queues, mode, busy_poll)| {
                Driver::Xdp(
                    name,
                    xdp::Options { queues, mode, busy_poll, ..xdp::Options::default() },
                )
            }
        ),
        any::<bool>().prop_flat_map(vhost).prop_map(Driver::Vhost),
        (path(), 68..65_535_usize, any::<bool>()).prop_map(|(path, mtu, large)| {
            let mac = large.then_some(Mac([2, 0, 0, 0, 0, 7]));
            Driver::VhostDevice(VhostDevice { path, mtu, mac, large })
        }),
        (vec(forward(), 0..3), vec(forward(), 0..3), 68..65_535_usize, any::<bool>(), path())
            .prop_map(|(tcp, udp, mtu, insecure_loopback, program)| {
                Driver::Passt(passt::Network { program, mtu, tcp, udp, insecure_loopback })
            }),
        (path(), 68..65_535_usize).prop_map(|(path, mtu)| Driver::Stream(Stream { path, mtu })),
        (path(), option::of(path()), paces, ends).prop_map(|(path, out, pace, end)| Driver::Pcap(
            pcap::Options { path, out, pace, end }
        )),
        (14..3840_usize, any::<bool>())
            .prop_map(|(size, copy)| Driver::Null(null::Options { size, copy })),
        Just(Driver::Wire),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(driver in driver(), wrappers in vec(wrapper(), 0..4)) {
        let spec = Spec { driver, wrappers };
        let text = spec.to_string();
        let again = text.parse::<Spec>().map_err(|mistakes| {
            TestCaseError::fail(mistakes.to_string())
        })?;
        prop_assert_eq!(again, spec, "{}", text);
    }

    #[test]
    fn any_text_is_read_or_its_mistakes_are_within_it(text in "\\PC{0,60}") {
        check(&text)?;
    }

    #[test]
    fn almost_a_spec_is_read_or_its_mistakes_are_within_it(
        pieces in vec("tap|xdp|passt|null|pcap|faults|tee|trace|loss|mtu|size|=|,|:|\\+|\"|1%|2|ö|\\\\", 0..20),
    ) {
        check(&pieces.concat())?;
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match text.parse::<Spec>() {
        Ok(spec) => prop_assert_eq!(spec.to_string().parse::<Spec>(), Ok(spec)),
        Err(mistakes) => {
            prop_assert!(!mistakes.mistakes.is_empty());
            for mistake in &mistakes.mistakes {
                prop_assert!(text.get(mistake.at.clone()).is_some(), "{:?}", mistake);
            }
            prop_assert!(mistakes.to_string().contains('^'));
        }
    }
    Ok(())
}
