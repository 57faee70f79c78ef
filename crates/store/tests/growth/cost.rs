//! What operations cost, and how that may grow.

use crate::medium::Counts;
use crate::place::Place;

/// Bytes of a node of the tree.
pub(crate) const NODE: u64 = 8192;

/// What one operation did to the medium; of several, the most that any of them did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cost(pub(crate) Counts);

impl Cost {
    /// Of what is done here.
    pub(crate) fn of(place: &Place, work: impl FnOnce()) -> Self {
        let before = place.medium.counts();
        work();
        let after = place.medium.counts();
        Self(Counts {
            reads: after.reads - before.reads,
            bytes_read: after.bytes_read - before.bytes_read,
            writes: after.writes - before.writes,
            bytes_written: after.bytes_written - before.bytes_written,
        })
    }

    pub(crate) fn most(self, other: Self) -> Self {
        Self(Counts {
            reads: self.0.reads.max(other.0.reads),
            bytes_read: self.0.bytes_read.max(other.0.bytes_read),
            writes: self.0.writes.max(other.0.writes),
            bytes_written: self.0.bytes_written.max(other.0.bytes_written),
        })
    }

    /// Says that ten times as much costs at most so many nodes more, to be read and to be written.
    /// In how many pieces they are written depends on how the free blocks lie; there are never more
    /// pieces than nodes and pages.
    pub(crate) fn assert_grows_by(self, before: Self, nodes: u64, what: &str) {
        let (now, then) = (self.0, before.0);
        let most = nodes * NODE;
        assert!(
            now.reads <= then.reads + nodes
                && now.bytes_read <= then.bytes_read + most
                && now.bytes_written <= then.bytes_written + most,
            "{what}: {then:?} becomes {now:?}, more than {nodes} nodes more"
        );
    }
}
