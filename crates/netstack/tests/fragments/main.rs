//! Packets cut into fragments and put together again.

mod build;
mod cut;
mod limits;
mod reassemble;
