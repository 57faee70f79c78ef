//! Every block of a small store is changed in every way that somebody at its medium can: what is
//! read then is right, or is refused by name.

mod blocks;
mod look;
mod old;
mod seals;
mod segments;
mod several;
mod victim;
mod writing;
