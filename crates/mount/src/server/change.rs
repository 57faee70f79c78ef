//! Changes of attributes, and what else changes with them.

use super::{Server, translate};
use crate::Files;
use fuser::TimeOrNow;
use std::time::SystemTime;
use store::{Attributes, Change, Error, Kind, ObjectId, Time};

const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;
const GROUP_EXECUTES: u32 = 0o0010;

/// What the kernel wants changed.
pub(super) struct Wanted {
    pub(super) mode: Option<u32>,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) size: Option<u64>,
    pub(super) read: Option<TimeOrNow>,
    pub(super) changed: Option<TimeOrNow>,
    pub(super) status_changed: Option<SystemTime>,
}

impl<F: Files> Server<F> {
    /// Changes attributes for somebody.
    pub(super) fn apply(
        &self,
        object: ObjectId,
        wanted: &Wanted,
        somebody: u32,
    ) -> Result<Attributes, Error> {
        let now = translate::now();
        let mut change = Change {
            permissions: wanted.mode.map(|mode| mode & 0o7777),
            user: wanted.user,
            group: wanted.group,
            size: wanted.size,
            read: wanted.read.map(|time| translate::time_or(time, now)),
            changed: wanted.changed.map(|time| translate::time_or(time, now)),
            status_changed: wanted.status_changed.map(translate::time),
            made: None,
        };
        let owner_changes = change.user.is_some() || change.group.is_some();
        // Who may change a file's contents must not become its owner by that; the kernel leaves it
        // to us (`FUSE_HANDLE_KILLPRIV_V2`). A new owner never inherits the bits.
        if change.permissions.is_none()
            && (owner_changes || (change.size.is_some() && !may_keep(somebody)))
        {
            change.permissions = without_set_id(&self.files.attributes(object)?);
        }
        self.files.change(object, &change, now)
    }

    /// Takes the set-id bits off a file whose contents somebody else changes.
    pub(super) fn clear_set_id(&self, object: ObjectId, now: Time) -> Result<(), Error> {
        if let Some(permissions) = without_set_id(&self.files.attributes(object)?) {
            let change = Change { permissions: Some(permissions), ..Change::default() };
            self.files.change(object, &change, now)?;
        }
        Ok(())
    }
}

/// Whether somebody may write to a file and leave its set-id bits. The kernel asks for the
/// capability `CAP_FSETID`, but does not tell for `ftruncate` and `fallocate`; root has it.
pub(super) fn may_keep(somebody: u32) -> bool {
    somebody == 0
}

/// A file's permissions without set-id bits, if it has any. Set-group-id without the right to
/// execute is no such bit (it once meant mandatory locks); on a directory neither is.
fn without_set_id(attributes: &Attributes) -> Option<u32> {
    let permissions = attributes.mode & 0o7777;
    let mut bits = SET_USER;
    if permissions & GROUP_EXECUTES != 0 {
        bits |= SET_GROUP;
    }
    let file = attributes.kind() != Kind::Directory;
    (file && permissions & bits != 0).then_some(permissions & !bits)
}
