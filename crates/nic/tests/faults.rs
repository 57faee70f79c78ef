//! Faults happen as often as told, the same for the same seed, and lose no packet.

mod frames;

use frames::{contents, frame, number, numbered, receive, reclaim};
use nic::Nic;
use nic::wire::{self, Wire, wire};
use nic::wrap::faults::{Distribution, Faults, Impairment, Options, Share};
use nic::wrap::{Clock, Tee, Trace, VirtualClock, tee};
use packet::{Batch, Checksum, Pool};
use proptest::prelude::*;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

/// A wire, one end of which is wrapped.
fn faulty(options: &Options) -> (Faults<Wire, VirtualClock>, Wire, VirtualClock) {
    let clock = VirtualClock::default();
    let (near, far) = wire(&wire::Options::default());
    (Faults::with_clock(near, options, clock.clone()), far, clock)
}

fn receiving(impairment: Impairment, seed: u64) -> Options {
    Options { receive: impairment, transmit: Impairment::default(), seed }
}

fn sending(impairment: Impairment, seed: u64) -> Options {
    Options { receive: Impairment::default(), transmit: impairment, seed }
}

/// What arrives of `count` frames, sent one each millisecond: when, and their bytes.
fn arrivals(options: &Options, count: u32, incoming: bool) -> Vec<(Duration, Vec<u8>)> {
    let mut pool = Pool::plain(4096);
    let (mut near, mut far, clock) = faulty(options);
    let mut arrived = Vec::new();
    let mut step = |number: Option<u32>| {
        let mut ready = Batch::new();
        ready.extend(number.map(|number| frame(&mut pool, &numbered(number, 100))));
        let mut received = if incoming {
            far.transmit(&mut ready).unwrap();
            receive(&mut near, &mut pool, 64)
        } else {
            near.transmit(&mut ready).unwrap();
            receive(&mut far, &mut pool, 64)
        };
        assert!(ready.is_empty());
        arrived.extend(received.iter().map(|packet| (clock.now(), contents(packet))));
        pool.recycle_batch(&mut received);
        reclaim(&mut near, &mut pool);
        reclaim(&mut far, &mut pool);
        clock.advance(MILLISECOND);
        near.next_due()
    };
    for number in 0..count {
        step(Some(number));
    }
    while step(None).is_some() {}
    drop((near, far));
    assert_eq!(pool.statistics().away, 0, "all pages are home");
    arrived
}

fn numbers(arrivals: &[(Duration, Vec<u8>)]) -> Vec<u32> {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes[14..18].try_into().unwrap());
    arrivals.iter().map(|(_, bytes)| number(bytes)).collect()
}

#[test]
fn without_faults_nothing_happens() {
    for incoming in [true, false] {
        let arrived = arrivals(&Options::default(), 500, incoming);
        assert_eq!(numbers(&arrived), (0..500).collect::<Vec<_>>());
        for (number, (time, bytes)) in arrived.iter().enumerate() {
            assert_eq!(*time, MILLISECOND * number as u32);
            assert_eq!(*bytes, numbered(number as u32, 100));
        }
    }
}

#[test]
fn loss_is_as_much_as_told_and_only_in_its_direction() {
    let loss = Impairment { loss: Share::percent(20), ..Impairment::default() };
    for incoming in [true, false] {
        let options = if incoming { receiving(loss.clone(), 5) } else { sending(loss.clone(), 5) };
        let arrived = numbers(&arrivals(&options, 5000, incoming));
        assert!(arrived.len().abs_diff(4000) < 150, "{} of 5000", arrived.len());
        assert!(arrived.is_sorted());
        assert_eq!(arrivals(&options, 500, !incoming).len(), 500);
    }
}

#[test]
fn duplicates_are_whole_and_adjacent() {
    let duplicate = Impairment { duplicate: Share::percent(30), ..Impairment::default() };
    for incoming in [true, false] {
        let options = Options::both(duplicate.clone(), 9);
        let arrived = arrivals(&options, 2000, incoming);
        let doubled = arrived.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert_eq!(arrived.len(), 2000 + doubled);
        // Sent ones are copied to buffers that come back first, so the very first have none.
        assert!(doubled.abs_diff(600) < 100, "{doubled} of 2000");
    }
}

