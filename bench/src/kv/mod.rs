//! The key-value store: the thesis's table 5.1, and what others need for the same.
//!
//! Ticks a packet for receiving, processing and transmitting gets, at capacities from 2^16 to 2^28
//! slots of which a quarter is filled, on the in-memory wire and over vhost-user. The thesis's
//! figures are another machine's and only shown.
//!
//! Over a kernel's wire it is *busy ticks a request*: those of the tick counter while a thread of
//! the server was running, as the kernel's scheduler counts it. That is the server's own threads
//! (of memcached all), their system calls included, and the kernel's thread that receives for the
//! server's interface (see [`crate::load`], where it is the same for every server). On TAP there
//! is no such thread: Linux's work for the server is in the server's own calls.

mod client;
mod contents;
mod desk;
mod kernel_wire;
mod memory;
mod service;
mod shared;
mod smoltcp;
mod spent;
mod vhost;

use crate::load::{Driver, SERVICE, Trial};
use bench::frame::{Bench, Case, Contest, Plan, Side, pin};
use contents::Filled;
use service::Service;
use shared::Shared;
use smoltcp::Smoltcp;
use spent::Spent;
use std::time::{Duration, Instant};
use vhost::Guest;

/// Requests on their way together.
const BATCH: usize = 32;
/// The server's port.
const PORT: u16 = 11211;
/// The capacity over a kernel's wire.
const ON_KERNEL_WIRE: u32 = 20;

/// Ticks a packet in table 5.1 of the thesis: capacity, receive, process, transmit.
const THESIS: [(u32, [f64; 3]); 7] = [
    (16, [763.0, 911.0, 354.0]),
    (18, [807.0, 813.0, 363.0]),
    (20, [811.0, 809.0, 363.0]),
    (22, [813.0, 805.0, 364.0]),
    (24, [814.0, 804.0, 364.0]),
    (26, [814.0, 804.0, 364.0]),
    (28, [813.0, 805.0, 364.0]),
];

/// The capacities that a quick run has time for: filling the largest takes half a minute.
const QUICK: [u32; 3] = [16, 20, 24];

pub(crate) fn bench() -> Bench {
    Bench {
        name: "kv",
        about: "gets from the key-value store: by phase, and against memcached",
        packages: &["ethtool", "iproute2", "memcached", "util-linux"],
        axis: Some("log2 of the capacity"),
        contests,
    }
}

fn contests(plan: &Plan) -> Vec<Contest> {
    let quick = plan.quick;
    let capacities = THESIS.iter().filter(|(bits, _)| !quick || QUICK.contains(bits));
    let mut contests: Vec<Contest> = [16, 20].into_iter().map(against_smoltcp).collect();
    contests.extend(Driver::ALL.into_iter().flat_map(over_kernel_wire));
    contests.extend(capacities.flat_map(|(bits, thesis)| against_one_by_one(*bits, *thesis)));
    contests
}

/// Both transports carry the same requests over the same wire, and answer from equal stores.
fn against_smoltcp(bits: u32) -> Contest {
    let case = Case::lower(format!("receive+transmit memory 2^{bits}"), "ticks/packet").goal(0.4);
    Contest::new(
        "smoltcp",
        [case],
        move |plan| {
            let mut service = Service::open(&Filled::of(bits))?;
            Ok(side(
                plan.slice,
                move |spent| service.round(true, spent),
                |[receive, _, transmit]| vec![receive + transmit],
            ))
        },
        move |plan| {
            let mut smoltcp = Smoltcp::open(bits)?;
            Ok(side(
                plan.slice,
                move |spent| smoltcp.round(spent),
                |[receive, _, transmit]| vec![receive + transmit],
            ))
        },
    )
}

