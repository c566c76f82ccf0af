//! Pictures of the leading cells of each class.

use std::io::Cursor;

use image::{ColorType, ImageDecoder as _, codecs::jpeg::JpegDecoder};

use super::Pictured;
use super::differential::ClassRow;
use super::paper::{BODY, Jpeg, LEFT, Paper, RIGHT, SMALL, STRONG};
use super::typeface;
use crate::domain::class::{CellClass, Kind};
use crate::outputs::words::Words;
use crate::store::records::CellRecord;

/// Pictures per class, at most.
const MOST: usize = 6;

/// Side of a picture and gap between two, points.
const SIDE: f32 = 74.0;
const GAP: f32 = 11.0;

/// A picture with a longer side than this, px, is not a cell.
const LARGEST: u32 = 4096;

/// Rows of pictures, with classes in the order of the table.
pub(super) fn pictures(paper: &mut Paper, classes: &[ClassRow<'_>], cells: &[Pictured], words: &Words) {
    let (mut headed, mut damaged) = (false, 0);
    for class in classes {
        let Leading { shown, of, damaged: of_these } = leading(class.line.class, cells);
        damaged += of_these;
        if shown.is_empty() {
            continue;
        }
        let height = SIDE + 46.0;
        if headed {
            paper.room(height);
        } else {
            paper.heading(words.say("report.leading"), height);
            headed = true;
        }
        paper.y -= 15.0;
        let code = class.line.class.to_string();
        let y = paper.y;
        let name = words.say(&format!("class.{code}")).to_owned();
        paper.sheet().text(LEFT, y, STRONG, &name);
        let beside = LEFT + typeface::width(STRONG.face, STRONG.size, &name) + 6.0;
        let told = words.with("report.shown", &[("shown", &shown.len()), ("of", &of)]);
        paper.sheet().text(beside, y, SMALL, &format!("{code}, {told}"));
        paper.y -= SIDE + 5.0;
        for (place, (cell, picture)) in shown.into_iter().enumerate() {
            let x = LEFT + place as f32 * (SIDE + GAP);
            let y = paper.y;
            paper.picture(x, y, SIDE, picture);
            // Keeps a long class name out of the next picture.
            let caption = typeface::lines(SMALL.face, SMALL.size, &caption(cell, words), SIDE + GAP - 2.0);
            paper.sheet().text(x, y - 10.0, SMALL, caption.first().map_or("", String::as_str));
        }
        paper.y -= 14.0;
    }
    if damaged > 0 {
        paper.paragraph(LEFT, RIGHT, BODY, &words.with("report.damaged", &[("n", &damaged)]));
    }
    if !headed {
        paper.heading(words.say("report.leading"), 20.0);
        paper.paragraph(LEFT, RIGHT, BODY, words.say("report.noPictures"));
    }
}

/// Cells shown for one class.
pub(super) struct Leading<'a> {
    pub(super) shown: Vec<(&'a CellRecord, Jpeg)>,
    /// All cells of the class, shown or not.
    of: usize,
    /// Cells left out because their pictures are damaged.
    damaged: usize,
}

/// The cells of one class in force to show: those a person classified first, then the most certain. Cells without a
/// picture are left out.
pub(super) fn leading(class: CellClass, cells: &[Pictured]) -> Leading<'_> {
    let mut of: Vec<&Pictured> =
        cells.iter().filter(|(cell, _)| cell.kind == Kind::Wbc && cell.class_in_force() == Some(class)).collect();
    let sure = |cell: &CellRecord| {
        let by_program = if cell.class == Some(class) { cell.probability.unwrap_or(0.0) } else { 0.0 };
        (cell.by_person.is_some(), by_program)
    };
    of.sort_by(|(a, _), (b, _)| {
        let ((person_a, sure_a), (person_b, sure_b)) = (sure(a), sure(b));
        person_b.cmp(&person_a).then(sure_b.total_cmp(&sure_a)).then(a.number.cmp(&b.number))
    });
    let mut leading = Leading { shown: Vec::new(), of: of.len(), damaged: 0 };
    for (cell, picture) in of {
        let Some(picture) = picture else { continue };
        match embeddable(picture) {
            Some(picture) => leading.shown.push((cell, picture)),
            None => leading.damaged += 1,
        }
        if leading.shown.len() == MOST {
            break;
        }
    }
    leading
}

/// The picture, if a PDF reader can decode it; `None` if its bytes are damaged.
fn embeddable(bytes: &[u8]) -> Option<Jpeg> {
    let decoder = JpegDecoder::new(Cursor::new(bytes)).ok()?;
    let (width, height) = decoder.dimensions();
    let grey = match decoder.color_type() {
        ColorType::L8 => true,
        ColorType::Rgb8 => false,
        _ => return None,
    };
    if width > LARGEST || height > LARGEST {
        return None;
    }
    // The header may be intact and the rest damaged; a PDF reader would then show half a cell.
    let mut pixels = vec![0; usize::try_from(decoder.total_bytes()).ok()?];
    decoder.read_image(&mut pixels).ok()?;
    Some(Jpeg { bytes: bytes.to_owned(), width, height, grey })
}

pub(super) fn caption(cell: &CellRecord, words: &Words) -> String {
    let said = caption_of_class(cell, words);
    // The code alone: there is no room for a name below a picture.
    cell.own().map_or(said.clone(), |own| format!("{}, {said}", own.code))
}

fn caption_of_class(cell: &CellRecord, words: &Words) -> String {
    match &cell.by_person {
        Some(person) if Some(person.class) != cell.class => {
            let was = cell.class.map_or_else(|| "–".to_owned(), |class| class.to_string());
            words.with("report.was", &[("by", &person.by), ("was", &was)])
        }
        Some(person) => words.with("gallery.by", &[("by", &person.by)]),
        None => match cell.probability {
            Some(probability) => format!("{} %", words.number(100.0 * probability, 0)),
            None => String::new(),
        },
    }
}
