//! Finding the device, agreeing on what both can do, and telling it where everything lies.

use super::super::message::{
    Channel, MemoryRegion, RingAddress, RingState, feature, memory_table, protocol, request,
};
use super::super::ring::{Ring, SIZES};
use super::{Bell, Driver, DriverOptions, Private, Receiving, Sending, offloads};
use crate::memory::{Memory, file_of};
use crate::nic::{Information, Statistics};
use crate::{Error, socket_path};
use packet::{PAGE, Pool, Region};
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

/// What we would like; the device takes of it what it can.
const WANTED: u64 = feature::VERSION_1 | feature::IN_ORDER | feature::PROTOCOL;
/// And this, if checksums and cutting may be left to each other.
const WANTED_OFFLOADS: u64 = feature::MERGE_BUFFERS
    | feature::CSUM
    | feature::GUEST_CSUM
    | feature::GUEST_TSO4
    | feature::GUEST_TSO6
    | feature::HOST_TSO4
    | feature::HOST_TSO6
    | feature::GUEST_USO4
    | feature::GUEST_USO6
    | feature::HOST_USO;

/// The most queue pairs: a ring's number has eight bits in the message that brings its kick.
const QUEUES: u16 = 128;

pub(super) fn open(options: &DriverOptions, pool: &Pool) -> Result<Vec<Driver>, Error> {
    let name = options.path.display().to_string();
    let unusable = |what: String| Error::Unusable { device: name.clone(), what };
    let kernel = |doing, source: io::Error| Error::Kernel {
        device: name.clone(),
        doing,
        source,
        hint: String::new(),
    };
    if !SIZES.contains(&options.size) || !options.size.is_power_of_two() {
        return Err(unusable(format!(
            "a ring of {} descriptors cannot be; take a power of two from {} to {}",
            options.size,
            SIZES.start(),
            SIZES.end()
        )));
    }
    if options.queues == 0 || options.queues > QUEUES {
        return Err(unusable(format!("{} queue pairs; take 1 to {QUEUES}", options.queues)));
    }
    let registered = if options.private {
        let pages = usize::from(options.queues) * 4 * usize::from(options.size);
        Pool::registered(Memory::shared(pages, false)?)
    } else {
        pool.clone()
    };
    let Some((region, file)) =
        registered.region().and_then(|region| Some((region, file_of(region)?)))
    else {
        return Err(unusable(
            "its packets are not in memory that can be shared; open it with a pool of shared \
             memory, or as private"
                .into(),
        ));
    };
    let rings_each = Ring::pages(options.size);
    let rings = Arc::new(Memory::shared(2 * usize::from(options.queues) * rings_each, false)?);
    let rings_file = file_of(&*rings).ok_or_else(|| unusable("its rings have no file".into()))?;

    let socket = find(options)?;
    let mut channel = Channel::new(socket, &name, options.patience);
    let features = agree(&mut channel, options)?;
    let regions = [in_place(region), in_place(&*rings)];
    channel.tell(request::SET_MEM_TABLE, &memory_table(&regions), &[file, rings_file])?;
    let mut parts = Vec::new();
    for index in 0..2 * options.queues {
        let ring = Ring::new(&rings, usize::from(index) * rings_each, options.size)
            .ok_or_else(|| unusable("its rings do not fit".into()))?;
        let event = || {
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(|e| kernel("making an event descriptor", e.into()))
        };
        let (kick, call) = (event()?, event()?);
        set_up(&mut channel, index, &ring, &kick, &call)?;
        parts.push((ring, kick, call));
    }
    if features & feature::PROTOCOL != 0 {
        for index in 0..2 * options.queues {
            let state = RingState { index: index.into(), number: 1 };
            channel.tell(request::SET_VRING_ENABLE, &state, &[])?;
        }
    }
    let information = Information {
        name: name.clone(),
        mac: options.mac,
        mtu: options.mtu,
        offloads: offloads(features),
        copies: options.private,
    };
    let socket = channel.socket().clone();
    let channel = Arc::new(Mutex::new(channel));
    let mut drivers = Vec::new();
    let mut parts = parts.into_iter();
    while let (Some(receiving), Some(sending)) = (parts.next(), parts.next()) {
        let mut receiving_ring = receiving.0;
        receiving_ring.want_calls(false);
        let mut sending_ring = sending.0;
        sending_ring.want_calls(false);
        let bell = Bell::new(receiving.2, socket.clone())
            .map_err(|source| kernel("making an epoll descriptor", source))?;
        drivers.push(Driver {
            information: information.clone(),
            statistics: Statistics::default(),
            receiving: Receiving::new(receiving_ring, features, frame(options)),
            sending: Sending::new(sending_ring, features),
            registered: registered.clone(),
            private: options.private.then(Private::default),
            channel: Arc::clone(&channel),
            pair: drivers.len() as u16,
            kicks: [receiving.1, sending.1],
            bell,
            idle: 0,
        });
    }
    Ok(drivers)
}

