//! Forwarding: our loop against DPDK's, batch 32.
//!
//! *null*: one core, no wire; both sides allocate, copy in and out or not, rewrite the addresses,
//! free. Both are charged the time that the kernel says their thread was running, in ticks: what
//! else ran on that core meanwhile is not theirs.
//!
//! *vhost*: DPDK makes and takes frames on one core, over vhost-user, and a forwarder on another
//! passes them on. Busy ticks a packet are the ticks of all turns that received frames, by the
//! packets of these turns; testpmd counts its own in the same way. Whoever is interrupted in such
//! a turn, or whose load is, pays for it, and the kernel cannot tell how much; so each side is
//! measured in [`WINDOWS`] windows a round, and its busy ticks are those of its best. Packets a
//! second are those of all windows: the ends of testpmd's are seen from outside, sometimes late,
//! and the best would be the one whose beginning was seen latest.

use crate::dpdk;
use bench::frame::{Bench, Case, Contest, Plan, Side, pin, tick_rate, ticks};
use nic::Nic;
use nic::forward::Path;
use nic::memory::Memory;
use nic::null::{self, Null};
use nic::vhost::{Driver, DriverOptions};
use packet::Pool;
use packet::header::ethernet::Mac;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// The core that forwards, and the one that makes the load.
const FORWARDER: usize = 1;
const LOAD: usize = 0;

/// Pages of the pool. They lie in huge pages, as DPDK's buffers do.
const PAGES: usize = 2048;

/// Descriptors in each of our rings. The buffers of a larger one do not fit into the load's second
/// cache, which copies every frame; DPDK keeps its default of 256, whose smaller buffers do.
const RING: u16 = 128;

/// Turns between two looks at the clock.
const TURNS: usize = 256;

/// Windows of set-up *vhost* in a round, on either side.
const WINDOWS: u32 = 20;

pub(crate) fn bench() -> Bench {
    Bench {
        name: "l2fwd",
        about: "forwarding between two devices, compared with DPDK",
        packages: dpdk::PACKAGES,
        axis: Some("bytes a frame"),
        contests,
    }
}

fn contests(plan: &Plan) -> Vec<Contest> {
    let sizes: Vec<usize> = if plan.quick {
        vec![64, 1500]
    } else {
        [64].into_iter().chain((100..=1500).step_by(100)).collect()
    };
    let mut contests: Vec<Contest> = sizes.iter().map(|size| vhost(*size)).collect();
    for copy in [true, false] {
        contests.extend(sizes.iter().map(|size| null(*size, copy)));
    }
    contests
}

fn null(size: usize, copy: bool) -> Contest {
    let series = if copy { "null" } else { "null, no copy" };
    let name = if copy { format!("null {size} B") } else { format!("null {size} B no copy") };
    let case = Case::lower(name, "ticks/packet").goal(1.0).at(series, size as f64);
    Contest::new(
        "dpdk",
        [case],
        move |plan| our_null(plan, size, copy),
        move |_| their_null(size, copy),
    )
}

fn vhost(size: usize) -> Contest {
    let (x, goal) = (size as f64, if size == 1500 { 0.35 } else { 0.5 });
    let busy = Case::lower(format!("vhost ticks {size} B"), "busy ticks/packet");
    let speed = Case::higher(format!("vhost throughput {size} B"), "packets/s");
    Contest::new(
        "dpdk",
        [busy.goal(goal).at("vhost ticks", x), speed.goal(0.95).at("vhost throughput", x)],
        move |plan| our_vhost(plan, size),
        move |plan| their_vhost(plan, size),
    )
}

/// Two devices, the paths between them, and their pool.
struct Forwarder<N> {
    devices: [N; 2],
    paths: [Path; 2],
    pool: Pool,
}

impl<N: Nic> Forwarder<N> {
    fn new(devices: [N; 2], pool: Pool) -> Self {
        let mac = |last| Mac([2, 0, 0, 0, 0, last]);
        Self { devices, paths: [Path::new(mac(0x11), mac(1)), Path::new(mac(0x10), mac(0))], pool }
    }

    /// A turn in each direction. Gives for each the frames it moved and the ticks it took.
    fn turns(&mut self) -> Result<[(u64, u64); 2], String> {
        let [left, right] = &mut self.devices;
        let [there, back] = &mut self.paths;
        let said = |error: nic::Error| error.to_string();
        let start = ticks();
        let first = there.turn(left, right, &mut self.pool).map_err(said)?;
        let middle = ticks();
        let second = back.turn(right, left, &mut self.pool).map_err(said)?;
        let end = ticks();
        Ok([(first as u64, middle - start), (second as u64, end - middle)])
    }
}

fn our_null(plan: &Plan, size: usize, copy: bool) -> Result<Side, String> {
    let device =
        || Null::new(&null::Options { size, copy }).map_err(|error: nic::Error| error.to_string());
    let mut forwarder = Forwarder::new([device()?, device()?], Pool::plain(PAGES));
    let slice = plan.slice;
    Ok(Box::new(move || {
        let _pinned = pin(FORWARDER)?;
        let mut packets = 0;
        let (begin, start) = (Instant::now(), running_time());
        while begin.elapsed() < slice {
            for _ in 0..TURNS {
                packets += forwarder.turns()?.iter().map(|(frames, _)| frames).sum::<u64>();
            }
        }
        Ok(vec![in_ticks(running_time().saturating_sub(start)) / packets as f64])
    }))
}

