//! Debian's memcached, asked over the loopback.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) struct Theirs {
    child: Child,
    port: u16,
}

impl Theirs {
    pub(crate) fn start(options: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port_text = port.to_string();
        // Dies with this thread, whatever happens to it. It must not change users itself: the
        // kernel would then forget about that.
        let root = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
        let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        let child = Command::new("setpriv")
            .args(nobody.into_iter().filter(|_| root))
            .args(["--pdeathsig", "KILL", "memcached", "-l", "127.0.0.1", "-t", "1"])
            // Its helpers hold on to entries for a while, which changes how these are incremented.
            .args(["-o", "no_lru_maintainer,no_lru_crawler"])
            .args(["-p", &port_text, "-U", &port_text])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .expect("setpriv is in the package util-linux");
        let theirs = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < deadline,
                "memcached did not start; is it installed? apt-get install memcached"
            );
            sleep(Duration::from_millis(10));
        }
        theirs
    }

    /// The answer to a request over TCP, up to and with `end`, or to the end of the connection.
    pub(crate) fn ask(&self, request: &[u8], end: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        let mut part = vec![0; 65_536];
        while !answer.ends_with(end) {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!(
                    "memcached waits for more ({error}) after {:?}, having said {:?}",
                    request.escape_ascii().to_string(),
                    answer.escape_ascii().to_string()
                ),
            }
        }
        answer
    }

    /// The datagrams that answer one over UDP, as many as come within a short while.
    pub(crate) fn ask_udp(&self, request: &[u8], expect: usize) -> Vec<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        socket.send(request).unwrap();
        let mut answers = Vec::new();
        let mut part = vec![0; 65_536];
        while answers.len() < expect
            && let Ok(count) = socket.recv(&mut part)
        {
            answers.push(part[..count].to_vec());
        }
        answers
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
