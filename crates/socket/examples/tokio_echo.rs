//! Sockets shaped like tokio's. Run it: `cargo run --release --example tokio_echo`.

use nic::wire::{Options, wire};
use packet::Pool;
use packet::header::ethernet::Mac;
use socket::tokio::UdpSocket;
use socket::{Config, Network};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pool = Pool::plain(4096);
    let (left, right) = wire(&Options::default());
    let config =
        |number| Config::new(Mac([2, 0, 0, 0, 0, number])).with_address([10, 0, 0, number], 24);
    let client = Network::open(Box::new(left), pool.clone(), config(1))?;
    let server = Network::open(Box::new(right), pool, config(2))?;

    let socket = UdpSocket::bind(&server, "10.0.0.2:7")?;
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            if let Err(error) = socket.send_to(&buffer[..count], from).await {
                eprintln!("no answer to {from}: {error}");
            }
        }
    });

    let socket = UdpSocket::bind(&client, "0.0.0.0:0")?;
    socket.connect("10.0.0.2:7")?;
    for word in ["one", "two", "three"] {
        socket.send(word.as_bytes()).await?;
        let mut buffer = [0; 1500];
        let count = socket.recv(&mut buffer).await?;
        println!("answered: {}", String::from_utf8_lossy(&buffer[..count]));
    }
    Ok(())
}
