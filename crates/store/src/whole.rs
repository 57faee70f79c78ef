//! Whether a commit is all there.

use crate::cipher::{Sessions, of_page};
use crate::error::Error;
use crate::files::extent::{Extent, Written};
use crate::medium::{Medium, Trouble};
use crate::place::{self, BLOCK, Pointer};
use crate::root::Root;
use crate::tree::key::kind;
use crate::tree::{self, Link};
use alloc::vec;

/// Whether everything that a commit wrote is there: what a crash can have lost. What it did not
/// write is as it was before it.
pub(crate) fn commit(
    medium: &dyn Medium,
    sessions: &mut Sessions,
    root: &Root,
) -> Result<bool, Error> {
    match below(medium, sessions, &root.tree, root.level, root.commit) {
        Ok(()) => Ok(true),
        Err(Error::Damaged(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the root node is there; all that is below is checked when it is read.
pub(crate) fn root(medium: &dyn Medium, sessions: &mut Sessions, root: &Root) -> Result<(), Error> {
    tree::read(medium, sessions, &root.tree, root.level, 0).map(|_| ())
}

fn below(
    medium: &dyn Medium,
    sessions: &mut Sessions,
    pointer: &Pointer,
    level: u8,
    birth: u64,
) -> Result<(), Error> {
    if pointer.birth != birth {
        return Ok(());
    }
    let node = tree::read(medium, sessions, pointer, level, 0)?;
    for at in 0..node.count() {
        if level > 0 {
            let Some(Link::Written(child)) = Link::decode(node.value(at)) else {
                return Err(tree::senseless(0));
            };
            below(medium, sessions, &child, level - 1, birth)?;
            continue;
        }
        let key = node.key(at);
        if key.kind != kind::EXTENT {
            continue;
        }
        let extent = Extent::decode(key.position, node.value(at));
        if let Some(Extent { written: Some(written), .. }) = extent
            && written.birth == birth
        {
            pages(medium, sessions, key.object, key.position, &written)?;
        }
    }
    Ok(())
}

/// Whether pages decrypt.
pub(crate) fn pages(
    medium: &dyn Medium,
    sessions: &mut Sessions,
    object: u64,
    first: u64,
    written: &Written,
) -> Result<(), Error> {
    let cipher = sessions.cipher(written.session).ok_or_else(|| tree::senseless(object))?;
    let mut bytes = vec![0; written.tags.len() * BLOCK];
    match medium.read(place::bytes(written.address), &mut bytes) {
        Ok(()) => {}
        Err(Trouble::Short) => return Err(tree::senseless(object)),
        Err(trouble) => return Err(Error::Medium(trouble)),
    }
    for (index, (page, tag)) in (0..).zip(bytes.chunks_exact_mut(BLOCK).zip(&written.tags)) {
        let nonce = place::nonce(written.birth, written.address + index);
        let done = cipher.open(&nonce, &of_page(object, first + index), page, tag);
        done.map_err(|_| tree::senseless(object))?;
    }
    Ok(())
}
