//! Layout for low, wide panels (128x64): the count on the left, the classes on the right.

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use super::draw::{Cut, Pen, inset};
use super::text::{Align, BOLD, DOUBLE, GIANT, HUGE, LARGE, NARROW_BOLD, PLAIN, SMALL, ScreenFace, TINY, TOWER, wrap};
use super::words;
use crate::counting::session::snapshot::{Phase, Snapshot};

/// Sizes that grow with the height of the panel.
struct Measures {
    row: u32,
    message: u32,
    gap: u32,
    edge: u32,
    row_faces: &'static [ScreenFace],
    class_faces: &'static [ScreenFace],
    class_pitch: u32,
}

const LOW: Measures = Measures {
    row: 10,
    message: 9,
    gap: 0,
    edge: 1,
    row_faces: &[SMALL, TINY],
    class_faces: &[NARROW_BOLD, PLAIN, SMALL, TINY],
    class_pitch: 11,
};

const HIGH: Measures = Measures {
    row: 20,
    message: 16,
    gap: 3,
    edge: 4,
    row_faces: &[HUGE, LARGE, BOLD, PLAIN, SMALL],
    class_faces: &[HUGE, LARGE, BOLD, PLAIN, SMALL],
    class_pitch: 20,
};

pub(super) fn draw<D: DrawTarget>(pen: &mut Pen<D>, area: Rectangle, snapshot: &Snapshot) -> Result<(), D::Error> {
    let measures = if area.size.height >= 110 { HIGH } else { LOW };
    if area.size.height < 48 {
        return strip(pen, area, snapshot);
    }
    let mut cut = Cut(area);
    let header = cut.top(measures.row);
    match (&snapshot.trouble, snapshot.phase) {
        (Some(trouble), Phase::Waiting | Phase::Counting) => in_trouble(pen, header, cut, snapshot, trouble, &measures),
        (None, Phase::Waiting) => waiting(pen, header, cut, snapshot, &measures),
        (_, Phase::Counting | Phase::Done) => counting(pen, header, cut, snapshot, &measures),
    }
}

/// Panels of 128x32 and lower: state and count, then trouble, the worst flag, and as many leading classes as there
/// are rows.
fn strip<D: DrawTarget>(pen: &mut Pen<D>, area: Rectangle, snapshot: &Snapshot) -> Result<(), D::Error> {
    let mut cut = Cut(area);
    let top = cut.top(LOW.row);
    let progress = format!("{}/{}", snapshot.counted, snapshot.target);
    let state = words::state(snapshot, &progress, top.size.width.saturating_sub(2 * LOW.edge) / SMALL.advance());
    header(pen, top, (&state, pen.theme.phase(snapshot.phase)), &progress, &LOW)?;
    let warnings = [snapshot.trouble.clone(), words::flags(&snapshot.flags)];
    if let Some((focus, Some((advice, _)))) = words::quality(snapshot) {
        let mut row = Cut(cut.top(LOW.row));
        let bar = row.right(row.0.size.width * 3 / 10);
        pen.band(row.0, pen.theme.advice, advice, LOW.row_faces, LOW.edge)?;
        pen.focus(inset(bar, 2, 0), focus, &[TINY])?;
        cut.top(1);
    }
    for warning in warnings.into_iter().flatten() {
        let row = cut.top(LOW.row);
        pen.band(row, pen.theme.alarm, &format!("! {warning}"), LOW.row_faces, LOW.edge)?;
        cut.top(1);
    }
    let lines = words::lines(snapshot);
    for three in words::leading(lines, 3 * (cut.0.size.height / LOW.row) as usize).chunks(3) {
        let texts: Vec<_> = three.iter().map(|line| format!("{} {}", line.code, line.value)).collect();
        let row = inset(cut.top(LOW.row), LOW.edge, 0);
        pen.label(row, &texts.join(" "), LOW.row_faces, Align::Left, pen.theme.text)?;
    }
    Ok(())
}

