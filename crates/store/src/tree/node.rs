//! One node of the tree: sorted keys at its beginning, their values at its end.
//!
//! It is kept in memory exactly as it is encrypted, so memory is known to the byte and a commit has
//! nothing to convert. [`Node::check`] looks at every offset once, when a node is read; from then on
//! nothing here can be out of bounds, and what is not there reads as empty.

use super::key::Key;
use alloc::boxed::Box;
use alloc::vec;

/// Bytes of a node.
pub(crate) const NODE: usize = 8192;
/// Where the entries begin.
const HEAD: usize = 8;
/// Bytes of one: key, offset, length.
const ENTRY: usize = Key::LEN + 4;
/// The longest value; two of them fit in half a node.
pub(crate) const LONGEST: usize = 2000;

/// A node's bytes, and how many of them are in use.
#[derive(Clone)]
pub(crate) struct Node(Box<[u8]>, usize);

impl Node {
    /// An empty one.
    pub(crate) fn new(level: u8) -> Self {
        Self::over(vec![0; NODE].into_boxed_slice(), level)
    }

    /// An empty one that takes these bytes, of which nothing is left.
    pub(super) fn over(mut bytes: Box<[u8]>, level: u8) -> Self {
        bytes.fill(0);
        let mut node = Self(bytes, HEAD);
        node.0[0] = level;
        node.set_begin(NODE);
        node
    }

    /// Takes bytes that decrypted; nothing if they are no node of that level.
    pub(crate) fn check(bytes: Box<[u8]>, level: u8) -> Option<Self> {
        let mut node = Self(bytes, HEAD);
        let slots = HEAD + node.count() * ENTRY;
        let begin = node.begin();
        if node.0.len() != NODE || node.level() != level || slots > begin || begin > NODE {
            return None;
        }
        for at in 0..node.count() {
            let (offset, length) = node.extent(at);
            if offset < begin
                || offset + length > NODE
                || (at > 0 && node.raw(at - 1) >= node.raw(at))
            {
                return None;
            }
        }
        node.count_used();
        // Values that share bytes would not find room when they are packed.
        (node.used() <= NODE).then_some(node)
    }

