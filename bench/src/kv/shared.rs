//! Something that both sides of a contest measure.

use super::contents::Filled;
use std::cell::{RefCell, RefMut};
use std::rc::Rc;

type Open<T> = fn(&Filled) -> Result<T, String>;

/// Opened when the first side is, closed with the last.
pub(super) struct Shared<T> {
    filled: Filled,
    open: Open<T>,
    place: Rc<RefCell<Option<T>>>,
}

impl<T> Shared<T> {
    pub(super) fn new(filled: &Filled, open: Open<T>) -> Self {
        Self { filled: filled.clone(), open, place: Rc::default() }
    }

    /// Opens it, unless it is.
    pub(super) fn open(&self) -> Result<(), String> {
        let mut place = self.place.borrow_mut();
        if place.is_none() {
            *place = Some((self.open)(&self.filled)?);
        }
        Ok(())
    }

    /// To measure it.
    pub(super) fn get(&self) -> Result<RefMut<'_, T>, String> {
        let place = self.place.try_borrow_mut().map_err(|_| "it is being measured")?;
        RefMut::filter_map(place, Option::as_mut).map_err(|_| "it is not open".into())
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { filled: self.filled.clone(), open: self.open, place: Rc::clone(&self.place) }
    }
}
