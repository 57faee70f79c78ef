//! Curves over a common axis.

use super::axis::{Axis, label};
use super::svg::{Anchor, COLOURS, Drawing};

/// One curve.
pub(super) struct Line {
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = WIDTH - 24.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = HEIGHT - 56.0;
const GREY: &str = "#dddddd";

/// The first line is ours: whole, the others dashed. `None` if there is nothing to draw.
pub(super) fn plot(title: &str, axis: &str, unit: &str, lines: &[Line]) -> Option<String> {
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    points().next()?;
    let across = Axis::around(points().map(|(x, _)| x), 8);
    let up = Axis::from_zero(points().map(|(_, y)| y), 5);
    let x = |value: f64| LEFT + across.place(value) * (RIGHT - LEFT);
    let y = |value: f64| BOTTOM - up.place(value) * (BOTTOM - TOP);

    let mut drawing = Drawing::new(WIDTH, HEIGHT, title);
    for mark in up.marks() {
        drawing.line((LEFT, y(mark)), (RIGHT, y(mark)), GREY, 1.0);
        drawing.text((LEFT - 8.0, y(mark) + 4.0), Anchor::End, &label(mark));
    }
    for mark in across.marks() {
        drawing.line((x(mark), BOTTOM), (x(mark), BOTTOM + 5.0), "#222222", 1.0);
        drawing.text((x(mark), BOTTOM + 20.0), Anchor::Middle, &label(mark));
    }
    drawing.line((LEFT, BOTTOM), (RIGHT, BOTTOM), "#222222", 1.0);
    drawing.text((LEFT, TOP - 12.0), Anchor::Start, unit);
    drawing.text((f64::midpoint(LEFT, RIGHT), HEIGHT - 14.0), Anchor::Middle, axis);
    let mut legend = LEFT + 130.0;
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let mut points: Vec<(f64, f64)> = line.points.clone();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let placed: Vec<(f64, f64)> = points.iter().map(|(px, py)| (x(*px), y(*py))).collect();
        drawing.curve(&placed, colour, index > 0);
        drawing.curve(&[(legend, TOP - 28.0), (legend + 28.0, TOP - 28.0)], colour, index > 0);
        drawing.text((legend + 36.0, TOP - 24.0), Anchor::Start, &line.label);
        legend += 60.0 + 8.0 * line.label.chars().count() as f64;
    }
    Some(drawing.finish())
}
