//! The server over a kernel's wire: ours through a driver, the same store on sockets of the
//! kernel, and memcached; all on the same core, asked by the same client (see [`crate::load`]).

use super::PORT;
use super::contents::{KEY, NOW, key, keys, question, server};
use super::desk::Desk;
use crate::datagrams::{Datagram, Datagrams};
use crate::load::{Driver, NAP, SERVER, Server, Trial};
use kv::Outlet;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use system_tests::Namespace;

/// How long memcached may take to start, and to be filled.
const PATIENCE: Duration = Duration::from_secs(10);

/// On a stack of ours.
pub(super) fn ours(driver: Driver, bits: u32) -> Result<Trial, String> {
    let mut server = server(bits)?;
    Trial::ours(driver, question(bits), move |link, stop| {
        let mut desk = Desk::open(link, IpAddr::V4(SERVER))?;
        while !stop.load(Ordering::Relaxed) {
            if desk.receive()? == 0 {
                desk.wait(NAP)?;
                continue;
            }
            desk.process(&mut server, true);
            desk.transmit()?;
            desk.tidy();
        }
        Ok(())
    })
}

/// The same store on a socket of the kernel's.
pub(super) fn kernel(bits: u32) -> Result<Trial, String> {
    let mut store = server(bits)?;
    Trial::kernel(question(bits), move |namespace| {
        let said = |error: std::io::Error| error.to_string();
        let socket = namespace.run(|| UdpSocket::bind((SERVER, PORT))).map_err(said)?;
        Server::start(move |stop| {
            socket.set_read_timeout(Some(NAP)).map_err(said)?;
            let mut batch = Datagrams::new();
            while !stop.load(Ordering::Relaxed) {
                // An error is a nap that is over.
                let Ok(count) = batch.receive(&socket) else { continue };
                let mut requests: VecDeque<Datagram<'_>> = batch.each(count).collect();
                let mut answers = InPlace::default();
                store.process_batch(NOW, &mut requests, &mut answers);
                if answers.refused {
                    return Err("a request was not understood".into());
                }
                batch.send_back(&socket, count).map_err(said)?;
            }
            Ok(())
        })
    })
}

/// Answers stay where they were written.
#[derive(Default)]
struct InPlace {
    /// Whether a request got no answer, or one of several datagrams.
    refused: bool,
}

impl<'a> Outlet<Datagram<'a>> for InPlace {
    fn spare(&mut self, _: &Datagram<'a>) -> Option<Datagram<'a>> {
        None
    }

    fn answer(&mut self, _: Datagram<'a>) {}

    fn discard(&mut self, _: Datagram<'a>) {
        self.refused = true;
    }
}

/// Debian's memcached, with the same contents. Its table has as many buckets as ours has slots.
pub(super) fn memcached(bits: u32) -> Result<Trial, String> {
    Trial::kernel(question(bits), move |namespace| {
        if !std::path::Path::new("/usr/bin/memcached").exists() {
            return Err("no memcached; `apt-get install --no-install-recommends memcached`".into());
        }
        let (at, port) = (SERVER.to_string(), PORT.to_string());
        let megabytes = (64 + (keys(bits) >> 13)).to_string();
        let table = format!("hashpower={bits}");
        // As nobody from the beginning: who changes users later outlives us should we be killed.
        let mut command = vec!["setpriv", "--reuid", "65534", "--regid", "65534"];
        command.extend(["--clear-groups", "--pdeathsig", "KILL", "memcached", "-t", "1"]);
        command.extend(["-l", &at, "-p", &port, "-U", &port, "-m", &megabytes, "-o", &table]);
        let process = namespace.start(&command);
        fill(namespace, bits)?;
        Server::program(process)
    })
}

/// Stores all keys over TCP.
fn fill(namespace: &Namespace, bits: u32) -> Result<(), String> {
    let job = move || {
        let deadline = Instant::now() + PATIENCE;
        let mut stream = loop {
            match TcpStream::connect((SERVER, PORT)) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut requests = Vec::new();
        for number in 0..keys(bits) {
            let key = key(number);
            requests.extend_from_slice(b"set ");
            requests.extend_from_slice(&key);
            requests.extend_from_slice(format!(" 0 0 {KEY} noreply\r\n").as_bytes());
            requests.extend_from_slice(&key);
            requests.extend_from_slice(b"\r\n");
            if requests.len() > 60_000 {
                stream.write_all(&requests)?;
                requests.clear();
            }
        }
        requests.extend_from_slice(b"mn\r\n");
        stream.write_all(&requests)?;
        stream.read_exact(&mut [0; 4])
    };
    namespace.run(job).map_err(|error| format!("memcached could not be filled: {error}"))
}
