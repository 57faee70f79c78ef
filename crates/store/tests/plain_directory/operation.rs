//! What a program may do to a file system, drawn at random.

use store::simulation::Dice;
use store::{Allocate, Seek, Taken};

/// A path: names from the root down.
pub(crate) type Path = Vec<String>;

/// One operation.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Make(Path),
    MakeDirectory(Path),
    MakePipe(Path),
    MakeLink(Path, Vec<u8>),
    ReadLink(Path),
    Link(Path, Path),
    Unlink(Path),
    RemoveDirectory(Path),
    Rename(Path, Path, Taken),
    Stat(Path),
    List(Path),
    Permissions(Path, u32),
    Times(Path, i64, u32),
    SetExtra(Path, String, Vec<u8>),
    Extra(Path, String),
    RemoveExtra(Path, String),
    Open(usize, Path),
    Close(usize),
    Read(usize, u64, usize),
    Write(usize, u64, Vec<u8>),
    Append(usize, Vec<u8>),
    Resize(usize, u64),
    Allocate(usize, Allocate, u64, u64),
    Seek(usize, Seek, u64),
    StatOpen(usize),
    /// All is made safe.
    Sync,
    /// All that need not be in memory is forgotten.
    Forget,
    /// The store is closed and opened again; whatever was open is not.
    Reopen,
}

/// How many files may be open.
pub(crate) const OPEN: usize = 6;

const NAMES: [&str; 9] = ["a", "b", "c", "dir", "sub", "x.txt", "ünïcode", "name with spaces", "z"];

fn path(dice: &mut Dice) -> Path {
    // Few names, so that they meet; now and then one that cannot be.
    let depth = 1 + dice.below(3);
    (0..depth)
        .map(|_| match dice.below(200) {
            0 => "n".repeat(256),
            1 => "m".repeat(255),
            _ => NAMES[dice.below(NAMES.len())].to_owned(),
        })
        .collect()
}

/// Mostly near the beginning, sometimes far out; near the borders of pages and of small files.
fn place(dice: &mut Dice) -> u64 {
    let near = [0, 1, 1023, 1024, 1025, 4095, 4096, 4097, 8192, 65_536, 262_144][dice.below(11)];
    match dice.below(8) {
        0 => 0,
        1 => near,
        2 => near + dice.below(100) as u64,
        3 => dice.below(1 << 20) as u64,
        4 => 1 << (20 + dice.below(12)),
        _ => dice.below(20_000) as u64,
    }
}

fn length(dice: &mut Dice) -> usize {
    match dice.below(6) {
        0 => dice.below(3),
        1 => 4096,
        2 => dice.below(70_000),
        _ => dice.below(3000),
    }
}

fn bytes(dice: &mut Dice) -> Vec<u8> {
    let length = length(dice);
    let (mut byte, step) = (dice.below(256) as u8, dice.below(7) as u8);
    (0..length)
        .map(|_| {
            byte = byte.wrapping_add(step);
            byte
        })
        .collect()
}

impl Operation {
    /// Draws one.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let file = dice.below(OPEN);
        match dice.below(100) {
            0..6 => Self::Make(path(dice)),
            6..10 => Self::MakeDirectory(path(dice)),
            10 => Self::MakePipe(path(dice)),
            11..13 => {
                let target = bytes(dice).into_iter().map(|b| b % 26 + b'a').take(4095).collect();
                Self::MakeLink(path(dice), target)
            }
            13 => Self::ReadLink(path(dice)),
            14..17 => Self::Link(path(dice), path(dice)),
            17..21 => Self::Unlink(path(dice)),
            21..23 => Self::RemoveDirectory(path(dice)),
            23..30 => {
                let taken = [Taken::Replace, Taken::Replace, Taken::Refuse, Taken::Exchange];
                Self::Rename(path(dice), path(dice), taken[dice.below(4)])
            }
            30..33 => Self::Stat(path(dice)),
            33..35 => Self::List(path(dice)),
            35 => Self::Permissions(path(dice), dice.below(0o10000) as u32),
            36 => Self::Times(
                path(dice),
                (dice.below(1 << 40) as u64).cast_signed() - (1 << 20),
                dice.below(1_000_000_000) as u32,
            ),
            37 => {
                Self::SetExtra(path(dice), extra(dice), bytes(dice).into_iter().take(600).collect())
            }
            38 => Self::Extra(path(dice), extra(dice)),
            39 => Self::RemoveExtra(path(dice), extra(dice)),
            40..52 => Self::Open(file, path(dice)),
            52..55 => Self::Close(file),
            55..66 => Self::Read(file, place(dice), length(dice) * (1 + dice.below(3))),
            66..81 => Self::Write(file, place(dice), bytes(dice)),
            81..85 => Self::Append(file, bytes(dice)),
            85..89 => Self::Resize(file, place(dice)),
            89..93 => {
                use Allocate::{Grow, KeepSize, Punch, Zero, ZeroKeepSize};
                // tmpfs cannot turn ranges to zeros: there the test does it by hand.
                let how = [Grow, KeepSize, Punch, Punch, Zero, ZeroKeepSize][dice.below(6)];
                let length = 1 + dice.below(100_000) as u64;
                Self::Allocate(file, how, place(dice).min(1 << 21), length)
            }
            93..95 => Self::Seek(file, [Seek::Data, Seek::Hole][dice.below(2)], place(dice)),
            95..98 => Self::StatOpen(file),
            98 => Self::Sync,
            _ => match dice.below(20) {
                0 => Self::Reopen,
                1..10 => Self::Forget,
                _ => Self::Sync,
            },
        }
    }
}

fn extra(dice: &mut Dice) -> String {
    ["user.one", "user.two", "user.three"][dice.below(3)].to_owned()
}
