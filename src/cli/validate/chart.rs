//! Small inline SVG charts: lines over axes from 0 to 100 %. Colours come from the page's style.

use std::fmt::Write as _;

use maud::{Markup, html};

/// Side of the plot area, px.
const SIDE: f64 = 220.0;
/// Room for the numbers on the left and below, and for half a number at the other ends.
const LEFT: f64 = 46.0;
const BELOW: f64 = 42.0;
const MARGIN: f64 = 14.0;

/// Mark of a chart; x and y are shares 0..=1.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points; the number selects colour and dash, 0..3.
    Line(usize, Vec<(f64, f64)>),
    /// A dotted diagonal: the perfect result.
    Diagonal,
    /// A dot in the shape and colour of the line with this number, labelled if the text is not empty.
    Dot(usize, (f64, f64), &'static str),
    /// A dot with an interval (low, high) along y.
    Interval((f64, f64), (f64, f64)),
}

/// A chart's content.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Text alternative for people who cannot see it.
    pub title: String,
    pub x: &'static str,
    pub y: &'static str,
    /// Start of the x axis, 0..1, if everything of interest lies above.
    pub x_from: f64,
    pub y_from: f64,
    pub marks: Vec<Mark>,
}

impl Chart {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let along = |value: f64, from: f64| ((value - from) / (1.0 - from)).clamp(0.0, 1.0) * SIDE;
        (LEFT + along(x, self.x_from), MARGIN + SIDE - along(y, self.y_from))
    }

    /// Draws the chart as an SVG element.
    #[must_use]
    pub fn draw(&self) -> Markup {
        let (width, height) = (LEFT + SIDE + MARGIN + 8.0, MARGIN + SIDE + BELOW);
        let ticks = |from: f64| (0..=4).map(move |step| from + (1.0 - from) * f64::from(step) / 4.0);
        html! {
            svg.chart viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(self.title) {
                @for tick in ticks(self.x_from) {
                    @let (x, bottom) = self.place((tick, self.y_from));
                    line.grid x1=(px(x)) x2=(px(x)) y1=(px(MARGIN)) y2=(px(bottom)) {}
                    text x=(px(x)) y=(px(bottom + 16.0)) text-anchor="middle" { (percent(tick)) }
                }
                @for tick in ticks(self.y_from) {
                    @let (left, y) = self.place((self.x_from, tick));
                    line.grid x1=(px(left)) x2=(px(left + SIDE)) y1=(px(y)) y2=(px(y)) {}
                    text x=(px(left - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (percent(tick)) }
                }
                text.axis x=(px(LEFT + SIDE / 2.0)) y=(px(height - 6.0)) text-anchor="middle" { (self.x) }
                text.axis x="0" y="0" text-anchor="middle"
                    transform=(format!("translate(11 {}) rotate(-90)", px(MARGIN + SIDE / 2.0))) { (self.y) }
                @for mark in &self.marks { (self.mark(mark)) }
            }
        }
    }

    fn mark(&self, mark: &Mark) -> Markup {
        match mark {
            Mark::Line(style, points) => {
                let path = self.path(points);
                html! { polyline class={ "line s" (style % 3) } points=(path) {} }
            }
            Mark::Diagonal => {
                let lowest = self.x_from.max(self.y_from);
                let path = self.path(&[(lowest, lowest), (1.0, 1.0)]);
                html! { polyline.ideal points=(path) {} }
            }
            Mark::Dot(style, point, words) => {
                let (x, y) = self.place(*point);
                // A falling curve leaves room below and to the left of a dot.
                let (anchor, beside) = if x > LEFT + SIDE * 0.35 { ("end", x - 7.0) } else { ("start", x + 9.0) };
                let lower = if y < MARGIN + SIDE - 24.0 { y + 19.0 } else { y - 10.0 };
                html! {
                    (dot(*style, x, y))
                    text.word x=(px(beside)) y=(px(lower)) text-anchor=(anchor) { (words) }
                }
            }
            Mark::Interval(point, (low, high)) => {
                let ((x, y), (_, bottom), (_, top)) =
                    (self.place(*point), self.place((point.0, *low)), self.place((point.0, *high)));
                html! {
                    line.whisker x1=(px(x)) x2=(px(x)) y1=(px(bottom)) y2=(px(top)) {}
                    circle class="dot s0" cx=(px(x)) cy=(px(y)) r="3.5" {}
                }
            }
        }
    }

    fn path(&self, points: &[(f64, f64)]) -> String {
        let mut path = String::new();
        for point in points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
            let (x, y) = self.place(*point);
            let _ = write!(path, "{x:.1},{y:.1} "); // Writing to a String cannot fail.
        }
        path
    }
}

/// A circle, square or triangle, so that lines differ without colour, too.
fn dot(style: usize, x: f64, y: f64) -> Markup {
    let corners: &[(f64, f64)] = match style % 3 {
        0 => return html! { circle.dot.s0 cx=(px(x)) cy=(px(y)) r="5" {} },
        1 => &[(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)],
        _ => &[(0.0, -6.0), (5.5, 4.5), (-5.5, 4.5)],
    };
    let corners: Vec<String> = corners.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
    html! { polygon class={ "dot s" (style % 3) } points=(corners.join(" ")) {} }
}

fn px(length: f64) -> String {
    format!("{length:.1}")
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if (percent - percent.round()).abs() < 1e-6 { format!("{percent:.0}") } else { format!("{percent:.1}") }
}

/// Legend of a chart's lines, in the order of their numbers.
#[must_use]
pub fn key(names: &[&str]) -> Markup {
    html! {
        p.key {
            @for (style, name) in names.iter().enumerate() {
                span {
                    svg viewBox="0 0 40 14" width="40" height="14" aria-hidden="true" {
                        polyline class={ "line s" (style % 3) } points="0,7 40,7" {}
                        (dot(style, 20.0, 7.0))
                    }
                    " " (name)
                }
            }
        }
    }
}
