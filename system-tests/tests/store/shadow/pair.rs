//! Two files, what is done to them, and the bytes that they must have.

use rustix::fs::{Advice, FallocateFlags, SeekFrom, copy_file_range, fadvise, fallocate, seek};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use system_tests::Mapper;

/// The largest that a file gets: some times what one record of the store's tree is about.
const LARGEST: usize = 600_000;
/// The longest piece.
const LONGEST: usize = 80_000;

/// Chance that is the same for the same seed: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % (limit as u64).max(1)) as usize
    }

    /// A place: sometimes the beginning of a page, or a byte beside it.
    fn place(&mut self, limit: usize) -> usize {
        let at = self.below(limit + 1);
        match self.below(4) {
            0 => at & !4095,
            1 => ((at & !4095) + 4095).min(limit),
            _ => at,
        }
    }

    /// A length: mostly short.
    fn length(&mut self) -> usize {
        let longest = [100, 5_000, 20_000, LONGEST][self.below(4)];
        1 + self.below(longest)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(length + 8);
        let (mut number, step) = (self.below(usize::MAX) as u64, self.below(usize::MAX) as u64 | 1);
        while out.len() < length {
            number = number.wrapping_add(step);
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.truncate(length);
        out
    }
}

pub(super) struct Pair {
    seed: u64,
    dice: Dice,
    names: [PathBuf; 2],
    files: Option<[File; 2]>,
    mapper: Option<Mapper>,
    wanted: [Vec<u8>; 2],
    done: u64,
    /// What was done last, for who looks for the mistake.
    last: Vec<String>,
}

impl Pair {
    pub(super) fn new(seed: u64, names: [PathBuf; 2]) -> Self {
        for name in &names {
            File::create_new(name).unwrap();
        }
        let dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let wanted = [Vec::new(), Vec::new()];
        let mut pair = Self {
            seed,
            dice,
            names,
            files: None,
            mapper: None,
            wanted,
            done: 0,
            last: Vec::new(),
        };
        pair.open();
        pair
    }

    pub(super) fn open(&mut self) {
        let open = |name: &PathBuf| File::options().read(true).write(true).open(name).unwrap();
        let [one, other] = &self.names;
        self.files = Some([open(one), open(other)]);
        if self.mapper.is_none() {
            self.mapper = Some(Mapper::new([one, other]));
        }
    }

    pub(super) fn close(&mut self) {
        self.files = None;
        self.mapper = None;
    }

    pub(super) fn work(&mut self, operations: u64) {
        for _ in 0..operations {
            self.done += 1;
            self.step();
            if self.done.is_multiple_of(500) {
                self.check();
            }
        }
    }

    /// That both files are what they must be, byte by byte.
    pub(super) fn check(&mut self) {
        for which in 0..2 {
            let (size, found) = (self.wanted[which].len(), self.file(which).metadata().unwrap());
            self.must(found.len() == size as u64, &format!("{} bytes, not {size}", found.len()));
            self.compare(which, 0, size);
        }
    }

    fn file(&self, which: usize) -> &File {
        &self.files.as_ref().unwrap()[which]
    }

    fn mapper(&mut self) -> &mut Mapper {
        self.mapper.as_mut().unwrap()
    }

    #[track_caller]
    fn must(&self, holds: bool, what: &str) {
        let last = self.last.iter().rev().take(30).rev().cloned().collect::<Vec<_>>().join("\n");
        assert!(holds, "seed {}, operation {}: {what}\n{last}", self.seed, self.done);
    }

    fn note(&mut self, text: String) {
        self.last.push(text);
        if self.last.len() > 100 {
            self.last.drain(..70);
        }
    }

    fn compare(&self, which: usize, at: usize, length: usize) {
        let mut found = vec![0; length];
        let read = self.file(which).read_exact_at(&mut found, at as u64);
        self.must(read.is_ok(), &format!("{read:?} of {length} bytes at {at}"));
        self.same(which, at, &found);
    }

    #[track_caller]
    fn same(&self, which: usize, at: usize, found: &[u8]) {
        let wanted = &self.wanted[which][at..at + found.len()];
        if let Some(first) = wanted.iter().zip(found).position(|(one, other)| one != other) {
            let wrong = wanted.iter().zip(found).filter(|(one, other)| one != other).count();
            let (is, should) = (found[first], wanted[first]);
            let place = format!("file {which}, byte {}", at + first);
            self.must(false, &format!("{place}: {is}, not {should}; {wrong} are wrong"));
        }
    }