/// State on the left, `beside` on the right.
fn header<D: DrawTarget>(
    pen: &mut Pen<D>,
    area: Rectangle,
    (state, band): (&str, super::draw::Band<D::Color>),
    beside: &str,
    measures: &Measures,
) -> Result<(), D::Error> {
    pen.fill(area, band.fill)?;
    let mut line = Cut(inset(area, measures.edge, 0));
    if band.fill == pen.theme.background {
        let rule = line.bottom(1);
        pen.fill(rule, pen.theme.muted)?;
    }
    let face = measures.row_faces[0];
    let faces = if area.size.width < 200 { measures.row_faces } else { &[LARGE, BOLD, PLAIN, SMALL] };
    let width = face.advance().min(if area.size.width < 200 { u32::MAX } else { LARGE.advance() });
    let left = line.left(width * state.chars().count() as u32);
    pen.label(left, state, faces, Align::Left, band.text)?;
    line.left(width);
    pen.sample(line.0, beside, faces, band.text)
}

/// Last row: the worst flag, or the cells by kind.
fn footer<D: DrawTarget>(
    pen: &mut Pen<D>,
    area: Rectangle,
    snapshot: &Snapshot,
    otherwise: &str,
    measures: &Measures,
) -> Result<(), D::Error> {
    match words::flags(&snapshot.flags) {
        Some(flags) => pen.band(area, pen.theme.alarm, &format!("! {flags}"), measures.row_faces, measures.edge),
        None => pen.label(inset(area, measures.edge, 0), otherwise, measures.row_faces, Align::Left, pen.theme.muted),
    }
}

fn waiting<D: DrawTarget>(
    pen: &mut Pen<D>,
    top: Rectangle,
    mut cut: Cut,
    snapshot: &Snapshot,
    measures: &Measures,
) -> Result<(), D::Error> {
    let state = words::phase(snapshot.phase);
    header(pen, top, (state, pen.theme.waiting), &snapshot.sample, measures)?;
    let last = cut.bottom(measures.row);
    let letters = last.size.width / TINY.advance();
    footer(pen, last, snapshot, &words::fitting(words::target(snapshot), letters), measures)?;
    let body = cut.0;
    pen.label(
        inset(body, 1, 1),
        "Press START",
        &[DOUBLE, HUGE, LARGE, PLAIN, SMALL, TINY],
        Align::Centre,
        pen.theme.text,
    )
}

fn in_trouble<D: DrawTarget>(
    pen: &mut Pen<D>,
    top: Rectangle,
    mut cut: Cut,
    snapshot: &Snapshot,
    trouble: &str,
    measures: &Measures,
) -> Result<(), D::Error> {
    let progress = format!("{}/{}", snapshot.counted, snapshot.target);
    header(pen, top, ("TROUBLE", pen.theme.alarm), &progress, measures)?;
    let last = cut.bottom(measures.row);
    let state = format!("{} {}", words::phase(snapshot.phase), snapshot.sample);
    footer(pen, last, snapshot, &state, measures)?;
    paragraph(pen, inset(cut.0, measures.edge, measures.gap), trouble, measures.class_faces, pen.theme.text)
}

/// Text over as many lines as fit, in the first face in which none is cut and no word is broken.
pub(super) fn lines_of(area: Rectangle, text: &str, faces: &[ScreenFace]) -> Option<(ScreenFace, Vec<String>)> {
    let longest = text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default() as u32;
    let letters = |face: ScreenFace| area.size.width / face.advance();
    let room = |face: ScreenFace| (area.size.height / face.line()) as usize;
    let whole = |face: ScreenFace| {
        longest <= letters(face) && wrap(text, letters(face) as usize, room(face) + 1).len() <= room(face)
    };
    let face = faces.iter().copied().find(|&face| whole(face)).or(faces.last().copied())?;
    Some((face, wrap(text, letters(face) as usize, room(face))))
}

