//! The ticks that each phase takes.

/// Ticks a packet in each phase, round by round.
#[derive(Clone, Debug, Default)]
pub(super) struct Spent([Vec<f64>; 3]);

impl Spent {
    /// Notes a round: the counter before, between and after its phases.
    pub(super) fn note(&mut self, marks: [u64; 4], packets: usize) {
        for (phase, pair) in self.0.iter_mut().zip(marks.windows(2)) {
            phase.push(pair[1].wrapping_sub(pair[0]) as f64 / packets.max(1) as f64);
        }
    }

    /// How many rounds were noted.
    pub(super) fn rounds(&self) -> usize {
        self.0[0].len()
    }

    /// The middle round of each phase: one in which somebody else had the core would spoil a mean.
    /// `None` if there was no round.
    pub(super) fn middle(mut self) -> Option<[f64; 3]> {
        let middle = self.rounds() / 2;
        (self.rounds() > 0).then(|| {
            self.0.each_mut().map(|rounds| *rounds.select_nth_unstable_by(middle, f64::total_cmp).1)
        })
    }
}