    pub(crate) fn into_bytes(self) -> Box<[u8]> {
        self.0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn level(&self) -> u8 {
        self.0[0]
    }

    pub(crate) fn count(&self) -> usize {
        usize::from(self.u16(2))
    }

    /// The key at a place; the smallest if there is none.
    pub(crate) fn key(&self, at: usize) -> Key {
        self.raw(at).try_into().map_or(Key::FIRST, Key::decode)
    }

    pub(crate) fn value(&self, at: usize) -> &[u8] {
        let (offset, length) = self.extent(at);
        self.0.get(offset..offset + length).unwrap_or(&[])
    }

    pub(crate) fn value_mut(&mut self, at: usize) -> &mut [u8] {
        let (offset, length) = self.extent(at);
        self.0.get_mut(offset..offset + length).unwrap_or(&mut [])
    }

    /// Where the key is, or where it would be.
    pub(crate) fn find(&self, key: &Key) -> Result<usize, usize> {
        let wanted = key.encode();
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.raw(middle).cmp(&wanted[..]) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Equal => return Ok(middle),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// In an inner node, under which entry the key lies.
    pub(crate) fn child_for(&self, key: &Key) -> usize {
        match self.find(key) {
            Ok(at) => at,
            Err(at) => at.saturating_sub(1),
        }
    }

    /// Lets the first entry begin at a smaller key.
    pub(crate) fn lower_first(&mut self, key: &Key) {
        if self.count() > 0 {
            self.0[HEAD..HEAD + Key::LEN].copy_from_slice(&key.encode());
        }
    }

    /// Puts an entry at a place that [`find`](Self::find) gave; false if there is no room.
    pub(crate) fn insert(&mut self, at: usize, key: &Key, value: &[u8]) -> bool {
        if self.free() < ENTRY + value.len() {
            return false;
        }
        let count = self.count();
        if self.begin() < HEAD + (count + 1) * ENTRY + value.len() {
            self.pack();
        }
        let offset = self.begin() - value.len();
        let slot = HEAD + at * ENTRY;
        self.0.copy_within(slot..HEAD + count * ENTRY, slot + ENTRY);
        self.0[slot..slot + Key::LEN].copy_from_slice(&key.encode());
        self.0[offset..offset + value.len()].copy_from_slice(value);
        self.set_extent(at, offset, value.len());
        self.set_count(count + 1);
        self.set_begin(offset);
        self.1 += ENTRY + value.len();
        true
    }

    /// Gives an entry another value; false if there is no room.
    pub(crate) fn replace(&mut self, at: usize, value: &[u8]) -> bool {
        let (offset, length) = self.extent(at);
        if value.len() <= length {
            self.0[offset..offset + value.len()].copy_from_slice(value);
            self.set_extent(at, offset, value.len());
            self.1 -= length - value.len();
            return true;
        }
        if self.free() + length < value.len() {
            return false;
        }
        self.set_extent(at, NODE, 0);
        if self.begin() < HEAD + self.count() * ENTRY + value.len() {
            self.pack();
        }
        let offset = self.begin() - value.len();
        self.0[offset..offset + value.len()].copy_from_slice(value);
        self.set_extent(at, offset, value.len());
        self.set_begin(offset);
        self.1 += value.len() - length;
        true
    }

    pub(crate) fn remove(&mut self, at: usize) {
        let count = self.count();
        if at < count {
            self.1 -= ENTRY + self.extent(at).1;
            let slot = HEAD + at * ENTRY;
            self.0.copy_within(slot + ENTRY..HEAD + count * ENTRY, slot);
            self.set_count(count - 1);
        }
    }

    /// Bytes that are in use.
    pub(crate) fn used(&self) -> usize {
        self.1
    }

    fn count_used(&mut self) {
        self.1 = HEAD + (0..self.count()).map(|at| ENTRY + self.extent(at).1).sum::<usize>();
    }

    /// Bytes that an entry more could have, its key included.
    pub(crate) fn free(&self) -> usize {
        NODE.saturating_sub(self.1)
    }

    /// Whether one more pointer to a child has room.
    pub(crate) fn has_room_for_child(&self) -> bool {
        self.free() >= ENTRY + crate::place::Pointer::LEN
    }

    /// Moves the entries from `at` on to the end of another.
    pub(crate) fn move_tail(&mut self, at: usize, to: &mut Self) {
        for from in at..self.count() {
            to.insert(to.count(), &self.key(from), self.value(from));
        }
        self.set_count(at.min(self.count()));
        self.count_used();
        self.pack();
    }

    /// The entry at which to cut a full node, so that a value at `at` finds room: in the middle, or
    /// at the end if that is where it grows.
    pub(crate) fn cut(&self, at: usize) -> usize {
        let count = self.count();
        if at >= count {
            return count;
        }
        let half = self.used() / 2;
        let mut sum = HEAD;
        for entry in 0..count {
            sum += ENTRY + self.extent(entry).1;
            if sum > half {
                return entry.clamp(1, count.saturating_sub(1).max(1));
            }
        }
        count
    }

    /// Brings the values together at the end.
    fn pack(&mut self) {
        let old = self.0.clone();
        let mut begin = NODE;
        for at in 0..self.count() {
            let (offset, length) = self.extent(at);
            begin -= length;
            self.0[begin..begin + length].copy_from_slice(&old[offset..offset + length]);
            self.set_extent(at, begin, length);
        }
        self.set_begin(begin);
        // What was removed must not stay in what is written, encrypted or not.
        let slots = HEAD + self.count() * ENTRY;
        self.0[slots..begin].fill(0);
    }

    fn raw(&self, at: usize) -> &[u8] {
        let slot = HEAD + at * ENTRY;
        self.0.get(slot..slot + Key::LEN).unwrap_or(&[])
    }

    fn extent(&self, at: usize) -> (usize, usize) {
        let slot = HEAD + at * ENTRY + Key::LEN;
        (usize::from(self.u16(slot)), usize::from(self.u16(slot + 2)))
    }

    fn set_extent(&mut self, at: usize, offset: usize, length: usize) {
        let slot = HEAD + at * ENTRY + Key::LEN;
        self.0[slot..slot + 2].copy_from_slice(&(offset as u16).to_le_bytes());
        self.0[slot + 2..slot + 4].copy_from_slice(&(length as u16).to_le_bytes());
    }

    fn begin(&self) -> usize {
        usize::from(self.u16(4))
    }

    fn set_begin(&mut self, begin: usize) {
        self.0[4..6].copy_from_slice(&(begin as u16).to_le_bytes());
    }

    fn set_count(&mut self, count: usize) {
        self.0[2..4].copy_from_slice(&(count as u16).to_le_bytes());
    }

    fn u16(&self, at: usize) -> u16 {
        match self.0.get(at..at + 2) {
            Some(&[low, high]) => u16::from_le_bytes([low, high]),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn does_what_a_map_does(steps in prop::collection::vec((0u64..60, 0usize..400, 0u8..4), 1..300)) {
            let mut node = Node::new(0);
            let mut map: BTreeMap<Key, Vec<u8>> = BTreeMap::new();
            for (number, length, what) in steps {
                let key = Key::new(number / 7, (number % 7) as u8, number);
                let value = vec![number as u8; length];
                let done = match (node.find(&key), what) {
                    (Ok(at), 0) => {
                        node.remove(at);
                        map.remove(&key);
                        false
                    }
                    (Ok(at), _) => node.replace(at, &value),
                    (Err(at), 1..) => node.insert(at, &key, &value),
                    _ => false,
                };
                if done {
                    map.insert(key, value);
                }
                let node = Node::check(node.bytes().into(), 0).expect("a sound node");
                let got: Vec<_> = (0..node.count()).map(|at| (node.key(at), node.value(at).to_vec())).collect();
                prop_assert_eq!(got, map.clone().into_iter().collect::<Vec<_>>());
                prop_assert!(node.used() <= NODE);
            }
        }

        #[test]
        fn takes_any_bytes(bytes in prop::collection::vec(any::<u8>(), NODE..=NODE), count in 0u16..400) {
            let mut bytes = bytes;
            bytes[0] = 0;
            bytes[2..4].copy_from_slice(&count.to_le_bytes());
            if let Some(node) = Node::check(bytes.into(), 0) {
                for at in 0..node.count() + 2 {
                    let _ = (node.key(at), node.value(at).len());
                }
            }
        }
    }

    #[test]
    fn values_that_share_bytes_are_no_node_if_they_had_no_room_of_their_own() {
        let mut node = Node::new(0);
        for number in 0..5 {
            assert!(node.insert(number, &Key::new(number as u64, 1, 0), &[7; 10]));
        }
        for at in 0..5 {
            node.set_extent(at, NODE - 1800, 1800);
        }
        node.set_begin(NODE - 1800);
        assert!(Node::check(node.bytes().into(), 0).is_none());
        node.set_extent(0, NODE - 10, 10);
        assert!(Node::check(node.bytes().into(), 0).is_some());
    }
}