    fn step(&mut self) {
        let which = self.dice.below(2);
        let size = self.wanted[which].len();
        let length = self.dice.length();
        let at = self.dice.place(LARGEST - length);
        let within = self.dice.place(size.saturating_sub(1));
        let piece = length.min(size - within.min(size));
        match self.dice.below(100) {
            0..25 => self.write(which, at.min(size + 50_000), length),
            25..45 if piece > 0 => {
                self.note(format!("read {which} {within}+{piece}"));
                self.compare(which, within, piece);
            }
            45..55 if piece > 0 => {
                self.note(format!("read mapped {which} {within}+{piece} of {size}"));
                let found = self.mapper().read(which, size, within, piece);
                self.same(which, within, &found);
            }
            55..67 if piece > 0 => self.write_mapped(which, within, piece),
            67..74 => self.resize(which, at),
            74..86 => self.allocate(which, at, length),
            86..91 if piece > 0 => self.copy(which, within, piece, at),
            91..94 => self.look_for_holes(which, at),
            94..96 => {
                self.note(format!("sync {which}"));
                self.file(which).sync_all().unwrap();
                // What is read next comes from the store again.
                fadvise(self.file(which), 0, None, Advice::DontNeed).unwrap();
            }
            96 => {
                self.note("close and open".to_owned());
                self.files = None;
                // A process takes its time.
                if self.dice.below(30) == 0 {
                    self.mapper = None;
                }
                self.open();
            }
            _ => {}
        }
    }

    fn put(&mut self, which: usize, at: usize, bytes: &[u8]) {
        let wanted = &mut self.wanted[which];
        let end = at + bytes.len();
        wanted.resize(wanted.len().max(end), 0);
        wanted[at..end].copy_from_slice(bytes);
    }

    fn write(&mut self, which: usize, at: usize, length: usize) {
        self.note(format!("write {which} {at}+{length}"));
        let bytes = self.dice.bytes(length);
        self.file(which).write_all_at(&bytes, at as u64).unwrap();
        self.put(which, at, &bytes);
    }

    fn write_mapped(&mut self, which: usize, at: usize, length: usize) {
        let size = self.wanted[which].len();
        self.note(format!("write mapped {which} {at}+{length} of {size}"));
        let bytes = self.dice.bytes(length);
        self.mapper().write(which, size, at, &bytes);
        self.put(which, at, &bytes);
    }

    fn resize(&mut self, which: usize, size: usize) {
        // Small files, too: they lie elsewhere in the store.
        let size = if self.dice.below(3) == 0 { size % 3000 } else { size };
        self.note(format!("resize {which} {size}"));
        self.file(which).set_len(size as u64).unwrap();
        self.wanted[which].resize(size, 0);
    }

    fn allocate(&mut self, which: usize, at: usize, length: usize) {
        const KEEP: FallocateFlags = FallocateFlags::KEEP_SIZE;
        const ZERO: FallocateFlags = FallocateFlags::ZERO_RANGE;
        let (how, clears, grows) = [
            (FallocateFlags::empty(), false, true),
            (KEEP, false, false),
            (KEEP.union(FallocateFlags::PUNCH_HOLE), true, false),
            (ZERO, true, true),
            (KEEP.union(ZERO), true, false),
        ][self.dice.below(5)];
        self.note(format!("{how:?} {which} {at}+{length}"));
        fallocate(self.file(which), how, at as u64, length as u64).unwrap();
        let wanted = &mut self.wanted[which];
        if grows {
            wanted.resize(wanted.len().max(at + length), 0);
        }
        if clears {
            let end = wanted.len();
            wanted[at.min(end)..(at + length).min(end)].fill(0);
        }
    }

    fn copy(&mut self, from: usize, at: usize, length: usize, to_at: usize) {
        let to = self.dice.below(2);
        if from == to && at < to_at + length && to_at < at + length {
            return;
        }
        self.note(format!("copy {from} {at}+{length} to {to} {to_at}"));
        let (mut done, bytes) = (0, self.wanted[from][at..at + length].to_vec());
        while done < length {
            let (mut read, mut write) = ((at + done) as u64, (to_at + done) as u64);
            let left = length - done;
            let (source, target) = (self.file(from), self.file(to));
            let copied =
                copy_file_range(source, Some(&mut read), target, Some(&mut write), left).unwrap();
            self.must(copied > 0, "nothing was copied");
            done += copied;
        }
        self.put(to, to_at, &bytes);
    }

    /// What is said to be a hole must be zeros; data may be, too.
    fn look_for_holes(&mut self, which: usize, at: usize) {
        self.note(format!("look for holes {which} from {at}"));
        let size = self.wanted[which].len();
        let data = match seek(self.file(which), SeekFrom::Data(at as u64)) {
            Ok(data) => data as usize,
            Err(error) => {
                self.must(error == rustix::io::Errno::NXIO, &format!("{error}"));
                size.max(at)
            }
        };
        self.must(data >= at, "data before where it was looked for");
        let hole = self.wanted[which].get(at..data.min(size)).unwrap_or_default();
        self.must(hole.iter().all(|byte| *byte == 0), &format!("{at}..{data} is no hole"));
    }
}
