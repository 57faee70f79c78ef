//! Extended attributes.

use crate::Store;
use crate::attributes::{ObjectId, Time};
use crate::error::Error;
use crate::tree::key::{Key, kind};
use crate::tree::node;
use alloc::vec::Vec;

/// The longest name of an attribute.
const LONGEST_NAME: usize = 255;
/// The most bytes of a name and its value together.
const LARGEST: usize = node::LONGEST - 3;

/// What to do if an attribute is there, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetExtra {
    /// Set it in either case.
    Any,
    /// Refuse if it is there.
    New,
    /// Refuse if it is not.
    Existing,
}

/// An attribute's name and value.
type Extra = (Vec<u8>, Vec<u8>);

fn decode(mut record: &[u8]) -> Vec<Extra> {
    let mut out = Vec::new();
    while let Some((&[name, low, high], rest)) = record.split_first_chunk::<3>() {
        let Some((name, rest)) = rest.split_at_checked(usize::from(name)) else { break };
        let length = usize::from(u16::from_le_bytes([low, high]));
        let Some((value, rest)) = rest.split_at_checked(length) else { break };
        out.push((name.to_vec(), value.to_vec()));
        record = rest;
    }
    out
}

fn encode(extras: &[Extra]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in extras {
        out.push(name.len() as u8);
        out.extend_from_slice(&(value.len() as u16).to_le_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(value);
    }
    out
}

impl Store {
    /// An attribute's value.
    ///
    /// # Errors
    /// [`Error::NoData`] if there is none of that name.
    pub fn extra(&mut self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Error> {
        self.inode(object)?;
        let key = Key::new(object.0, kind::ATTRIBUTE, self.position_of_extra(name));
        let extras = self.tree.get(key)?.map(decode).unwrap_or_default();
        let found = extras.into_iter().find(|(mine, _)| mine == name);
        found.map(|(_, value)| value).ok_or(Error::NoData)
    }

    /// The names of all attributes.
    pub fn extras(&mut self, object: ObjectId) -> Result<Vec<Vec<u8>>, Error> {
        self.inode(object)?;
        let from = Key::new(object.0, kind::ATTRIBUTE, 0);
        let to = Key::new(object.0, kind::ATTRIBUTE + 1, 0);
        let mut names = Vec::new();
        self.tree.visit(from, to, &mut |_, record| {
            names.extend(decode(record).into_iter().map(|(name, _)| name));
            true
        })?;
        Ok(names)
    }

    /// Sets an attribute.
    pub fn set_extra(
        &mut self,
        object: ObjectId,
        name: &[u8],
        value: &[u8],
        how: SetExtra,
        now: Time,
    ) -> Result<(), Error> {
        self.may_write()?;
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(Error::NameTooLong);
        }
        if name.len() + value.len() > LARGEST {
            return Err(Error::ValueTooLarge { limit: LARGEST - name.len() });
        }
        self.inode(object)?;
        let key = Key::new(object.0, kind::ATTRIBUTE, self.position_of_extra(name));
        let mut extras = self.tree.get(key)?.map(decode).unwrap_or_default();
        let there = extras.iter().any(|(mine, _)| mine == name);
        match how {
            SetExtra::New if there => return Err(Error::Exists),
            SetExtra::Existing if !there => return Err(Error::NoData),
            _ => {}
        }
        extras.retain(|(mine, _)| mine != name);
        extras.push((name.to_vec(), value.to_vec()));
        self.tree.put(key, &encode(&extras))?;
        self.status_changed(object, now)
    }

    /// Removes an attribute.
    pub fn remove_extra(&mut self, object: ObjectId, name: &[u8], now: Time) -> Result<(), Error> {
        self.may_write()?;
        self.extra(object, name)?;
        let key = Key::new(object.0, kind::ATTRIBUTE, self.position_of_extra(name));
        let mut extras = self.tree.get(key)?.map(decode).unwrap_or_default();
        extras.retain(|(mine, _)| mine != name);
        if extras.is_empty() {
            self.tree.remove(key)?;
        } else {
            self.tree.put(key, &encode(&extras))?;
        }
        self.status_changed(object, now)
    }

    fn status_changed(&mut self, object: ObjectId, now: Time) -> Result<(), Error> {
        let mut inode = self.inode(object)?;
        inode.status_changed = now;
        self.put_inode(object, &inode)
    }
}
