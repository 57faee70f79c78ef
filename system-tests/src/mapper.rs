//! Another process, which reads and writes files through maps of them.

use crate::tool;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// It keeps a map as long as the file stays as large.
const PROGRAM: &str = "
import mmap, os, struct, sys
files = [os.open(path, os.O_RDWR) for path in sys.argv[1:]]
maps = [None] * len(files)
while True:
    head = sys.stdin.buffer.read(25)
    if len(head) < 25: break
    what, which, size, at, length = struct.unpack('<BQQII', head)
    if maps[which] is None or len(maps[which]) != size:
        maps[which] = mmap.mmap(files[which], size)
    if what == 0:
        sys.stdout.buffer.write(maps[which][at:at + length])
    elif what == 1:
        maps[which][at:at + length] = sys.stdin.buffer.read(length)
        sys.stdout.buffer.write(b'.')
    else:
        maps[which].flush(at, length)
        sys.stdout.buffer.write(b'.')
    sys.stdout.buffer.flush()
";

/// It ends with its guard.
pub struct Mapper {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Mapper {
    /// One that opens these files, to be known by their numbers.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn new<const FILES: usize>(files: [&Path; FILES]) -> Self {
        tool("python3", "python3");
        let mut child = Command::new("/usr/bin/python3")
            .args(["-ISc", PROGRAM])
            .args(files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output }
    }

    fn ask(&mut self, what: u8, which: usize, size: usize, at: usize, length: usize) {
        let mut head = vec![what];
        head.extend((which as u64).to_le_bytes());
        head.extend((size as u64).to_le_bytes());
        head.extend((at as u32).to_le_bytes());
        head.extend((length as u32).to_le_bytes());
        self.input.write_all(&head).unwrap();
    }

    /// What it sees there, in a file of that size.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn read(&mut self, which: usize, size: usize, at: usize, length: usize) -> Vec<u8> {
        self.ask(0, which, size, at, length);
        let mut bytes = vec![0; length];
        self.output.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Stores bytes in its map.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn write(&mut self, which: usize, size: usize, at: usize, bytes: &[u8]) {
        self.ask(1, which, size, at, bytes.len());
        self.input.write_all(bytes).unwrap();
        self.output.read_exact(&mut [0]).unwrap();
    }

    /// Waits, by `msync`, until whole pages of its map are safe.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn flush(&mut self, which: usize, size: usize, at: usize, length: usize) {
        self.ask(2, which, size, at, length);
        self.output.read_exact(&mut [0]).unwrap();
    }

    /// Kills it, which leaves it no time for anything.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        // It may have ended on its own.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
