//! Label for the slide box or the request form, 57 x 32 mm: a QR code of the sample id, the id, the date, the leading
//! figures, and whether the result is signed.

use qrcode::{Color, EcLevel, QrCode};

use super::ReportError;
use super::letterhead::Letterhead;
use super::paper::{INK, Paper, Type, WARN};
use super::pdf::key;
use super::typeface::{self, PdfFace};
use crate::domain::counts::ClassCount;
use crate::outputs::words::Words;
use crate::store::records::SessionDetail;
use crate::system::zone;

/// Size in points: 57 x 32 mm.
const LABEL: (f32, f32) = (161.6, 90.7);

/// Around everything; the code needs four of its squares of white.
const MARGIN: f32 = 7.0;

/// Side of the code, and where the text begins.
const SIDE: f32 = 64.0;
const TEXT: f32 = MARGIN + SIDE + 7.0;

/// Sizes of the sample id, the largest that fits on two lines.
const SIZES: [f32; 4] = [13.0, 10.0, 8.0, 6.0];

/// Classes shown at most.
const CLASSES: usize = 3;

pub(super) fn label(detail: &SessionDetail, letterhead: &Letterhead, words: &Words) -> Result<Vec<u8>, ReportError> {
    let sample = &detail.summary.sample;
    let code = QrCode::with_error_correction_level(sample.as_bytes(), EcLevel::M).map_err(|_| ReportError::Code)?;
    let mut paper = Paper::new(LABEL, LABEL.1);
    let squares = code.width();
    let square = SIDE / squares as f32;
    let bottom = LABEL.1 - MARGIN - SIDE;
    for (place, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            let (x, y) = ((place % squares) as f32, (place / squares) as f32);
            let top = bottom + SIDE - (y + 1.0) * square;
            // A hair wider, so that no printer leaves white lines between squares.
            paper.sheet().filled(MARGIN + x * square, top, square + 0.05, square + 0.05, [0.0; 3]);
        }
    }
    let room = LABEL.0 - TEXT - 4.0;
    let fits = |size: &f32| typeface::lines(PdfFace::Bold, *size, sample, room).len() <= 2;
    let size = SIZES.into_iter().find(fits).unwrap_or(SIZES[SIZES.len() - 1]);
    let mut y = LABEL.1 - MARGIN;
    let mut line = |paper: &mut Paper, size: f32, face, colour, text: &str| {
        y -= size * 1.2;
        paper.sheet().text(TEXT, y, Type { face, size, colour }, text);
    };
    for part in typeface::lines(PdfFace::Bold, size, sample, room).into_iter().take(5) {
        line(&mut paper, size, PdfFace::Bold, INK, &part);
    }
    line(&mut paper, 6.0, PdfFace::Plain, INK, &zone::minute(detail.summary.started));
    if let Some(result) = &detail.reviewed_result {
        let mut classes: Vec<&ClassCount> = result.classes.iter().filter(|line| line.class.in_differential()).collect();
        classes.sort_by_key(|line| std::cmp::Reverse(line.count));
        for class in classes.into_iter().take(CLASSES) {
            let text = format!("{} {} %", class.class.code(), words.number(class.percent, 1));
            line(&mut paper, 7.0, PdfFace::Bold, INK, &text);
        }
        for flag in result.flags.iter().take(1) {
            let more = if result.flags.len() > 1 { " …" } else { "" };
            line(&mut paper, 6.5, PdfFace::Bold, WARN, &format!("! {}{more}", words.say(&key("flag", flag))));
        }
    }
    let state = words.say(&key("status", detail.summary.status)).to_owned();
    paper.sheet().text(MARGIN, 8.0, Type { face: PdfFace::Bold, size: 6.5, colour: INK }, &state);
    // Smaller rather than cut.
    let width = typeface::width(PdfFace::Plain, 5.5, &letterhead.name);
    let size = 5.5 * (room / width.max(1.0)).min(1.0);
    paper.sheet().right(LABEL.0 - 4.0, 8.0, Type { face: PdfFace::Plain, size, colour: INK }, &letterhead.name);
    paper.finish(sample, |_, _, _| {})
}
