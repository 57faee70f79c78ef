//! Where entries live: a bounded number of pages, cut into chunks of a few sizes.
//!
//! The arena reserves room for all its pages when it is made and never asks for memory again;
//! pages are touched when they are first needed. Chunks are named by the *position* of their first
//! line. It decides nothing: who is evicted when there is no chunk left is the store's business.

mod arena;
mod class;
mod header;
mod pages;

pub(crate) use arena::{Arena, Line};
pub(crate) use class::{Class, LARGEST};
pub(crate) use header::{Header, NONE, State};
