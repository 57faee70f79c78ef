//! Stores from the command line: each way to fail has its exit code, says what helps, and loses
//! nothing.

mod copying;
mod keys;
mod seals;
mod trouble;
mod whole;
mod world;
