//! Axes: where a value lies, and which values get a mark.

/// A linear axis from 0 (or `from`) to a round number.
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    step: f64,
}

impl Axis {
    /// An axis from 0 that holds all `values`, with about `marks` marks.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>, marks: u32) -> Self {
        let most = values.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let step = round_step(most / f64::from(marks));
        Self { from: 0.0, to: (most / step).ceil() * step, step }
    }

    /// An axis that just holds all `values`.
    pub(super) fn around(values: impl Iterator<Item = f64> + Clone, marks: u32) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        let span = if most > least { most - least } else { 1.0 };
        let step = round_step(span / f64::from(marks));
        Self { from: (least / step).floor() * step, to: (most / step).ceil() * step, step }
    }

    /// Where a value lies: 0 at the beginning, 1 at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.to > self.from { (value - self.from) / (self.to - self.from) } else { 0.5 }
    }

    /// The values with a mark.
    pub(super) fn marks(&self) -> impl Iterator<Item = f64> + '_ {
        let marks = (0_u32..).map(|mark| self.from + f64::from(mark) * self.step);
        marks.take_while(|mark| *mark <= self.to + self.step / 2.0)
    }
}

/// The 1, 2 or 5 with some zeros that is at least `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.iter().map(|step| step * power).find(|step| *step >= rough * 0.999).unwrap_or(rough)
}

/// A mark's text, short.
pub(super) fn label(value: f64) -> String {
    let (value, unit) = match value.abs() {
        v if v >= 1e9 => (value / 1e9, " G"),
        v if v >= 1e6 => (value / 1e6, " M"),
        v if v >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = format!("{value:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_hold_everything() {
        let axis = Axis::from_zero([30.0, 170.0].into_iter(), 5);
        assert_eq!(axis.marks().collect::<Vec<_>>(), [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert!((axis.place(100.0) - 0.5).abs() < 1e-9);
        let axis = Axis::around([16.0, 28.0].into_iter(), 6);
        assert!(axis.from <= 16.0 && axis.to >= 28.0);
        let one = Axis::around([7.0].into_iter(), 5);
        assert!(one.place(7.0).is_finite());
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(0.25), "0.25");
        assert_eq!(label(1500.0), "1500");
        assert_eq!(label(2_500_000.0), "2.5 M");
        assert_eq!(label(100.0), "100");
    }
}