/// Bytes of the largest frame of this MTU, with its Ethernet header and a VLAN's.
fn frame(options: &DriverOptions) -> usize {
    options.mtu + 18
}

/// Connects to the device, or waits for it.
fn find(options: &DriverOptions) -> Result<UnixStream, Error> {
    let name = options.path.display().to_string();
    if !options.server {
        return UnixStream::connect(&options.path).map_err(|source| Error::Kernel {
            device: name,
            doing: "connecting",
            source,
            hint: "the switch must be running and own this socket; with `server` we own it and \
                   the switch connects"
                .into(),
        });
    }
    let listener = socket_path::listen(&options.path)?;
    socket_path::accept(&listener, &name, options.patience)
}

/// Agrees on features and gives them.
fn agree(channel: &mut Channel, options: &DriverOptions) -> Result<u64, Error> {
    channel.tell(request::SET_OWNER, &(), &[])?;
    let offered: u64 = channel.ask(request::GET_FEATURES, &())?;
    if offered & feature::VERSION_1 == 0 {
        return Err(channel.peer("only speaks virtio from before version 1; update it"));
    }
    let mut wanted = WANTED;
    if options.offloads {
        wanted |= WANTED_OFFLOADS;
    }
    // Where a buffer holds any frame there is nothing to merge, and no need to look into each
    // frame for the number of its buffers as soon as it has arrived.
    if !Receiving::holds(frame(options)) {
        wanted |= feature::MERGE_BUFFERS;
    }
    if options.queues > 1 {
        wanted |= feature::MULTI_QUEUE;
    }
    let features = offered & wanted;
    if features & feature::PROTOCOL != 0 {
        let offered: u64 = channel.ask(request::GET_PROTOCOL_FEATURES, &())?;
        let features = offered & (protocol::MULTI_QUEUE | protocol::REPLY_ACK);
        channel.tell(request::SET_PROTOCOL_FEATURES, &features, &[])?;
        channel.acknowledged = features & protocol::REPLY_ACK != 0;
        if options.queues > 1 {
            let most: u64 = if features & protocol::MULTI_QUEUE != 0 {
                channel.ask(request::GET_QUEUE_NUM, &())?
            } else {
                1
            };
            if most < u64::from(options.queues) {
                return Err(channel.peer(format!("has {most} queue pairs at most; ask for less")));
            }
        }
    } else if options.queues > 1 {
        return Err(channel.peer("has one queue pair only; ask for one"));
    }
    channel.tell(request::SET_FEATURES, &features, &[])?;
    Ok(features)
}

/// A region that the device knows by our own addresses.
fn in_place(region: &dyn Region) -> MemoryRegion {
    let base = region.base().as_ptr() as u64;
    MemoryRegion { guest: base, size: (region.pages() * PAGE) as u64, user: base, offset: 0 }
}

fn set_up(
    channel: &mut Channel,
    index: u16,
    ring: &Ring,
    kick: &OwnedFd,
    call: &OwnedFd,
) -> Result<(), Error> {
    let index = u32::from(index);
    let [descriptors, available, used] = ring.addresses();
    let address = RingAddress { index, flags: 0, descriptors, used, available, log: 0 };
    let event = u64::from(index);
    channel.tell(request::SET_VRING_NUM, &RingState { index, number: ring.size().into() }, &[])?;
    channel.tell(request::SET_VRING_BASE, &RingState { index, number: 0 }, &[])?;
    channel.tell(request::SET_VRING_ADDR, &address, &[])?;
    channel.tell(request::SET_VRING_CALL, &event, &[call.as_fd()])?;
    channel.tell(request::SET_VRING_KICK, &event, &[kick.as_fd()])
}
