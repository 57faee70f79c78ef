//! Any bytes are a node or none; what is one can be looked at and changed, and stays one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| store::fuzzing::node(bytes));
