//! For the fuzz targets only: what a node that decrypts, but was written by a broken program, goes
//! through. It is not part of the crate unless it is built for fuzzing.

use crate::files::extent::Extent;
use crate::files::inode::Inode;
use crate::files::names;
use crate::space::Region;
use crate::tree::Link;
use crate::tree::key::{Key, kind};
use crate::tree::node::{LONGEST, NODE, Node};
use alloc::vec;

/// Takes the first bytes for a node; the rest says how to change it. Panics if anything does not
/// hold.
pub fn node(bytes: &[u8]) {
    let (node, mut changes) = bytes.split_at(bytes.len().min(NODE));
    let mut whole = vec![0; NODE];
    whole[..node.len()].copy_from_slice(node);
    let level = whole[0];
    let Some(mut node) = Node::check(whole.into_boxed_slice(), level) else { return };
    look(&node);
    while let Some((&[what, at, length], rest)) = changes.split_first_chunk::<3>() {
        changes = rest;
        let key = Key::new(u64::from(at), what % 8, u64::from(length));
        let value = vec![at; (usize::from(length) * 8).min(LONGEST)];
        match (node.find(&key), what / 8 % 4) {
            (Ok(at), 0) => node.remove(at),
            (Ok(at), _) => {
                if node.replace(at, &value) {
                    assert_eq!(node.value(at), value);
                }
            }
            (Err(at), 1 | 2) => {
                if node.insert(at, &key, &value) {
                    assert_eq!((node.key(at), node.value(at)), (key, &value[..]));
                }
            }
            (Err(_), 3) => {
                let mut other = Node::new(level);
                let (count, cut) = (node.count(), node.cut(usize::from(at)));
                let mut left = node.clone();
                left.move_tail(cut, &mut other);
                assert_eq!(left.count() + other.count(), count);
                look(&other);
            }
            _ => {}
        }
        let again = Node::check(node.bytes().into(), level);
        let said = again.map(|again| (again.count(), again.used()));
        assert_eq!(said, Some((node.count(), node.used())), "it stays a node");
    }
    look(&node);
}

/// Every record is one, and says the same when it is written again, or is none.
fn look(node: &Node) {
    assert!(node.used() <= NODE);
    for at in 0..node.count() {
        let (key, value) = (node.key(at), node.value(at));
        assert!(at == 0 || node.key(at - 1) < key);
        assert_eq!(node.find(&key), Ok(at));
        assert_eq!(node.child_for(&key), at);
        let _ = Link::decode(value);
        match key.kind {
            kind::INODE => {
                if let Some(inode) = Inode::decode(value) {
                    assert_eq!(Inode::decode(&inode.encode()), Some(inode));
                }
            }
            kind::ENTRY => {
                let names = names::decode(value);
                assert!(
                    names.iter().map(|named| named.name.len() + 10).sum::<usize>() <= value.len()
                );
            }
            kind::EXTENT => {
                if let Some(extent) = Extent::decode(key.position, value) {
                    assert!(extent.pages > 0 && extent.end() > extent.first);
                    assert_eq!(
                        Extent::decode(extent.first, &extent.encode()),
                        Some(extent.clone())
                    );
                    let middle = extent.first + extent.pages / 2;
                    if middle > extent.first {
                        let mut left = extent.part(extent.first, middle);
                        let right = extent.part(middle, extent.end());
                        // Only what is short enough is joined again.
                        if left.extend(&right) {
                            assert_eq!(left, extent);
                        }
                    }
                }
            }
            kind::SPACE => {
                if let Some(region) = Region::decode(Some(value)) {
                    let mut bytes = [0; 1024];
                    assert!(Region::decode(Some(region.encode(&mut bytes))) == Some(region));
                }
            }
            _ => {}
        }
    }
}