fn paragraph<D: DrawTarget>(
    pen: &mut Pen<D>,
    area: Rectangle,
    text: &str,
    faces: &[ScreenFace],
    colour: D::Color,
) -> Result<(), D::Error> {
    let Some((face, lines)) = lines_of(area, text, faces) else { return Ok(()) };
    let mut cut = Cut(area);
    lines.iter().try_for_each(|line| pen.label(cut.top(face.line()), line, &[face], Align::Left, colour))
}

fn counting<D: DrawTarget>(
    pen: &mut Pen<D>,
    top: Rectangle,
    mut cut: Cut,
    snapshot: &Snapshot,
    measures: &Measures,
) -> Result<(), D::Error> {
    // Trouble takes the row that otherwise says "unsigned", so the header says it instead.
    let letters = if snapshot.trouble.is_some() { top.size.width / measures.row_faces[0].advance() } else { 0 };
    let state = words::state(snapshot, &snapshot.sample, letters);
    header(pen, top, (&state, pen.theme.phase(snapshot.phase)), &snapshot.sample, measures)?;
    let last = cut.bottom(measures.row);
    let kinds =
        words::fitting(words::kinds(snapshot), last.size.width.saturating_sub(2 * measures.edge) / TINY.advance());
    footer(pen, last, snapshot, &kinds, measures)?;
    message(pen, &mut cut, snapshot, measures)?;

    cut.top(measures.gap);
    let mut left = cut.left(cut.0.size.width * 48 / 100);
    left = inset(left, measures.edge, 0);
    let mut left = Cut(left);
    let target = left.bottom(measures.message);
    pen.label(
        left.0,
        &snapshot.counted.to_string(),
        &[TOWER, GIANT, DOUBLE, HUGE, BOLD, SMALL],
        Align::Left,
        pen.theme.text,
    )?;
    pen.label(target, &format!("of {}", snapshot.target), measures.row_faces, Align::Left, pen.theme.muted)?;

    let room = cut.0.size.height / measures.class_pitch;
    for line in words::leading(words::lines(snapshot), room as usize) {
        let mut row = Cut(cut.top(cut.0.size.height.min(measures.class_pitch)));
        row.right(measures.edge);
        let colour = if line.unclassified { pen.theme.doubt } else { pen.theme.text };
        let text = format!("{} {:>4}", line.code, line.value);
        pen.label(row.0, &text, measures.class_faces, Align::Right, colour)?;
    }
    Ok(())
}

/// The row above the last: trouble, else the progress of the count or why it ended.
fn message<D: DrawTarget>(
    pen: &mut Pen<D>,
    cut: &mut Cut,
    snapshot: &Snapshot,
    measures: &Measures,
) -> Result<(), D::Error> {
    cut.bottom(1);
    let row = cut.bottom(measures.message);
    match (&snapshot.trouble, snapshot.phase) {
        (Some(trouble), _) => pen.band(row, pen.theme.alarm, &format!("! {trouble}"), &[SMALL, TINY], measures.edge),
        (None, Phase::Done) => {
            let row = inset(row, measures.edge, 0);
            let faces = if measures.gap > 0 { measures.row_faces } else { &[SMALL, TINY] };
            let smallest = faces.last().map_or(TINY.advance(), |face| face.advance());
            let why = words::fitting(words::standing(snapshot), row.size.width / smallest);
            pen.label(row, &why, faces, Align::Left, pen.theme.text)
        }
        (None, _) => {
            let Some((focus, advice)) = words::quality(snapshot) else {
                return pen.progress(inset(row, measures.edge, measures.gap + 1), snapshot.counted, snapshot.target);
            };
            let mut row = Cut(row);
            let bar = row.right(row.0.size.width * 3 / 10);
            pen.focus(inset(bar, measures.edge + 1, 0), focus, if measures.gap > 0 { &[PLAIN] } else { &[TINY] })?;
            if let Some((advice, _)) = advice {
                pen.band(row.0, pen.theme.advice, advice, measures.row_faces, measures.edge)
            } else {
                let bar = inset(row.0, measures.edge, measures.gap + 1);
                pen.progress(bar, snapshot.counted, snapshot.target)
            }
        }
    }
}