#[test]
fn corruption_turns_over_one_bit() {
    let corrupt = Impairment { corrupt: Share::percent(100), ..Impairment::default() };
    for (sent, (_, bytes)) in arrivals(&receiving(corrupt, 1), 300, true).iter().enumerate() {
        let whole = numbered(sent as u32, 100);
        let turned: u32 = bytes.iter().zip(&whole).map(|(one, two)| (one ^ two).count_ones()).sum();
        assert_eq!((bytes.len(), turned), (100, 1));
    }
}

#[test]
fn a_cut_frame_is_the_front_of_the_whole_one() {
    let cut = Impairment { truncate: Share::percent(100), ..Impairment::default() };
    let arrived = arrivals(&receiving(cut, 1), 300, true);
    for (sent, (_, bytes)) in arrived.iter().enumerate() {
        assert!((14..100).contains(&bytes.len()));
        assert_eq!(*bytes, numbered(sent as u32, 100)[..bytes.len()]);
    }
    assert!(arrived.iter().any(|(_, bytes)| bytes.len() > 80));
}

#[test]
fn delay_is_exact_and_jitter_stays_within_its_bounds() {
    let delay = Impairment { delay: 10 * MILLISECOND, ..Impairment::default() };
    for (sent, (time, _)) in arrivals(&receiving(delay.clone(), 1), 100, true).iter().enumerate() {
        assert_eq!(*time, MILLISECOND * (sent as u32 + 10));
    }
    let jitter = Impairment { jitter: 5 * MILLISECOND, ..delay };
    let arrived = arrivals(&sending(jitter, 1), 1000, false);
    let numbers = numbers(&arrived);
    assert!(!numbers.is_sorted(), "frames overtake each other");
    for ((time, _), number) in arrived.iter().zip(numbers) {
        let late = time.as_millis() - u128::from(number);
        assert!((5..=16).contains(&late), "{late} ms late");
    }
}

#[test]
fn reordered_frames_are_overtaken_by_at_most_three() {
    let reorder = Impairment { reorder: Share::percent(10), ..Impairment::default() };
    let arrived = arrivals(&receiving(reorder.clone(), 3), 2000, true);
    let order = numbers(&arrived);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..2000).collect::<Vec<_>>());
    let late = order.iter().enumerate().filter(|(place, number)| **number < *place as u32);
    let late: Vec<_> = late.map(|(place, number)| place as u32 - number).collect();
    assert!(late.len().abs_diff(200) < 60, "{} of 2000", late.len());
    assert!(late.iter().all(|by| *by <= 3));
    // The last frame has nobody to overtake it and comes by itself.
    let all = Impairment { reorder: Share::percent(100), ..reorder };
    assert_eq!(arrivals(&receiving(all, 3), 1, true).len(), 1);
}

#[test]
fn the_rate_is_kept_and_its_queue_is_bounded() {
    // 100 bytes a millisecond are 800 kbit/s: at half of that every second frame is too much.
    let slow = Impairment { rate: Some(400_000), burst: 100, queue: 10, ..Impairment::default() };
    for incoming in [true, false] {
        let options = Options::both(slow.clone(), 1);
        let arrived = arrivals(&options, 1000, incoming);
        let (first, last) = (arrived.first().unwrap().0, arrived.last().unwrap().0);
        let rate = (arrived.len() - 1) as f64 * 800.0 / last.saturating_sub(first).as_secs_f64();
        assert!((rate - 400_000.0).abs() < 4_000.0, "{rate} bit/s");
        assert!(arrived.len() < 520, "the queue is short: {}", arrived.len());
        for ((time, _), number) in arrived.iter().zip(numbers(&arrived)) {
            assert!(time.as_millis() - u128::from(number) <= 22, "no more wait than the queue");
        }
    }
    // What was saved goes at once.
    let burst = Impairment { rate: Some(400_000), burst: 100 * 100, ..Impairment::default() };
    let arrived = arrivals(&receiving(burst, 1), 100, true);
    assert!(
        arrived.iter().take(100).enumerate().all(|(at, (time, _))| time.as_millis() == at as u128)
    );
}

