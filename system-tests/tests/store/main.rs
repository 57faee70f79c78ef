//! Programs of other people on a mounted store.
//!
//! The store lies in a real folder of segments, with its seal beside it, and is mounted through the
//! real kernel. Programs that check file systems, and programs that depend on one, do their work in
//! it; some are killed, and so is who serves the mount. After each of them the store is closed, and
//! a second reader, written in another language from the format alone, must find in it what the
//! mount showed.

mod disks;
mod folder;
mod git;
mod growth;
mod postgres;
mod power;
mod program;
mod reader;
mod served;
mod serving;
mod shadow;
mod shown;
mod sqlite;
mod stressors;
