//! A file's contents, read in pieces, past what is damaged if somebody wants that.

use super::exit::{Exit, Refused};
use super::progress::Progress;
use super::session::Session;
use super::shown;
use super::troubles::Troubles;
use crate::Failure;
use store::{Attributes, Error, ObjectId, Seek};

/// Bytes that are read at once.
pub(super) const PIECE: usize = 1 << 20;
/// What is damaged or not as one.
const PAGE: u64 = 4096;

/// How contents are read.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// Leaves holes out.
    pub(super) sparse: bool,
    /// Gives zeros for what is damaged, instead of ending there.
    pub(super) keep_going: bool,
}

/// Takes a piece of a file, and where in it that lies.
type Sink<'a> = &'a mut dyn FnMut(&mut Session, u64, &[u8]) -> Result<(), Failure>;

/// Gives all bytes of a file to `sink`, each piece with its place; what is damaged goes to
/// `troubles`.
pub(super) fn read(
    session: &mut Session,
    (path, file): (&[u8], &Attributes),
    how: How,
    (progress, troubles): (&mut Progress, &mut Troubles),
    sink: Sink<'_>,
) -> Result<(), Failure> {
    let mut buffer = vec![0; PIECE];
    let mut damage = Vec::new();
    let mut at = 0;
    while at < file.size {
        let mut end = file.size;
        if how.sparse {
            match session.store().seek(file.object, Seek::Data, at) {
                Ok(data) => at = data,
                Err(Error::NothingThere) => break,
                // Then it is found out page by page.
                Err(_) => {}
            }
            end = session.store().seek(file.object, Seek::Hole, at).unwrap_or(end);
        }
        let length = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        let piece = buffer.get_mut(..length).unwrap_or_default();
        match session.store().read(file.object, at, piece) {
            Ok(_) => {}
            Err(Error::Damaged(_)) if how.keep_going => {
                read_pages(session, file, at, piece, &mut damage)
                    .map_err(|error| session.about(path, &error))?;
            }
            Err(error) => return Err(session.about(path, &error)),
        }
        sink(session, at, piece)?;
        at += length as u64;
        progress.add(length as u64)?;
    }
    for (from, to) in damage {
        let text = format!(
            "{}: bytes {from} to {} are damaged; zeros are there instead",
            shown::safe(path),
            to - 1
        );
        troubles.bear(Refused::new(Exit::Damaged, text).into(), progress)?;
    }
    Ok(())
}

/// Writes all bytes of a file to another one.
pub(super) fn copy(
    session: &mut Session,
    from: (&[u8], &Attributes),
    how: How,
    told: (&mut Progress, &mut Troubles),
    to: ObjectId,
) -> Result<(), Failure> {
    let path = from.0;
    read(session, from, how, told, &mut |session, at, piece| {
        let written = session.change(|store, now| store.write(to, at, piece, now));
        written.map_err(|error| session.about(path, &error))
    })
}

/// Reads page by page, with zeros for those that are damaged.
fn read_pages(
    session: &mut Session,
    file: &Attributes,
    at: u64,
    piece: &mut [u8],
    damage: &mut Vec<(u64, u64)>,
) -> Result<(), Error> {
    let mut at = at;
    let mut rest = piece;
    while !rest.is_empty() {
        let length = ((PAGE - at % PAGE) as usize).min(rest.len());
        let (page, after) = rest.split_at_mut(length);
        match session.store().read(file.object, at, page) {
            Ok(_) => {}
            Err(Error::Damaged(_)) => {
                page.fill(0);
                let end = at + length as u64;
                match damage.last_mut() {
                    Some((_, to)) if *to == at => *to = end,
                    _ => damage.push((at, end)),
                }
            }
            Err(error) => return Err(error),
        }
        at += length as u64;
        rest = after;
    }
    Ok(())
}
