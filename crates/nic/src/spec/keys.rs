//! One description of each part's keys, used three ways: to read them, print them, list them.

use super::form::Form;
use super::grammar::{Item, Part, quoted};
use super::mistake::{Mistake, nearest};

/// What a description is shown to.
pub(super) trait Keys {
    /// The value without a key that comes first. `example` is one.
    fn head<T>(&mut self, example: &'static str, value: &mut T, form: &impl Form<T>);

    /// A value with a key; `value` is its default beforehand.
    fn key<T: PartialEq>(
        &mut self,
        name: &'static str,
        value: &mut T,
        default: &T,
        form: &impl Form<T>,
    );

    /// A key that can be given several times.
    fn many<T>(&mut self, name: &'static str, values: &mut Vec<T>, form: &impl Form<T>);

    /// A key for both directions, and with `in.` or `out.` in front for one.
    fn both<T: PartialEq + Clone>(
        &mut self,
        name: &'static str,
        values: (&mut T, &mut T),
        default: &T,
        form: &impl Form<T>,
    );
}

/// Reads the items of a part.
pub(super) struct Reading<'a> {
    part: &'a Part,
    /// Items that have not been asked for.
    left: Vec<&'a Item>,
    known: Vec<String>,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(part: &'a Part, mistakes: &'a mut Vec<Mistake>) -> Self {
        Self { part, left: part.items.iter().collect(), known: Vec::new(), mistakes }
    }

    /// Reports the items that nobody asked for.
    pub(super) fn finish(self) {
        let part = &self.part.name.text;
        for item in self.left {
            let word = item.key.as_ref().unwrap_or(&item.value);
            let what = if word.text.is_empty() {
                "a key is missing here".into()
            } else if self.known.is_empty() {
                format!("`{part}` has no keys")
            } else if let Some(key) = nearest(&word.text, self.known.iter().map(String::as_str)) {
                format!("`{part}` has no key `{}`; did you mean `{key}`?", word.text)
            } else {
                let known = self.known.join("`, `");
                format!("`{part}` has no key `{}`; it has `{known}`", word.text)
            };
            self.mistakes.push(Mistake { at: word.at.clone(), what });
        }
    }

    /// The value that was given for a key, if there is one; `alone` is what the key alone means.
    fn given<T>(&mut self, name: &str, form: &impl Form<T>) -> Option<T> {
        self.known.push(name.into());
        let mut given = self.all_given(name, form);
        if let Some((_, second)) = given.get(1) {
            let what = format!("`{name}` is given twice");
            self.mistakes.push(Mistake { at: second.clone(), what });
        }
        if given.is_empty() { None } else { given.swap_remove(0).0 }
    }

    /// All values given for a key, and where each item stands; `None` for those with a mistake.
    fn all_given<T>(
        &mut self,
        name: &str,
        form: &impl Form<T>,
    ) -> Vec<(Option<T>, core::ops::Range<usize>)> {
        let is_named = |item: &Item| match &item.key {
            Some(key) => key.text == name,
            None => !item.value.is_quoted && item.value.text == name,
        };
        let named: Vec<_> = self.left.extract_if(.., |item| is_named(item)).collect();
        let mut given = Vec::new();
        for item in named {
            let Some(key) = &item.key else {
                let value = form.alone();
                if value.is_none() {
                    let what = format!("`{name}` needs a value: {}", form.words());
                    self.mistakes.push(Mistake { at: item.value.at.clone(), what });
                }
                given.push((value, item.value.at.clone()));
                continue;
            };
            let read = form.read(&item.value.text);
            let at = item.value.at.clone();
            let value = read.map_err(|what| self.mistakes.push(Mistake { at, what })).ok();
            given.push((value, key.at.clone()));
        }
        given
    }
}

impl Keys for Reading<'_> {
    fn head<T>(&mut self, example: &'static str, value: &mut T, form: &impl Form<T>) {
        let name = &self.part.name;
        match self.left.first() {
            Some(Item { key: None, value: head }) if head.is_quoted || !head.text.is_empty() => {
                self.left.remove(0);
                match form.read(&head.text) {
                    Ok(read) => *value = read,
                    Err(what) => self.mistakes.push(Mistake { at: head.at.clone(), what }),
                }
            }
            _ => {
                // An empty item is this mistake, not another.
                if self.left.first().is_some_and(|item| item.key.is_none()) {
                    self.left.remove(0);
                }
                let what =
                    format!("`{0}` needs {1} first: `{0}:{example}`", name.text, form.words());
                self.mistakes.push(Mistake { at: name.at.clone(), what });
            }
        }
    }

