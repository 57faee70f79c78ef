//! The short form in which people name a driver, and wrappers around it.
//!
//! `tap:tap0,queues=2+faults:loss=1%,delay=10ms+trace`: a driver, then wrappers from the inside
//! out, each with its settings. `docs/nic.md` is the reference; a test holds it to what is known
//! here. [`Spec::open`] makes the drivers, one for each queue.

mod driver;
mod form;
mod grammar;
mod keys;
mod mistake;
mod open;
mod wrapper;

pub use driver::{Driver, Stream, Vhost, VhostDevice};
pub use keys::Key;
pub use mistake::{Mistake, Mistakes};
pub use open::Memory;
pub use wrapper::Wrapper;

use core::fmt;
use core::str::FromStr;
use grammar::Part;
use keys::{Listing, Printing, Reading};
use mistake::nearest;

/// A driver and the wrappers around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The driver.
    pub driver: Driver,
    /// The wrappers around it, the innermost first.
    pub wrappers: Vec<Wrapper>,
}

/// Reads the short form.
impl FromStr for Spec {
    type Err = Mistakes;

    fn from_str(text: &str) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let mut parts = grammar::parts(text, &mut mistakes).into_iter();
        let driver = parts.next().and_then(|part| driver(&part, &mut mistakes));
        let wrappers = parts.filter_map(|part| wrapper(&part, &mut mistakes)).collect();
        if let (Some(driver), []) = (driver, mistakes.as_slice()) {
            return Ok(Self { driver, wrappers });
        }
        mistakes.sort_by_key(|mistake| mistake.at.start);
        Err(Mistakes { text: text.into(), mistakes })
    }
}

/// Prints the short form, without what is the default anyway.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys = Printing::default();
        self.driver.clone().describe(&mut keys);
        f.write_str(&keys.finish(self.driver.name()))?;
        for wrapper in &self.wrappers {
            let mut keys = Printing::default();
            wrapper.clone().describe(&mut keys);
            write!(f, "+{}", keys.finish(wrapper.name()))?;
        }
        Ok(())
    }
}

/// All drivers and then all wrappers by name, with their keys.
pub fn all_keys() -> Vec<(&'static str, Vec<Key>)> {
    let drivers = Driver::all().into_iter().map(|mut driver| {
        let mut keys = Listing::default();
        driver.describe(&mut keys);
        (driver.name(), keys.keys)
    });
    let wrappers = Wrapper::all().into_iter().map(|mut wrapper| {
        let mut keys = Listing::default();
        wrapper.describe(&mut keys);
        (wrapper.name(), keys.keys)
    });
    drivers.chain(wrappers).collect()
}

fn driver(part: &Part, mistakes: &mut Vec<Mistake>) -> Option<Driver> {
    let name = &part.name.text;
    let Some(mut driver) = Driver::all().into_iter().find(|driver| driver.name() == name) else {
        let known = Driver::all().map(|driver| driver.name());
        let wrapper = Wrapper::all().iter().any(|wrapper| wrapper.name() == name);
        let what = if wrapper {
            format!("`{name}` goes around a driver: name that first, as in `tap:tap0+{name}`")
        } else {
            unknown("driver", name, &known)
        };
        mistakes.push(Mistake { at: part.name.at.clone(), what });
        return None;
    };
    let mut keys = Reading::new(part, mistakes);
    driver.describe(&mut keys);
    keys.finish();
    Some(driver)
}

fn wrapper(part: &Part, mistakes: &mut Vec<Mistake>) -> Option<Wrapper> {
    let name = &part.name.text;
    let Some(mut wrapper) = Wrapper::all().into_iter().find(|wrapper| wrapper.name() == name)
    else {
        let known = Wrapper::all().map(|wrapper| wrapper.name());
        let what = unknown("wrapper", name, &known);
        mistakes.push(Mistake { at: part.name.at.clone(), what });
        return None;
    };
    let mut keys = Reading::new(part, mistakes);
    wrapper.describe(&mut keys);
    keys.finish();
    Some(wrapper)
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    let all = known.join("`, `");
    if name.is_empty() {
        return format!("the name of a {kind} is missing here: `{all}`");
    }
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("there is no {kind} `{name}`; did you mean `{meant}`?"),
        None => format!("there is no {kind} `{name}`; there are `{all}`"),
    }
}
