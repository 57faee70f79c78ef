//! Extended attributes: which there may be, and how the kernel is told of them.
//!
//! The kernel has checked who may read and set which. Lists of access rights
//! (`system.posix_acl_…`) are not kept: they would have to be heeded, too.

use super::{Server, translate};
use crate::Files;
use fuser::{Errno, ReplyXattr};
use store::ObjectId;
use store::SetExtra;

/// `XATTR_CREATE` and `XATTR_REPLACE` of `<linux/xattr.h>`.
const CREATE: i32 = 1;
const REPLACE: i32 = 2;

const FAMILIES: [&[u8]; 3] = [b"user.", b"security.", b"trusted."];

fn kept(name: &[u8]) -> bool {
    FAMILIES.iter().any(|family| name.starts_with(family))
}

impl<F: Files> Server<F> {
    pub(super) fn extra(&self, object: ObjectId, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if !kept(name) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.files.extra(object, name).map_err(|error| self.failed(&error))
    }

    pub(super) fn set_extra(
        &self,
        object: ObjectId,
        name: &[u8],
        value: &[u8],
        flags: i32,
    ) -> Result<(), Errno> {
        if !kept(name) {
            return Err(Errno::EOPNOTSUPP);
        }
        let how = match flags {
            0 => SetExtra::Any,
            CREATE => SetExtra::New,
            REPLACE => SetExtra::Existing,
            _ => return Err(Errno::EINVAL),
        };
        let done = self.files.set_extra(object, name, value, how, translate::now());
        done.map_err(|error| self.failed(&error))
    }

    /// All names, each with a zero byte after it.
    pub(super) fn extras(&self, object: ObjectId) -> Result<Vec<u8>, Errno> {
        let names = self.files.extras(object).map_err(|error| self.failed(&error))?;
        let mut list = Vec::new();
        for name in names {
            list.extend_from_slice(&name);
            list.push(0);
        }
        Ok(list)
    }
}

/// Answers with so many bytes as were asked for; with their number if none were.
pub(super) fn answer(reply: ReplyXattr, value: Result<Vec<u8>, Errno>, room: u32) {
    match value {
        Err(error) => reply.error(error),
        Ok(value) if room == 0 => reply.size(u32::try_from(value.len()).unwrap_or(u32::MAX)),
        Ok(value) if value.len() > room as usize => reply.error(Errno::ERANGE),
        Ok(value) => reply.data(&value),
    }
}
