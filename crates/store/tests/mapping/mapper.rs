//! Another process, which maps frames of a store's memory.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use store::host::SharedFrames;
use system_tests::{PATIENCE, tool};

/// The memory is what it was given as its standard input; it is asked, and answers, through its
/// standard output. A map stays until it is told to end it.
const PROGRAM: &str = "
import mmap, socket, struct
line = socket.socket(fileno=1).makefile('rwb')
maps = {}
while True:
    head = line.read(14)
    if len(head) < 14: break
    what, private, frame, at, length = struct.unpack('<BBIII', head)
    if (frame, private) not in maps:
        flags = mmap.MAP_PRIVATE if private else mmap.MAP_SHARED
        maps[frame, private] = mmap.mmap(0, 4096, flags=flags, offset=4096 * frame)
    if what == 0:
        line.write(maps[frame, private][at:at + length])
    elif what == 1:
        maps[frame, private][at:at + length] = line.read(length)
        line.write(b'.')
    else:
        maps.pop((frame, private)).close()
        line.write(b'.')
    line.flush()
";

/// How it maps a frame.
#[derive(Clone, Copy)]
pub(crate) enum How {
    Shared,
    Private,
}

pub(crate) struct Mapper {
    child: Child,
    line: UnixStream,
}

impl Mapper {
    pub(crate) fn new(memory: &SharedFrames) -> Self {
        tool("python3", "python3");
        let (line, its) = UnixStream::pair().unwrap();
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        let child = Command::new("/usr/bin/python3")
            .args(["-ISc", PROGRAM])
            .stdin(Stdio::from(memory.descriptor().unwrap()))
            .stdout(Stdio::from(OwnedFd::from(its)))
            .spawn()
            .unwrap();
        Self { child, line }
    }

    fn ask(&mut self, what: u8, how: How, frame: usize, at: usize, length: usize) {
        let mut head = vec![what, u8::from(matches!(how, How::Private))];
        for number in [frame, at, length] {
            head.extend(u32::try_from(number).unwrap().to_le_bytes());
        }
        self.line.write_all(&head).unwrap();
    }

    fn hear(&mut self) {
        self.line.read_exact(&mut [0]).unwrap();
    }

    /// What it sees there.
    pub(crate) fn read(&mut self, how: How, frame: usize, at: usize, length: usize) -> Vec<u8> {
        self.ask(0, how, frame, at, length);
        let mut bytes = vec![0; length];
        self.line.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn write(&mut self, how: How, frame: usize, at: usize, bytes: &[u8]) {
        self.ask(1, how, frame, at, bytes.len());
        self.line.write_all(bytes).unwrap();
        self.hear();
    }

    /// Ends its map of a frame.
    pub(crate) fn unmap(&mut self, how: How, frame: usize) {
        self.ask(2, how, frame, 0, 0);
        self.hear();
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
