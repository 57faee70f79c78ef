//! One driver, applications in other processes: one pool for all, or a pool each and a copy?
//!
//! Two processes, a driver and an application, on a core each. The driver has a batch of frames
//! written to pages, as a device would; the application checks each frame's bytes, as a stack
//! does, turns its addresses round, and gives the page back. With *one pool* it is the driver's
//! page that is handed over by its number; with *a pool each* the driver copies the frame into a
//! page of a pool that only the two of them map. They take turns, so a packet's ticks are those
//! of both and of the way between.

mod region;

use bench::frame::{Bench, Case, Contest, Plan, Side, pin, ticks};
use nic::memory::Memory;
use packet::PAGE;
use packet::checksum::Sum;
use region::Region;
use std::fs::{self, File};
use std::hint::spin_loop;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Packets handed over together.
const BATCH: usize = 32;
/// Pages of the memory that both map, and of the driver's own.
const PAGES: usize = 514;
/// The rings: from the driver to the application, and back.
const THERE: usize = 0;
const BACK: usize = 1;
/// Turns without news after which somebody who waits lets others run.
const PATIENCE: u32 = 20_000;

pub(crate) fn bench() -> Bench {
    Bench {
        name: "sharing",
        about: "a driver shared between processes: one pool for all, or a pool each and a copy",
        packages: &[],
        axis: Some("bytes a frame"),
        contests,
    }
}

fn contests(_: &Plan) -> Vec<Contest> {
    [64, 512, 1500].map(contest).into()
}

fn contest(size: usize) -> Contest {
    let case = Case::lower(format!("one pool {size} B"), "ticks/packet");
    Contest::new(
        "a pool each",
        [case.at("one pool", size as f64)],
        move |plan| side(size, false, plan),
        move |plan| side(size, true, plan),
    )
}

fn side(size: usize, copies: bool, plan: &Plan) -> Result<Side, String> {
    let mut driver = Driver::start(size, copies)?;
    let slice = plan.slice;
    Ok(Box::new(move || {
        let _pinned = pin(0)?;
        for _ in 0..100 {
            driver.round()?;
        }
        let mut rounds = Vec::new();
        let begin = Instant::now();
        while begin.elapsed() < slice || rounds.is_empty() {
            rounds.push(driver.round()?);
        }
        // The middle one: a round in which somebody else had a core would spoil a mean.
        let middle = rounds.len() / 2;
        Ok(vec![*rounds.select_nth_unstable(middle).1 as f64 / BATCH as f64])
    }))
}

/// The driver's process, which is this one, and the application's.
struct Driver {
    shared: Region,
    /// Where frames arrive, if not in the shared pages.
    own: Option<Vec<[u8; PAGE]>>,
    frame: Vec<u8>,
    next: usize,
    numbers: Vec<u64>,
    application: Child,
    /// Keeps the file that both map.
    _memory: Memory,
}

impl Driver {
    fn start(size: usize, copies: bool) -> Result<Self, String> {
        let memory = Memory::shared(PAGES, false).map_err(|error| error.to_string())?;
        let file = memory.file().ok_or("shared memory has no file")?;
        let shared = Region::map(file, PAGES)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args(["sharing", "--application", &path]).stdin(Stdio::null());
        let application = command.spawn().map_err(|error| format!("a process: {error}"))?;
        let own = copies.then(|| vec![[0; PAGE]; shared.pages()]);
        // Never the same frame twice in a row, nor all zeroes.
        let frame = (0..size).map(|place| place as u8 | 1).collect();
        let numbers = Vec::with_capacity(BATCH);
        Ok(Self { shared, own, frame, next: 0, numbers, application, _memory: memory })
    }

    /// Has a batch of frames arrive, hands it over and waits until it is back. Gives the ticks
    /// from when the frames had arrived.
    fn round(&mut self) -> Result<u64, String> {
        let (size, pages) = (self.frame.len(), self.shared.pages());
        let batch = self.next..self.next + BATCH;
        self.next = (self.next + BATCH) % (pages / BATCH * BATCH);
        for page in batch.clone() {
            let place = match &mut self.own {
                Some(own) => own.get_mut(page).and_then(|page| page.get_mut(..size)),
                None => Some(self.shared.bytes(page, size)),
            };
            place.ok_or("there is no such page")?.copy_from_slice(&self.frame);
        }
        let begin = ticks();
        self.numbers.clear();
        for page in batch {
            if let Some(own) = &self.own {
                self.shared.bytes(page, size).copy_from_slice(&own[page][..size]);
            }
            self.numbers.push((size << 32 | page) as u64);
        }
        self.shared.ring(THERE).put(&self.numbers);
        self.numbers.clear();
        let mut waited = 0;
        while self.numbers.len() < BATCH {
            if self.shared.ring(BACK).take(&mut self.numbers) > 0 {
                continue;
            }
            spin_loop();
            waited += 1;
            if waited % PATIENCE == 0 {
                std::thread::yield_now();
                if let Ok(Some(status)) = self.application.try_wait() {
                    return Err(format!("the application's process ended: {status}"));
                }
            }
        }
        let took = ticks().wrapping_sub(begin);
        let first = self.numbers.first().copied().unwrap_or_default();
        let bytes = self.shared.bytes(first as u32 as usize, size);
        // The addresses of the frame are the other way round now.
        if bytes[..6] == self.frame[6..12] && bytes[6..12] == self.frame[..6] {
            Ok(took)
        } else {
            Err("the application did not touch the frame".into())
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.application.kill();
        let _ = self.application.wait();
    }
}

/// The application's process: works on what it is handed until its parent is gone.
pub(crate) fn application(path: &Path) -> Result<(), String> {
    let parent = rustix::process::getppid();
    let said = |error: std::io::Error| format!("{}: {error}", path.display());
    let file: File = fs::OpenOptions::new().read(true).write(true).open(path).map_err(said)?;
    let mut shared = Region::map(&file, PAGES)?;
    let _pinned = pin(1)?;
    let (mut numbers, mut waited) = (Vec::with_capacity(BATCH), 0_u32);
    let mut idle = Instant::now();
    loop {
        numbers.clear();
        if shared.ring(THERE).take(&mut numbers) == 0 {
            spin_loop();
            waited = waited.wrapping_add(1);
            if waited % PATIENCE == 0 {
                if rustix::process::getppid() != parent {
                    return Ok(());
                }
                // Another side's turn: leave the core to its processes.
                if idle.elapsed() > Duration::from_millis(5) {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
            continue;
        }
        idle = Instant::now();
        for number in &numbers {
            let frame = shared.bytes(*number as u32 as usize, (number >> 32) as usize);
            let sum = Sum::of(frame).checksum();
            // What comes of it must not be left out by the compiler.
            std::hint::black_box(sum);
            if let Some((to, rest)) = frame.split_at_mut_checked(6)
                && let Some(from) = rest.get_mut(..6)
            {
                to.swap_with_slice(from);
            }
        }
        shared.ring(BACK).put(&numbers);
    }
}
