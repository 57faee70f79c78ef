//! Opens a driver and holds it until it is killed: `hold xdp near0`, `hold tap tap0`; or sets huge
//! pages aside: `hold huge BYTES`. For tests of what a killed process leaves behind.

use nic::memory::Memory;
use nic::{Error, Nic, tap, xdp};
use packet::Pool;
use std::env::args;
use std::thread::sleep;
use std::time::Duration;
use system_tests::HugePages;

fn open(kind: &str, name: &str) -> Result<Vec<Box<dyn Nic>>, Error> {
    fn boxed<N: Nic + 'static>(nic: N) -> Box<dyn Nic> {
        Box::new(nic)
    }
    if kind == "tap" {
        return Ok(tap::open(name, &tap::Options::default())?.into_iter().map(boxed).collect());
    }
    let pool = Pool::registered(Memory::private(256, false)?);
    Ok(xdp::open(name, &xdp::Options::default(), &pool)?.into_iter().map(boxed).collect())
}

fn main() -> Result<(), String> {
    let mut arguments = args().skip(1);
    let (Some(kind), Some(name)) = (arguments.next(), arguments.next()) else {
        return Err("hold KIND NAME".into());
    };
    let _held = if kind == "huge" {
        let bytes = name.parse().map_err(|error| format!("{name}: {error}"))?;
        (Some(HugePages::of(bytes)?), Vec::new())
    } else {
        (None, open(&kind, &name).map_err(|error| error.to_string())?)
    };
    // Nobody needs it for longer, should it be forgotten.
    sleep(Duration::from_mins(1));
    Ok(())
}
