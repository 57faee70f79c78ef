//! `cofferdam net echo`: sends every UDP datagram back to where it came from.
//!
//! Also the smallest whole program on the stack. A datagram is never copied: the page that the
//! driver filled is flipped, and goes out again.

use super::{AddressOptions, NicOptions, events};
use crate::{Context, Failure};
use clap::Args;
use packet::Batch;
use serde_json::json;
use socket::{Address, Datagram, Link, StackId};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Frames worked on together.
const BATCH: usize = 32;
/// How often it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Its options.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    nic: NicOptions,
    #[command(flatten)]
    address: AddressOptions,
    /// The port to listen at; may be given several times, each gets a stack of its own
    #[arg(long, default_value = "7", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,
}

/// Runs it until it is told to stop.
pub(crate) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let (mut nics, pool) = options.nic.open()?;
    let (Some(nic), true) = (nics.pop(), nics.is_empty()) else {
        return Err(Failure::Usage(format!(
            "--nic {}: echo works on one queue; leave `queues` out",
            options.nic.nic
        )));
    };
    let mut link = Link::open(nic, pool, options.address.config()?)?;
    for port in &options.port {
        link.bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), *port))?;
    }
    tell_start(&link, options, context);
    let mut told: Vec<Address> = link.host_ref().addresses().collect();
    let (mut batch, mut owners) = (Batch::new(), Vec::new());
    while !context.stop.is_wanted() {
        let count = link.poll(BATCH)?;
        events::log(&mut link);
        if options.address.is_automatic() {
            tell_addresses(&link, &mut told, context);
        }
        while link.rx_round(&mut batch, &mut owners, BATCH) > 0 {
            send_back(&mut link, &mut owners, &mut batch);
        }
        link.flush()?;
        if count == 0 {
            link.wait(Some(LOOK))?;
        }
    }
    tell_end(&link, context);
    Ok(())
}

/// Sends datagrams back, of which `owners` says whose each is.
fn send_back(link: &mut Link, owners: &mut Vec<StackId>, batch: &mut Batch) {
    for packet in batch.iter_mut() {
        if let Ok(mut datagram) = Datagram::read(packet) {
            datagram.flip();
        }
    }
    link.tx_round(owners, batch);
    owners.clear();
    // What the driver had no room for is lost, as on any full wire.
    link.recycle(batch);
}

fn tell_start(link: &Link, options: &Options, context: &Context) {
    let addresses = texts(link.host_ref().addresses());
    let (device, mac) = (&link.nic().information().name, link.host_ref().mac());
    if context.json {
        let start = json!({
            "device": device, "mac": mac.to_string(), "addresses": addresses, "ports": options.port,
        });
        println!("{start}");
    } else {
        let ports: Vec<_> = options.port.iter().map(ToString::to_string).collect();
        let (addresses, ports) = (listed(&addresses), ports.join(", "));
        println!("echo on {device} ({mac}) at {addresses}, port {ports}; Ctrl-C ends it");
    }
}

/// Tells the addresses again when they are others than those that were `told`.
fn tell_addresses(link: &Link, told: &mut Vec<Address>, context: &Context) {
    if link.host_ref().addresses().eq(told.iter().copied()) {
        return;
    }
    *told = link.host_ref().addresses().collect();
    let addresses = texts(told.iter().copied());
    if context.json {
        println!("{}", json!({ "addresses": addresses }));
    } else {
        println!("now at {}", listed(&addresses));
    }
}

fn texts(addresses: impl Iterator<Item = Address>) -> Vec<String> {
    addresses.map(|address| address.to_string()).collect()
}

fn listed(addresses: &[String]) -> String {
    if addresses.is_empty() { "no address yet".into() } else { addresses.join(", ") }
}

fn tell_end(link: &Link, context: &Context) {
    let counters = link.host_ref().counters();
    if context.json {
        let drops: serde_json::Map<_, _> = counters
            .drops()
            .map(|(reason, count)| (reason.name().to_owned(), count.into()))
            .collect();
        let end = json!({
            "received": counters.received, "delivered": counters.delivered,
            "sent": counters.sent, "dropped": drops,
        });
        println!("{end}");
        return;
    }
    let (received, sent) = (counters.received, counters.sent);
    println!("{received} frames received, {sent} sent, {} echoed", counters.delivered);
    for (reason, count) in counters.drops() {
        println!("  {count} dropped: {}", reason.name());
    }
}