#[test]
fn a_frame_with_its_checksum_open_is_completed_before_it_is_damaged() {
    let mut pool = Pool::plain(64);
    let corrupt = Impairment { corrupt: Share::percent(100), ..Impairment::default() };
    let (mut near, mut far, _clock) = faulty(&sending(corrupt, 1));
    let mut packet = frame(&mut pool, &numbered(1, 100));
    packet.offload_mut().checksum = Checksum::Partial { start: 34, offset: 6 };
    let mut ready = Batch::from([packet]);
    near.transmit(&mut ready).unwrap();
    let received = receive(&mut far, &mut pool, 1);
    assert_eq!(received[0].offload().checksum, Checksum::Unknown);
    let mut whole = numbered(1, 100);
    let (sum, field) = (&mut 0_u32, 40);
    whole[34..].chunks(2).for_each(|pair| *sum += u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let folded = (*sum >> 16) + (*sum & 0xffff);
    let folded = !((folded >> 16) + folded) as u16;
    whole[field..field + 2].copy_from_slice(&folded.to_be_bytes());
    let turned: u32 =
        contents(&received[0]).iter().zip(&whole).map(|(one, two)| (one ^ two).count_ones()).sum();
    assert_eq!(turned, 1, "the checksum was right but for one bit");
}

#[test]
fn a_caller_that_waits_is_woken_for_a_late_frame() {
    let mut pool = Pool::plain(64);
    let delay = Impairment { delay: 30 * MILLISECOND, ..Impairment::default() };
    let (near, mut far) = wire(&wire::Options::default());
    let mut near = Faults::new(near, &receiving(delay, 1));
    far.transmit(&mut Batch::from([frame(&mut pool, &numbered(1, 60))])).unwrap();
    let begin = std::time::Instant::now();
    while receive(&mut near, &mut pool, 1).is_empty() {
        near.wait(Some(Duration::from_secs(5))).unwrap();
    }
    let late = begin.elapsed();
    assert!(late >= 30 * MILLISECOND && late < Duration::from_secs(4), "{late:?}");
}

#[test]
fn a_device_that_is_gone_still_gives_what_is_on_its_way() {
    let mut pool = Pool::plain(64);
    let delay = Impairment { delay: 30 * MILLISECOND, ..Impairment::default() };
    let (mut near, mut far, clock) = faulty(&receiving(delay, 1));
    far.transmit(&mut Batch::from([frame(&mut pool, &numbered(1, 60))])).unwrap();
    assert!(receive(&mut near, &mut pool, 1).is_empty());
    drop(far);
    assert!(receive(&mut near, &mut pool, 1).is_empty());
    clock.advance(30 * MILLISECOND);
    assert_eq!(receive(&mut near, &mut pool, 1).len(), 1);
    let (mut free, mut received) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, 1);
    assert!(near.receive(&mut free, &mut received, 1).unwrap_err().is_gone());
}

