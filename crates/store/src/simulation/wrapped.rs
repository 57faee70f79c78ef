//! Media around other media.

use crate::medium::{Medium, Trouble};

/// A medium that is another one in all but what it says here.
///
/// It is a [`Medium`] by that alone, and none of its methods is forgotten: one that has a body of its
/// own in the trait would else silently be another one for whoever is wrapped.
pub trait Wrapped: Send + Sync {
    /// What is wrapped.
    fn below(&self) -> &dyn Medium;

    /// Sees what is to be written, and says whether it goes below.
    fn passes_on(&self, _at: u64, _from: &[u8]) -> bool {
        true
    }

    /// Whether it makes safe what was written, or only says so.
    fn makes_safe(&self) -> bool {
        true
    }

    /// Whether it says which device it is on. What only says that all is safe must not: who writes
    /// through to another medium on that device would rely on it.
    fn tells_device(&self) -> bool {
        true
    }
}

impl<W: Wrapped> Medium for W {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.below().read(at, into)
    }

    fn read_straight(&self, at: u64, into: &mut [u8]) -> Result<(), Trouble> {
        self.below().read_straight(at, into)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        if self.passes_on(at, from) { self.below().write(at, from) } else { Ok(()) }
    }

    fn sync(&self) -> Result<(), Trouble> {
        if self.makes_safe() { self.below().sync() } else { Ok(()) }
    }

    fn size(&self) -> u64 {
        self.below().size()
    }

    fn limit(&self) -> u64 {
        self.below().limit()
    }

    fn grow(&self, size: u64) -> Result<(), Trouble> {
        self.below().grow(size)
    }

    fn discard(&self, at: u64, length: u64) {
        self.below().discard(at, length);
    }

    fn foresee(&self, at: u64, length: u64) {
        self.below().foresee(at, length);
    }

    fn hasten(&self, at: u64, length: u64) {
        self.below().hasten(at, length);
    }

    fn device(&self) -> Option<u64> {
        if self.tells_device() { self.below().device() } else { None }
    }

    fn write_through(&self, at: u64, from: &[u8]) -> Result<(), Trouble> {
        if self.passes_on(at, from) { self.below().write_through(at, from) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    #[test]
    fn no_method_of_a_medium_is_forgotten() {
        let medium = include_str!("../medium.rs").split("pub trait ");
        let medium = medium.filter(|part| part.starts_with("Medium:")).last().unwrap();
        let mut methods = 0;
        for method in medium.split("    fn ").skip(1) {
            let (name, _) = method.split_once('(').unwrap();
            let call = format!("self.below().{name}(");
            assert!(include_str!("wrapped.rs").contains(&call), "{name} is not passed on");
            methods += 1;
        }
        assert!(methods >= 11, "{methods} methods: not all were found");
    }
}
