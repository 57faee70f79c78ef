//! Stores from the command line: each way to fail has its exit code, says what helps, and loses
//! nothing.

mod codes;
mod copying;
mod keys;
mod mapped;
mod meanwhile;
mod mounted;
mod names;
mod progress;
mod seals;
mod tampered;
mod terminal;
mod trouble;
mod whole;
mod world;
