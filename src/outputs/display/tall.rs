//! Layout for tall panels (240x240, 320x240, 64x128): everything stacked, classes with intervals.

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::draw::{Cut, Pen, inset};
use super::text::{Align, BOLD, DOUBLE, GIANT, HUGE, LARGE, PLAIN, SMALL, ScreenFace, TINY, TOWER};
use super::wide::lines_of;
use super::words::{self, DifferentialLine};
use crate::counting::session::snapshot::{Phase, Snapshot};
use crate::domain::interval::Figure;

pub(super) fn draw<D: DrawTarget>(pen: &mut Pen<D>, area: Rectangle, snapshot: &Snapshot) -> Result<(), D::Error> {
    let roomy = area.size.width >= 160 && area.size.height >= 180;
    let edge = if roomy { 5 } else { 1 };
    let mut cut = Cut(area);
    header(pen, &mut cut, snapshot, roomy)?;
    if snapshot.phase != Phase::Waiting {
        let row = cut.bottom(if roomy { 20 } else { 10 });
        let face = if roomy { PLAIN } else { TINY };
        let row = inset(row, edge, 0);
        let kinds = words::fitting(words::kinds(snapshot), row.size.width / face.advance());
        pen.label(row, &kinds, &[BOLD, PLAIN, SMALL, TINY], Align::Left, pen.theme.muted)?;
    }
    if let Some(flags) = words::flags(&snapshot.flags) {
        let row = cut.bottom(if roomy { 24 } else { 11 });
        pen.band(row, pen.theme.alarm, &format!("! {flags}"), &[HUGE, LARGE, BOLD, PLAIN, SMALL, TINY], edge)?;
    }
    if let Some(words) = &snapshot.trouble {
        trouble(pen, &mut cut, words, snapshot.phase, edge)?;
    }
    if snapshot.phase == Phase::Waiting {
        return waiting(pen, cut, snapshot);
    }
    quality(pen, &mut cut, snapshot, roomy)?;
    count(pen, &mut cut, snapshot, roomy)?;
    classes(pen, cut, snapshot)
}

/// The focus bar above the last rows, and above it the advice if the newest frame was not good enough.
fn quality<D: DrawTarget>(pen: &mut Pen<D>, cut: &mut Cut, snapshot: &Snapshot, roomy: bool) -> Result<(), D::Error> {
    let Some((focus, advice)) = words::quality(snapshot) else { return Ok(()) };
    let (edge, height) = if roomy { (5, 16) } else { (1, 9) };
    let bar = cut.bottom(height);
    pen.focus(inset(bar, edge, 1), focus, if roomy { &[PLAIN] } else { &[TINY] })?;
    let Some((advice, _)) = advice else { return Ok(()) };
    let row = cut.bottom(if roomy { 24 } else { 11 });
    pen.band(row, pen.theme.advice, advice, &[HUGE, LARGE, BOLD, PLAIN, SMALL, TINY], edge)
}

/// A block as high as its text, at most about half of what is left: count and result stay visible, whatever else
/// fails.
fn trouble<D: DrawTarget>(
    pen: &mut Pen<D>,
    cut: &mut Cut,
    text: &str,
    phase: Phase,
    edge: u32,
) -> Result<(), D::Error> {
    let share = if phase == Phase::Waiting { 70 } else { 45 };
    let mut most = inset(cut.0, edge, 0);
    most.size.height = most.size.height * share / 100;
    most.size.height = most.size.height.min(if edge > 1 { 60 } else { 44 }).saturating_sub(4);
    let Some((face, lines)) = lines_of(most, text, &[BOLD, PLAIN, SMALL, TINY]) else { return Ok(()) };
    let block = cut.top(lines.len() as u32 * face.line() + 4);
    pen.fill(block, pen.theme.alarm.fill)?;
    let mut block = Cut(inset(block, edge, 2));
    lines
        .iter()
        .try_for_each(|line| pen.label(block.top(face.line()), line, &[face], Align::Left, pen.theme.alarm.text))
}

fn header<D: DrawTarget>(pen: &mut Pen<D>, cut: &mut Cut, snapshot: &Snapshot, roomy: bool) -> Result<(), D::Error> {
    let area = cut.top(if roomy { 28 } else { 13 });
    let band = pen.theme.phase(snapshot.phase);
    pen.fill(area, band.fill)?;
    let mut line = Cut(inset(area, if roomy { 5 } else { 1 }, 0));
    if band.fill == pen.theme.background {
        let rule = line.bottom(1);
        pen.fill(rule, pen.theme.muted)?;
    }
    let faces = if roomy { &[HUGE, LARGE, BOLD, SMALL, TINY][..] } else { &[BOLD, SMALL, TINY] };
    let state = words::phase(snapshot.phase);
    let left = line.left(faces[0].advance() * state.chars().count() as u32);
    pen.label(left, state, faces, Align::Left, band.text)?;
    line.left(6);
    if line.0.size.width >= 40 {
        return pen.sample(line.0, &snapshot.sample, &[LARGE, BOLD, PLAIN, SMALL], band.text);
    }
    // Too narrow for both in one row, so the sample gets a row of its own.
    let row = cut.top(10);
    pen.sample(inset(row, 1, 0), &snapshot.sample, &[SMALL, TINY], pen.theme.muted)
}

