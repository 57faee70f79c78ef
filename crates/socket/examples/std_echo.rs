//! Sockets shaped like std's: one line is different, the one that opens the network.
//!
//! Run it: `cargo run --release --example std_echo`.

use nic::wire::{Options, wire};
use packet::Pool;
use packet::header::ethernet::Mac;
use socket::{Config, Network};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::plain(4096);
    let (left, right) = wire(&Options::default());
    let config =
        |number| Config::new(Mac([2, 0, 0, 0, 0, number])).with_address([10, 0, 0, number], 24);
    let client = Network::open(Box::new(left), pool.clone(), config(1))?;
    let server = Network::open(Box::new(right), pool, config(2))?;

    let socket = server.bind(([10, 0, 0, 2], 7).into())?;
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        let (count, from) = socket.recv_from(&mut buffer)?;
        socket.send_to(&buffer[..count], from)
    });

    let socket = client.bind(([0, 0, 0, 0], 0).into())?;
    socket.connect("10.0.0.2:7")?;
    socket.send(b"hello")?;
    let mut buffer = [0; 1500];
    let count = socket.recv(&mut buffer)?;
    println!("answered: {}", String::from_utf8_lossy(&buffer[..count]));
    echo.join().map_err(|_| "the server panicked")??;
    Ok(())
}
