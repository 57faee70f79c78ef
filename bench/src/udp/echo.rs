//! An echo server: through a driver of ours, and on a socket of the kernel's.

use crate::datagrams::{BATCH, Datagrams};
use crate::load::{self, Driver, NAP, Question, SERVER, Server, Trial};
use packet::Batch;
use socket::{Datagram, Link};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

const PORT: u16 = 7;
/// Bytes in a request: a frame of 64 bytes.
const PAYLOAD: usize = 22;

fn question() -> Question {
    let frame = load::request(PORT, &[7; PAYLOAD]);
    Question { frame, vary: Box::new(|_| ()), is_answer: |payload| payload == [7; PAYLOAD] }
}

/// Ours.
pub(super) fn ours(driver: Driver) -> Result<Trial, String> {
    Trial::ours(driver, question(), |mut link, stop| {
        echo(&mut link, stop).map_err(|error| error.to_string())
    })
}

/// As `cofferdam net echo` does it.
fn echo(link: &mut Link, stop: &AtomicBool) -> Result<(), socket::Error> {
    let stack = link.bind(SocketAddr::new(IpAddr::V4(SERVER), PORT))?;
    let mut batch = Batch::new();
    while !stop.load(Ordering::Relaxed) {
        let count = link.poll(BATCH)?;
        link.rx_batch(stack, &mut batch, BATCH);
        for packet in &mut batch {
            if let Ok(mut datagram) = Datagram::read(packet) {
                datagram.flip();
            }
        }
        link.tx_batch(stack, &mut batch);
        link.recycle(&mut batch);
        link.flush()?;
        if count == 0 {
            link.wait(Some(NAP))?;
        }
    }
    Ok(())
}

/// The kernel's.
pub(super) fn kernel() -> Result<Trial, String> {
    Trial::kernel(question(), |namespace| {
        let said = |error: std::io::Error| error.to_string();
        let socket = namespace.run(|| UdpSocket::bind((SERVER, PORT))).map_err(said)?;
        Server::start(move |stop| {
            socket.set_read_timeout(Some(NAP)).map_err(said)?;
            let mut batch = Datagrams::new();
            while !stop.load(Ordering::Relaxed) {
                // An error is a nap that is over.
                let Ok(count) = batch.receive(&socket) else { continue };
                batch.send_back(&socket, count).map_err(said)?;
            }
            Ok(())
        })
    })
}
