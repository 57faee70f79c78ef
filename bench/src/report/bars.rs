//! Ratios as bars, with their goals.

use super::axis::{Axis, label};
use super::svg::{Anchor, COLOURS, Drawing};
use crate::frame::Row;

const WIDTH: f64 = 720.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = WIDTH - 60.0;
const TOP: f64 = 64.0;
const STEP: f64 = 26.0;
const INK: &str = "#222222";

/// One bar for each row that has a ratio. `None` if none has.
pub(super) fn plot(title: &str, rows: &[&Row]) -> Option<String> {
    let rows: Vec<(&Row, f64)> =
        rows.iter().filter_map(|row| row.ratio.map(|ratio| (*row, ratio))).collect();
    if rows.is_empty() {
        return None;
    }
    let goals = rows.iter().filter_map(|(row, _)| row.goal);
    let values = rows.iter().map(|(_, ratio)| *ratio).chain(goals).chain([1.0]);
    let across = Axis::from_zero(values, 6);
    let x = |value: f64| LEFT + across.place(value) * (RIGHT - LEFT);
    let bottom = TOP + STEP * rows.len() as f64;

    let mut drawing = Drawing::new(WIDTH, bottom + 76.0, title);
    for mark in across.marks() {
        drawing.line((x(mark), TOP), (x(mark), bottom), "#dddddd", 1.0);
        drawing.text((x(mark), bottom + 18.0), Anchor::Middle, &label(mark));
    }
    for (index, (row, ratio)) in rows.iter().enumerate() {
        let y = TOP + STEP * index as f64;
        let colour = if row.met == Some(false) { COLOURS[1] } else { COLOURS[0] };
        drawing.text((LEFT - 8.0, y + 17.0), Anchor::End, &format!("{}, {}", row.case, row.peer));
        drawing.bar((LEFT, y + 4.0), (x(*ratio) - LEFT, STEP - 8.0), colour);
        drawing.text((RIGHT + 8.0, y + 17.0), Anchor::Start, &format!("{ratio:.2}"));
        if let Some(goal) = row.goal {
            drawing.line((x(goal), y + 1.0), (x(goal), y + STEP - 1.0), INK, 2.5);
        }
    }
    drawing.line((x(1.0), TOP - 6.0), (x(1.0), bottom), INK, 1.0);
    drawing.text((x(1.0), TOP - 10.0), Anchor::Middle, "equal");
    let axis = "ratio to the peer; above 1 is better for us";
    drawing.text((f64::midpoint(LEFT, RIGHT), bottom + 40.0), Anchor::Middle, axis);
    let legend = bottom + 64.0;
    drawing.bar((LEFT, legend - 11.0), (18.0, 12.0), COLOURS[0]);
    drawing.text((LEFT + 24.0, legend), Anchor::Start, "goal met, or none");
    drawing.bar((LEFT + 160.0, legend - 11.0), (18.0, 12.0), COLOURS[1]);
    drawing.text((LEFT + 184.0, legend), Anchor::Start, "goal missed");
    drawing.line((LEFT + 290.0, legend - 13.0), (LEFT + 290.0, legend + 3.0), INK, 2.5);
    drawing.text((LEFT + 298.0, legend), Anchor::Start, "goal");
    Some(drawing.finish())
}