/// For how long the calling thread has run on a core so far.
fn running_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn in_ticks(time: Duration) -> f64 {
    time.as_secs_f64() * tick_rate()
}

fn their_null(size: usize, copy: bool) -> Result<Side, String> {
    let mut process = dpdk::l2fwd(FORWARDER, size, copy)?;
    process.awake(false);
    Ok(Box::new(move || {
        process.forget();
        process.awake(true);
        // The first statistics come at once, for the second since the last has long passed.
        let measured = (|| {
            let mut sent = || {
                process.hear("Total packets sent:")?;
                let text = process.hear("\n")?;
                let sent = dpdk::number(&text, "").ok_or("l2fwd gave no count")?;
                Ok::<_, String>((sent, process.running_time()?))
            };
            let (first, start) = sent()?;
            let (second, end) = sent()?;
            Ok(in_ticks(end.saturating_sub(start)) / (second - first))
        })();
        process.awake(false);
        measured.map(|ticks| vec![ticks])
    }))
}

/// How long a side of set-up *vhost* is measured.
fn span(plan: &Plan) -> Duration {
    plan.slice.max(Duration::from_millis(500))
}

fn our_vhost(plan: &Plan, size: usize) -> Result<Side, String> {
    let said = |error: nic::Error| error.to_string();
    let (load, sockets) = dpdk::load(LOAD, "ours", size)?;
    let pool = Pool::registered(Memory::shared(PAGES, true).map_err(said)?);
    let open = |index: usize| {
        // DPDK's driver asks for no offloads either, unless it is told to.
        let options =
            DriverOptions { offloads: false, size: RING, ..DriverOptions::new(&sockets.0[index]) };
        let mut queues = Driver::open(&options, &pool).map_err(said)?;
        queues.pop().ok_or_else(|| "no queue".to_owned())
    };
    let devices = [open(0)?, open(1)?];
    let mut forwarder = Forwarder::new(devices, pool);
    load.awake(false);
    let span = span(plan);
    Ok(Box::new(move || {
        let _sockets = &sockets;
        load.awake(true);
        let measured = (|| {
            let _pinned = pin(FORWARDER)?;
            // What lay in the rings while the load was asleep is not of this round.
            run(&mut forwarder, span / 10)?;
            summary((0..WINDOWS).map(|_| run(&mut forwarder, span / WINDOWS)))
        })();
        load.awake(false);
        measured
    }))
}

/// What was forwarded in a window.
struct Window {
    /// Busy ticks a packet; not a number if there was none.
    busy: f64,
    packets: f64,
    seconds: f64,
}

/// Busy ticks a packet of the best window, and packets a second of all together.
fn summary(windows: impl Iterator<Item = Result<Window, String>>) -> Result<Vec<f64>, String> {
    let (mut best, mut packets, mut seconds) = (f64::INFINITY, 0.0, 0.0);
    for window in windows {
        let window = window?;
        best = best.min(window.busy);
        packets += window.packets;
        seconds += window.seconds;
    }
    Ok(vec![best, packets / seconds])
}

/// Forwards for a while.
fn run(forwarder: &mut Forwarder<Driver>, span: Duration) -> Result<Window, String> {
    let (mut busy, mut packets) = (0, 0);
    let begin = Instant::now();
    while begin.elapsed() < span {
        for _ in 0..TURNS {
            for (frames, ticks) in forwarder.turns()? {
                if frames > 0 {
                    packets += frames;
                    busy += ticks;
                }
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let packets = packets as f64;
    Ok(Window { busy: busy as f64 / packets, packets, seconds })
}

fn their_vhost(plan: &Plan, size: usize) -> Result<Side, String> {
    let (load, sockets) = dpdk::load(LOAD, "theirs", size)?;
    let mut process = dpdk::forwarder(LOAD, FORWARDER, &sockets)?;
    process.awake(false);
    load.awake(false);
    let span = span(plan);
    Ok(Box::new(move || {
        let _sockets = &sockets;
        load.awake(true);
        process.awake(true);
        std::thread::sleep(span / 10);
        process.forget();
        let measured = summary((0..WINDOWS).map(|_| their_window(&mut process, span / WINDOWS)));
        process.awake(false);
        load.awake(false);
        measured
    }))
}

/// What testpmd did in a while.
fn their_window(process: &mut dpdk::Process, span: Duration) -> Result<Window, String> {
    process.tell("clear fwd stats all")?;
    process.hear("testpmd> ")?;
    let begin = Instant::now();
    std::thread::sleep(span);
    process.tell("show fwd stats all")?;
    // Cycles are recorded only where frames came.
    let text = process.hear("testpmd> ")?;
    let seconds = begin.elapsed().as_secs_f64();
    let Some((_, text)) = text.split_once("CPU cycles/packet=") else {
        return Ok(Window { busy: f64::NAN, packets: 0.0, seconds });
    };
    let packets = dpdk::number(text, "packets=").ok_or("testpmd recorded no packets")?;
    let cycles = dpdk::number(text, "").ok_or("testpmd recorded no cycles")?;
    // Its cycles are those of the tick counter.
    let busy = if packets > 0.0 { cycles } else { f64::NAN };
    Ok(Window { busy, packets, seconds })
}
