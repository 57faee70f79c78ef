//! A store in memory, mounted for real: what programs see, and what is left when it ends.

mod contents;
mod end;
mod names;
mod ordinary;
mod owners;
mod place;
mod programs;
mod watched;

use place::Place;
use watched::Watched;
