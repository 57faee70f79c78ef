//! UDP: an echo through each driver against one on a kernel socket, and the cost of many sockets.
//!
//! *Ticks a request* are those of the tick counter while a thread of the server's was running:
//! the server's own, and the kernel's that receives for its interface (see [`crate::load`]). Both
//! sides are asked by the same client over the same kind of wire, sleep when there is nothing to
//! do, and have checksums on. TAP has no such thread and no far end: the client's rings are at
//! Linux's side of it, and what handing a frame to them costs is the server's, in its write.

mod echo;
mod sockets;

use crate::load::{Driver, Served, Trial};
use bench::frame::{Bench, Case, Contest, Plan, Side};
use std::time::Duration;

pub(crate) fn bench() -> Bench {
    Bench {
        name: "udp",
        about: "an echo through each driver, compared with a kernel socket; and many sockets",
        packages: &["ethtool", "iproute2"],
        axis: Some("sockets"),
        contests,
    }
}

fn contests(_: &Plan) -> Vec<Contest> {
    let mut contests: Vec<Contest> = Driver::ALL.into_iter().map(against_kernel).collect();
    contests.extend(sockets::contests());
    contests
}

fn against_kernel(driver: Driver) -> Contest {
    let name = driver.name();
    let ticks = Case::lower(format!("{name} echo"), "busy ticks/request");
    let ticks = if driver == Driver::Xdp { ticks.goal(0.5) } else { ticks };
    let cases = [
        ticks,
        Case::higher(format!("{name} requests"), "requests/s"),
        Case::lower(format!("{name} p50"), "µs"),
        Case::lower(format!("{name} p99"), "µs"),
    ];
    Contest::new(
        "kernel udp",
        cases,
        move |plan| Ok(side(echo::ours(driver)?, plan)),
        move |plan| Ok(side(echo::kernel()?, plan)),
    )
}

fn side(mut echo: Trial, plan: &Plan) -> Side {
    let slice = plan.slice;
    Box::new(move || {
        let Served { ticks, rate } = echo.press(slice)?;
        let mut times = echo.ask_singly(slice)?;
        times.sort_unstable();
        let at = |share: usize| micros(times.get(times.len() * share / 100).copied());
        Ok(vec![ticks, rate, at(50), at(99)])
    })
}

fn micros(time: Option<Duration>) -> f64 {
    time.unwrap_or_default().as_secs_f64() * 1e6
}
