//! The port manager against a model that is obviously right: on every state of small worlds, and
//! on long random walks through larger ones.

mod examples;
mod reference;
mod sequences;
mod small_worlds;
mod world;