/// The server over a kernel's wire: its busy ticks, and how many requests it answers.
fn over_kernel_wire(driver: Driver) -> [Contest; 2] {
    let contest = |peer: &str, goal: f64, theirs: fn(u32) -> Result<Trial, String>| {
        let name = driver.name();
        let ticks = Case::lower(format!("ticks {name} 2^{ON_KERNEL_WIRE}"), "busy ticks/request");
        // What is promised is promised of the best of them.
        let ticks = if driver == Driver::Xdp { ticks.goal(goal) } else { ticks };
        let rate = Case::higher(format!("requests/s {name} 2^{ON_KERNEL_WIRE}"), "requests/s");
        Contest::new(
            peer,
            [ticks, rate],
            move |plan| Ok(pressed(kernel_wire::ours(driver, ON_KERNEL_WIRE)?, plan.slice)),
            move |plan| Ok(pressed(theirs(ON_KERNEL_WIRE)?, plan.slice)),
        )
    };
    [
        contest("memcached", 0.33, kernel_wire::memcached),
        contest("kernel udp", 0.5, kernel_wire::kernel),
    ]
}

fn pressed(mut trial: Trial, slice: Duration) -> Side {
    Box::new(move || trial.press(slice).map(|served| vec![served.ticks, served.rate]))
}

/// The cases of a capacity on one wire: three phases.
fn phases(wire: &str, bits: u32, thesis: [f64; 3]) -> Vec<Case> {
    // The goal is for what no longer fits the nearest caches.
    let goal = match bits {
        ..20 => None,
        20..28 => Some(0.5),
        _ => Some(0.7),
    };
    let cases = ["receive", "process", "transmit"].into_iter().zip(thesis);
    let cases = cases.map(|(phase, figure)| {
        let series = if wire == "memory" { phase.into() } else { format!("{phase}, {wire}") };
        let case = Case::lower(format!("{phase} {wire} 2^{bits}"), "ticks/packet")
            .note("the thesis's machine", figure)
            .at(series, f64::from(bits));
        match goal {
            Some(goal) if phase == "process" => case.goal(goal),
            _ => case,
        }
    });
    cases.collect()
}

/// The same service on the same store: a batch together, or one request after the other.
fn against_one_by_one(bits: u32, thesis: [f64; 3]) -> [Contest; 2] {
    let filled = Filled::of(bits);
    let memory = Shared::new(&filled, Service::open);
    let memory = |together| {
        let service = memory.clone();
        move |plan: &Plan| {
            service.open()?;
            let round = move |spent: &mut Spent| service.get()?.round(together, spent);
            Ok(side(plan.slice, round, |phases| phases.to_vec()))
        }
    };
    let guest = Shared::new(&filled, Guest::open);
    let vhost = |together| {
        let guest = guest.clone();
        move |plan: &Plan| {
            guest.open()?;
            let slice = plan.slice;
            let serve = move || {
                let _pinned = pin(SERVICE)?;
                let mut guest = guest.get()?;
                // The first requests find cold caches; they do not count.
                guest.serve(together, slice / 10)?;
                let spent = guest.serve(together, slice)?;
                Ok(spent.middle().ok_or("no request came")?.to_vec())
            };
            Ok(Box::new(serve) as Side)
        }
    };
    [
        Contest::new("one by one", phases("memory", bits, thesis), memory(true), memory(false)),
        Contest::new("one by one", phases("vhost", bits, thesis), vhost(true), vhost(false)),
    ]
}

/// A side that takes rounds for as long as the slice lasts, and makes figures of the ticks a packet
/// that each phase took.
fn side(
    slice: Duration,
    mut round: impl FnMut(&mut Spent) -> Result<(), String> + 'static,
    figures: impl Fn([f64; 3]) -> Vec<f64> + 'static,
) -> Side {
    Box::new(move || {
        let _pinned = pin(0)?;
        let mut spent = Spent::default();
        // The first rounds find cold caches; they do not count.
        for _ in 0..100 {
            round(&mut spent)?;
        }
        spent = Spent::default();
        let begin = Instant::now();
        while begin.elapsed() < slice || spent.rounds() == 0 {
            for _ in 0..32 {
                round(&mut spent)?;
            }
        }
        spent.middle().map(&figures).ok_or_else(|| "no round was measured".into())
    })
}
