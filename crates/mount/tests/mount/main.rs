//! Files in memory, mounted for real: what programs see, and what is left when it ends.

mod contents;
mod end;
mod memory;
mod names;
mod ordinary;
mod owners;
mod place;
mod programs;

use memory::Memory;
use place::Place;