fn impairment() -> impl Strategy<Value = Impairment> {
    let share = || (0..300_000_u32).prop_map(Share::of_million);
    let distribution = prop_oneof![
        Just(Distribution::Uniform),
        Just(Distribution::Normal),
        Just(Distribution::Pareto)
    ];
    let rate = proptest::option::of(100_000..100_000_000_u64);
    let shares = (share(), share(), share(), share(), share());
    (shares, 0..20_u32, 0..20_u32, distribution, rate, 1..200_usize).prop_map(
        |(shares, delay, jitter, distribution, rate, queue)| Impairment {
            loss: shares.0,
            duplicate: shares.1,
            corrupt: shares.2,
            truncate: shares.3,
            reorder: shares.4,
            delay: MILLISECOND * delay,
            jitter: MILLISECOND * jitter,
            distribution,
            rate,
            burst: 3000,
            queue,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn same_seed_same_traffic_same_faults(
        receive in impairment(),
        transmit in impairment(),
        seed: u64,
        incoming: bool,
    ) {
        let options = Options { receive, transmit, seed };
        let first = arrivals(&options, 200, incoming);
        prop_assert_eq!(first, arrivals(&options, 200, incoming));
    }

    #[test]
    fn every_page_comes_home(
        (receive, transmit) in (impairment(), impairment()),
        seed: u64,
        steps in proptest::collection::vec((0..40_usize, 14..20_000_usize, 0..30_u32), 1..60),
        cut in 0..60_usize,
    ) {
        let options = Options { receive, transmit, seed };
        let mut pool = Pool::plain(8192);
        let (mut near, mut far, clock) = faulty(&options);
        for (step, (count, len, time)) in steps.into_iter().enumerate() {
            let mut ready = Batch::new();
            for number in 0..count {
                ready.push_back(frame(&mut pool, &numbered(number as u32, len)));
            }
            if step % 2 == 0 {
                far.transmit(&mut ready).unwrap();
            } else {
                near.transmit(&mut ready).unwrap();
            }
            drop(ready);
            // What arrives is dropped, sent on, or left where it is.
            let mut received = receive_some(&mut near, &mut pool, count);
            near.transmit(&mut received).unwrap();
            receive_some(&mut far, &mut pool, count);
            reclaim(&mut near, &mut pool);
            clock.advance(MILLISECOND * time);
            if step == cut {
                break;
            }
        }
        drop((near, far));
        prop_assert_eq!(pool.statistics().away, 0);
    }
}

fn receive_some(nic: &mut impl Nic, pool: &mut Pool, limit: usize) -> Batch {
    let (mut free, mut received) = (Batch::new(), Batch::new());
    pool.allocate_batch(&mut free, limit * 2);
    nic.receive(&mut free, &mut received, limit).unwrap();
    received
}

/// Every wrapper around every other on both ends of a wire, all faults on, a million frames.
#[test]
fn a_million_packets_come_home_through_all_wrappers() {
    const FRAMES: u32 = 1_000_000;
    let path = |end: &str| {
        std::env::temp_dir().join(format!("cofferdam-stack-{}-{end}.pcapng", std::process::id()))
    };
    let all = Impairment {
        loss: Share::percent(5),
        duplicate: Share::percent(5),
        corrupt: Share::percent(5),
        truncate: Share::percent(5),
        reorder: Share::percent(5),
        delay: Duration::from_micros(20),
        jitter: Duration::from_micros(20),
        distribution: Distribution::Pareto,
        rate: Some(100_000_000_000),
        ..Impairment::default()
    };
    let mut pool = Pool::plain(8192);
    let clock = VirtualClock::default();
    let stack = |inner: Wire, end: &str, seed| -> Box<dyn Nic> {
        let inner: Box<dyn Nic> = Box::new(inner);
        let faults = Faults::with_clock(inner, &Options::both(all.clone(), seed), clock.clone());
        let capture =
            tee::Options { size: Some(1 << 20), files: 2, ..tee::Options::new(path(end)) };
        let tee = Tee::with_clock(Trace::new(faults), capture, clock.clone()).unwrap();
        Box::new(Faults::with_clock(tee, &Options::both(all.clone(), seed + 1), clock.clone()))
    };
    let (left, right) = wire(&wire::Options::default());
    let (mut left, mut right) = (stack(left, "left", 1), stack(right, "right", 3));
    let bytes = [numbered(0, 64), numbered(0, 1514), numbered(0, 9000)];
    let (mut sent, mut arrived) = (0, 0);
    let (mut free, mut ready, mut received, mut done) =
        (Batch::new(), Batch::new(), Batch::new(), Batch::new());
    while sent < FRAMES {
        for _ in 0..32 {
            let kind = usize::from(sent % 64 == 0) + usize::from(sent % 256 == 0);
            ready.push_back(frame(&mut pool, &bytes[kind]));
            sent += 1;
        }
        left.transmit(&mut ready).unwrap();
        sent -= ready.len() as u32;
        pool.recycle_batch(&mut ready);
        for (end, answers) in [(&mut right, true), (&mut left, false)] {
            pool.allocate_batch(&mut free, 128);
            end.receive(&mut free, &mut received, 64).unwrap();
            pool.recycle_batch(&mut free);
            arrived += received.len();
            if answers {
                end.transmit(&mut received).unwrap();
            }
            pool.recycle_batch(&mut received);
            end.reclaim(&mut done).unwrap();
            pool.recycle_batch(&mut done);
        }
        clock.advance(Duration::from_micros(10));
    }
    assert!(arrived > FRAMES as usize / 2, "{arrived} arrived");
    drop((left, right));
    for end in ["left", "left.1", "right", "right.1"] {
        std::fs::remove_file(path(end)).ok();
    }
    drop((free, ready, received, done));
    assert_eq!(pool.statistics().away, 0, "all pages are home");
}

#[test]
fn numbers_are_told() {
    let mut pool = Pool::plain(4);
    assert_eq!(number(&frame(&mut pool, &numbered(77, 5000))), 77);
}