    fn key<T: PartialEq>(
        &mut self,
        name: &'static str,
        value: &mut T,
        _default: &T,
        form: &impl Form<T>,
    ) {
        if let Some(given) = self.given(name, form) {
            *value = given;
        }
    }

    fn many<T>(&mut self, name: &'static str, values: &mut Vec<T>, form: &impl Form<T>) {
        self.known.push(name.into());
        values.extend(self.all_given(name, form).into_iter().filter_map(|(value, _)| value));
    }

    fn both<T: PartialEq + Clone>(
        &mut self,
        name: &'static str,
        (received, sent): (&mut T, &mut T),
        _default: &T,
        form: &impl Form<T>,
    ) {
        if let Some(given) = self.given(name, form) {
            *received = given.clone();
            *sent = given;
        }
        if let Some(given) = self.given(&format!("in.{name}"), form) {
            *received = given;
        }
        if let Some(given) = self.given(&format!("out.{name}"), form) {
            *sent = given;
        }
    }
}

/// Prints what differs from the defaults.
#[derive(Default)]
pub(super) struct Printing {
    items: Vec<String>,
}

impl Printing {
    /// `name:item,item`.
    pub(super) fn finish(self, name: &str) -> String {
        if self.items.is_empty() { name.into() } else { format!("{name}:{}", self.items.join(",")) }
    }

    fn push<T: PartialEq>(&mut self, name: &str, value: &T, form: &impl Form<T>) {
        self.items.push(if form.alone().as_ref() == Some(value) {
            name.into()
        } else {
            format!("{name}={}", quoted(&form.print(value)))
        });
    }
}

impl Keys for Printing {
    fn head<T>(&mut self, _example: &'static str, value: &mut T, form: &impl Form<T>) {
        self.items.push(quoted(&form.print(value)));
    }

    fn key<T: PartialEq>(
        &mut self,
        name: &'static str,
        value: &mut T,
        default: &T,
        form: &impl Form<T>,
    ) {
        if value != default {
            self.push(name, value, form);
        }
    }

    fn many<T>(&mut self, name: &'static str, values: &mut Vec<T>, form: &impl Form<T>) {
        for value in values {
            self.items.push(format!("{name}={}", quoted(&form.print(value))));
        }
    }

    fn both<T: PartialEq + Clone>(
        &mut self,
        name: &'static str,
        (received, sent): (&mut T, &mut T),
        default: &T,
        form: &impl Form<T>,
    ) {
        if received == sent {
            self.key(name, received, default, form);
            return;
        }
        for (direction, value) in [("in", received), ("out", sent)] {
            if value != default {
                self.push(&format!("{direction}.{name}"), value, form);
            }
        }
    }
}

/// A key, for the reference page and for completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// How it is called; for the value that comes first without a key, an example of it.
    pub name: &'static str,
    /// What form its values have.
    pub form: String,
    /// The value it has unless told; empty if there is none.
    pub default: String,
}

/// Lists the keys.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) keys: Vec<Key>,
}

impl Keys for Listing {
    fn head<T>(&mut self, example: &'static str, _value: &mut T, form: &impl Form<T>) {
        self.keys.push(Key { name: example, form: form.words(), default: String::new() });
    }

    fn key<T: PartialEq>(
        &mut self,
        name: &'static str,
        _value: &mut T,
        default: &T,
        form: &impl Form<T>,
    ) {
        self.keys.push(Key { name, form: form.words(), default: form.print(default) });
    }

    fn many<T>(&mut self, name: &'static str, _values: &mut Vec<T>, form: &impl Form<T>) {
        self.keys.push(Key { name, form: form.words(), default: String::new() });
    }

    fn both<T: PartialEq + Clone>(
        &mut self,
        name: &'static str,
        _values: (&mut T, &mut T),
        default: &T,
        form: &impl Form<T>,
    ) {
        self.keys.push(Key { name, form: form.words(), default: form.print(default) });
    }
}
