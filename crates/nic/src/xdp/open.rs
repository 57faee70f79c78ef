//! Opening an interface: sockets, program, and which socket serves which queue.

use super::program::Program;
use super::slots::Slots;
use super::socket::{Abilities, Socket};
use super::{Options, Settled, Xdp, polling};
use crate::Error;
use crate::interface::{Interface, refused};
use crate::nic::{Information, Offloads, Statistics};
use core::time::Duration;
use packet::{Batch, Pool};
use rustix::io::Errno;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Instant;

/// How long a queue that somebody just closed may stay busy, and how often we look.
const BUSY: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(10);

/// Opens an interface. One driver for each queue. All packets lent to and sent by them should be
/// of `pool`, which must be a registered one.
pub fn open(name: &str, options: &Options, pool: &Pool) -> Result<Vec<Xdp>, Error> {
    let unusable = |what: String| Error::Unusable { device: name.into(), what };
    let queues = u32::try_from(options.queues).ok().filter(|queues| (1..=4096).contains(queues));
    let queues = queues.ok_or_else(|| unusable("it takes 1 to 4096 queues".into()))?;
    let frames = u32::try_from(options.frames)
        .ok()
        .filter(|frames| frames.is_power_of_two() && (64..=1 << 16).contains(frames));
    let frames = frames.ok_or_else(|| {
        let asked = options.frames;
        unusable(format!("rings hold a power of two of frames, 64 to 65536, and not {asked}"))
    })?;
    let region = pool.region().map(packet::Region::pages);
    let pages = region.ok_or_else(|| {
        unusable("AF_XDP needs a registered pool, whose pages lie next to each other".into())
    })?;
    let interface = Interface::find(name)?;
    let information = Information {
        name: name.into(),
        mac: Some(interface.mac()?),
        mtu: interface.mtu()?,
        offloads: Offloads::default(),
        copies: true,
    };
    // Sockets first: without the right to open one, that is the clearer error.
    let sockets: Vec<_> = (0..queues)
        .map(|queue| Socket::new(name, frames, pool, queue == 0))
        .collect::<Result<_, _>>()?;
    let program = Arc::new(Program::attach(&interface, queues, options.mode)?);
    let mut abilities = Abilities { zero_copy: false, chains: false };
    for (queue, socket) in (0..).zip(&sockets) {
        match sockets.first().filter(|_| queue > 0) {
            None => abilities = socket.bind(&interface, queue, program.mode)?,
            Some(first) => socket.bind_shared(&interface, queue, first)?,
        }
        if options.busy_poll > 0 {
            let time = i32::try_from(options.busy_poll).unwrap_or(i32::MAX);
            polling::prefer(socket, time)
                .map_err(|source| refused(name, "switching busy polling on", source))?;
        }
        program
            .serve(queue, socket)
            .map_err(|source| refused(name, "sending a queue's frames to its socket", source))?;
    }
    let open = |socket| {
        Ok(Xdp {
            socket,
            _program: program.clone(),
            _settled: Settled { zero_copy: abilities.zero_copy },
            slots: Slots::new(pages),
            sent: Batch::new(),
            started: None,
            skipping: false,
            interface: Interface::find(name)?,
            information: Information { copies: !abilities.zero_copy, ..information.clone() },
            abilities,
            statistics: Statistics::default(),
            frames: options.frames,
            busy_poll: options.busy_poll > 0,
            empty: 0,
            pool: pool.clone(),
        })
    };
    sockets.into_iter().map(open).collect()
}

/// Tries again for a while if the answer is "busy": what was just closed takes its time to go.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    let deadline = Instant::now() + BUSY;
    loop {
        match attempt() {
            Err(Errno::BUSY | Errno::EXIST) if Instant::now() < deadline => sleep(RETRY),
            answer => return answer,
        }
    }
}
