//! The thesis's echo server: batches of whole packets, moved in, flipped, and moved out.
//!
//! Client and server share a wire in memory here; with a driver from `nic::spec` instead, the
//! same loop serves a real network. Run it: `cargo run --release --example batch_echo`.

use nic::wire::{Options, wire};
use packet::header::ethernet::Mac;
use packet::{Batch, Pool};
use socket::{Config, Datagram, Link};
use std::error::Error;
use std::net::SocketAddr;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::plain(4096);
    let (left, right) = wire(&Options::default());
    let config =
        |number| Config::new(Mac([2, 0, 0, 0, 0, number])).with_address([10, 0, 0, number], 24);
    let mut client = Link::open(Box::new(left), pool.clone(), config(1))?;
    let mut server = Link::open(Box::new(right), pool, config(2))?;

    let at = SocketAddr::from(([10, 0, 0, 2], 7));
    let stack = server.bind(at)?;
    let asker = client.bind(SocketAddr::from(([0, 0, 0, 0], 0)))?;
    let mut batch = Batch::new();
    let (mut asked, mut answered) = (0_u32, 0);
    while answered < 1_000_000 {
        // The client. One question first: a host keeps few packets while it looks for another.
        let window = if answered == 0 { 1 } else { 256 };
        if asked - answered < window && (answered > 0 || asked == 0) {
            for _ in 0..32.min(window) {
                client.prepare_batch(asker, at, b"anybody there?", 100, &mut batch)?;
                asked += 1;
            }
            client.tx_batch(asker, &mut batch);
        }
        client.poll(32)?;
        answered += client.rx_batch(asker, &mut batch, 64) as u32;
        client.recycle(&mut batch);

        // The server.
        server.poll(32)?;
        server.rx_batch(stack, &mut batch, 32);
        for packet in &mut batch {
            Datagram::read(packet)?.flip();
        }
        server.tx_batch(stack, &mut batch);
        server.flush()?;
    }
    println!("{answered} datagrams there and back, in the same pages");
    Ok(())
}
