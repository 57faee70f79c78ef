//! What stores lie on, against the real Linux.

mod block;
mod device;
mod folder;
mod full;
mod keys;
mod locks;
mod places;
mod segments;
mod straight;
mod terminal;
