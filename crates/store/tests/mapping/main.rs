//! Files that programs map: the frames of a store's memory, mapped by other processes.

mod limits;
mod mapper;
mod processes;
mod random;
mod world;
