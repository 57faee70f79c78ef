//! Paths in a store, as somebody types them: from its root, symbolic links followed within it.

use store::{Attributes, Error, Kind, ObjectId, Store};

/// As many links in a row as Linux follows.
const LINKS: u32 = 40;

/// Where something is, or could be: a directory, and a name in it.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) parent: ObjectId,
    pub(super) name: Vec<u8>,
    /// The path to it, for messages.
    pub(super) path: Vec<u8>,
}

/// What a path leads to; the last part is followed too, if it is a link.
pub(super) fn follow(store: &mut Store, path: &[u8]) -> Result<Attributes, Error> {
    walk(store, path, true)
}

/// What a path leads to; the last part is taken as it is.
pub(super) fn look(store: &mut Store, path: &[u8]) -> Result<Attributes, Error> {
    walk(store, path, path.ends_with(b"/"))
}

/// The directory and the name that a path ends with. The root has no name.
pub(super) fn spot(store: &mut Store, path: &[u8]) -> Result<Spot, Error> {
    let trimmed = path.trim_suffix_slashes();
    let (above, name) = match trimmed.iter().rposition(|&byte| byte == b'/') {
        Some(at) => trimmed.split_at(at + 1),
        None => (&b""[..], trimmed),
    };
    let parent = walk(store, above, true)?;
    if parent.kind() != Kind::Directory {
        return Err(Error::NotDirectory);
    }
    match name {
        b"" | b"." | b".." => Err(Error::InvalidName),
        name if name.len() > 255 => Err(Error::NameTooLong),
        name => Ok(Spot { parent: parent.object, name: name.to_vec(), path: trimmed.to_vec() }),
    }
}

/// Where something named `name` is to go when somebody names `path`: into it if that is a directory.
pub(super) fn target(store: &mut Store, path: &[u8], name: &[u8]) -> Result<Spot, Error> {
    match follow(store, path) {
        Ok(found) if found.kind() == Kind::Directory => {
            if matches!(name, b"" | b"." | b"..") {
                return Err(Error::InvalidName);
            }
            Ok(Spot { parent: found.object, name: name.to_vec(), path: join(path, name) })
        }
        Ok(_) if path.ends_with(b"/") => Err(Error::NotDirectory),
        Err(Error::NotFound) if path.ends_with(b"/") => Err(Error::NotFound),
        Ok(_) | Err(Error::NotFound) => spot(store, path),
        Err(error) => Err(error),
    }
}

/// A path and a name behind it.
pub(super) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    let mut joined = path.trim_suffix_slashes().to_vec();
    if !path.is_empty() {
        joined.push(b'/');
    }
    joined.extend_from_slice(name);
    joined
}

/// The last part of a path.
pub(super) fn last(path: &[u8]) -> &[u8] {
    path.trim_suffix_slashes().rsplit(|&byte| byte == b'/').next().unwrap_or(b"")
}

fn walk(store: &mut Store, path: &[u8], follows_last: bool) -> Result<Attributes, Error> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        let parts = path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
        parts.map(<[u8]>::to_vec).rev().collect()
    };
    // The next part is the last of the list.
    let mut rest = parts(path);
    let mut here = store.attributes(ObjectId::ROOT)?;
    let mut links = 0;
    while let Some(name) = rest.pop() {
        if here.kind() != Kind::Directory {
            return Err(Error::NotDirectory);
        }
        if name == b".." {
            let above = store.parent(here.object)?;
            here = store.attributes(above)?;
            continue;
        }
        let found = store.lookup(here.object, &name)?;
        if found.kind() == Kind::Link && (follows_last || !rest.is_empty()) {
            links += 1;
            if links > LINKS {
                return Err(Error::Invalid("the symbolic links lead in a circle"));
            }
            let target = store.read_link(found.object)?;
            if target.starts_with(b"/") {
                here = store.attributes(ObjectId::ROOT)?;
            }
            rest.extend(parts(&target));
            continue;
        }
        here = found;
    }
    if path.ends_with(b"/") && here.kind() != Kind::Directory {
        return Err(Error::NotDirectory);
    }
    Ok(here)
}

/// Paths without the slashes at their end.
trait TrimSlashes {
    fn trim_suffix_slashes(&self) -> &[u8];
}

impl TrimSlashes for [u8] {
    fn trim_suffix_slashes(&self) -> &[u8] {
        let kept = self.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
        self.get(..kept).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cut_at_slashes() {
        assert_eq!(join(b"", b"a"), b"a");
        assert_eq!(join(b"/", b"a"), b"/a");
        assert_eq!(join(b"x//", b"a"), b"x/a");
        assert_eq!(last(b"x/y//"), b"y");
        assert_eq!(last(b"/"), b"");
    }
}