fn waiting<D: DrawTarget>(pen: &mut Pen<D>, cut: Cut, snapshot: &Snapshot) -> Result<(), D::Error> {
    let mut cut = Cut(inset(cut.0, 2, 2));
    let half = cut.0.size.height / 2;
    let mut upper = Cut(cut.top(half));
    let big = upper.bottom(48);
    pen.label(big, "Press START", &[GIANT, DOUBLE, HUGE, LARGE, PLAIN, SMALL, TINY], Align::Centre, pen.theme.text)?;
    let row = cut.top(28);
    let text = words::fitting(words::target(snapshot), row.size.width / TINY.advance());
    pen.label(row, &text, &[HUGE, LARGE, PLAIN, SMALL, TINY], Align::Centre, pen.theme.muted)
}

fn count<D: DrawTarget>(pen: &mut Pen<D>, cut: &mut Cut, snapshot: &Snapshot, roomy: bool) -> Result<(), D::Error> {
    let counted = snapshot.counted.to_string();
    let target = format!("of {}", snapshot.target);
    let faces = if roomy { &[TOWER, GIANT, DOUBLE, HUGE, BOLD][..] } else { &[DOUBLE, HUGE, BOLD, SMALL] };
    let mut row = Cut(inset(cut.top(if roomy { 44 } else { 24 }), if roomy { 5 } else { 1 }, 0));
    let beside = HUGE.advance() * (target.len() as u32 + 1);
    let width = |face: &ScreenFace| face.advance() * counted.chars().count() as u32;
    if let Some(first) = faces.iter().position(|face| width(face) + beside <= row.0.size.width) {
        let number = row.left(width(&faces[first]));
        pen.label(number, &counted, &faces[first..], Align::Left, pen.theme.text)?;
        row.left(HUGE.advance());
        pen.label(row.0, &target, &[HUGE], Align::Left, pen.theme.muted)?;
    } else {
        pen.label(row.0, &counted, faces, Align::Left, pen.theme.text)?;
        let below = cut.top(10);
        pen.label(inset(below, 1, 0), &target, &[SMALL, TINY], Align::Left, pen.theme.muted)?;
    }
    if snapshot.phase == Phase::Done {
        let row = cut.top(if roomy { 20 } else { 11 });
        let faces = [HUGE, LARGE, PLAIN, SMALL, TINY];
        let row = inset(row, if roomy { 5 } else { 1 }, 0);
        let letters = row.size.width / if roomy { PLAIN.advance() } else { TINY.advance() };
        let why = words::fitting(words::standing(snapshot), letters);
        return pen.label(row, &why, &faces, Align::Left, pen.theme.text);
    }
    let bar = cut.top(if roomy { 12 } else { 7 });
    pen.progress(inset(bar, if roomy { 5 } else { 1 }, 1), snapshot.counted, snapshot.target)
}

fn classes<D: DrawTarget>(pen: &mut Pen<D>, mut cut: Cut, snapshot: &Snapshot) -> Result<(), D::Error> {
    cut.top(if cut.0.size.height > 60 { 4 } else { 1 });
    let lines = words::lines(snapshot);
    let least = if cut.0.size.width >= 160 { 16 } else { 11 };
    let room = cut.0.size.height / least;
    let lines = words::leading(lines, room as usize);
    let pitch = cut.0.size.height.checked_div(lines.len() as u32).unwrap_or_default().min(28);
    for line in lines {
        let row = cut.top(pitch);
        class(pen, row, &line)?;
    }
    Ok(())
}

/// Code, percentage, the interval on an axis from 0 to 100, and the count.
fn class<D: DrawTarget>(pen: &mut Pen<D>, row: Rectangle, line: &DifferentialLine) -> Result<(), D::Error> {
    let colour = if line.unclassified { pen.theme.doubt } else { pen.theme.text };
    if row.size.width < 160 {
        let text = format!("{} {:>4}", line.code, line.value);
        return pen.label(inset(row, 1, 0), &text, &[BOLD, PLAIN, SMALL, TINY], Align::Left, colour);
    }
    let mut row = Cut(inset(row, 5, 0));
    let faces = [HUGE, LARGE, BOLD, PLAIN, SMALL, TINY];
    let code = row.left(36);
    pen.label(code, line.code, &faces, Align::Left, colour)?;
    let percent = row.left(54);
    pen.label(percent, &line.value, &faces, Align::Right, colour)?;
    let count = row.right(48);
    pen.label(count, &line.count.to_string(), &[LARGE, PLAIN, SMALL, TINY], Align::Right, pen.theme.muted)?;
    row.left(12);
    row.right(4);
    interval(pen, row.0, line, colour)
}

fn interval<D: DrawTarget>(
    pen: &mut Pen<D>,
    area: Rectangle,
    line: &DifferentialLine,
    colour: D::Color,
) -> Result<(), D::Error> {
    let height = area.size.height;
    if area.size.width < 20 || height < 7 {
        return Ok(());
    }
    let across = |percent: f64| (percent.clamp(0.0, 100.0) / 100.0 * f64::from(area.size.width - 2)).round() as u32;
    let piece = |from: u32, to: u32, tall: u32| {
        let corner = Point::new(from.cast_signed(), (height.saturating_sub(tall) / 2).cast_signed());
        Rectangle::new(area.top_left + corner, Size::new(to - from, tall.min(height)))
    };
    pen.fill(piece(0, area.size.width, 2), pen.theme.track)?;
    let Some(Figure { value, low, high }) = line.figure else { return Ok(()) };
    let (low, high) = (across(low.min(high)), across(high.max(low)));
    let band = if line.unclassified { colour } else { pen.theme.bar };
    pen.fill(piece(low, high + 2, 4), band)?;
    let value = across(value);
    pen.fill(piece(value, value + 2, 12), colour)
}
