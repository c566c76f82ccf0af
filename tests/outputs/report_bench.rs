//! A store with one session, and its reports.

use std::fmt::Write as _;

use crate::common::stored::{result, start};
use leukoscope::counting::statistics::Evidence;
use leukoscope::counting::statistics::per_red_cell::{PerMicrolitre, PerRedCell};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::flag::{Flag, Share};
use leukoscope::domain::interval::Figure;
use leukoscope::outputs::report::letterhead::Letterhead;
use leukoscope::outputs::report::{Pictured, ReportFormat, make};
use leukoscope::outputs::words::{Catalogues, Words};
use leukoscope::store::Store;
use leukoscope::store::records::{CellChange, SessionDetail, SessionId};

pub fn words(language: &str) -> Words {
    Catalogues::new(None).words(language)
}

pub struct Bench {
    pub store: Store,
    pub letterhead: Letterhead,
    pub _folder: tempfile::TempDir,
}

impl Bench {
    pub fn with(sample: &str, cells: &[CellChange]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let id = store.begin(&start(sample)).unwrap();
        store.finish(id, cells, &result(sample), &start(sample).settings).unwrap();
        Self { store, letterhead: Letterhead::default(), _folder: folder }
    }

    /// With a result that raises every warning, and no cells.
    pub fn warned() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut result = result("A-1");
        let figure = |value| Figure { value, low: value / 2.0, high: value * 2.0 };
        let evidence = |of, value, limit, beyond_chance| {
            let flag = Flag::LeftShift;
            Evidence { flag, of, figure: figure(value), limit, beyond_chance, network_alone: false }
        };
        result.flags = vec![Flag::LeftShift];
        result.experimental = vec![CellClass::Lyt];
        result.statistics.evidence =
            vec![evidence(Share::Bands, 12.0, 10.0, false), evidence(Share::ImmatureGranulocytes, 8.5, 2.0, true)];
        result.statistics.per_red_cell = Some(PerRedCell {
            red_cells: 2000,
            white_per_1000: Some(figure(2.0)),
            platelets_per_1000: Some(figure(60.0)),
            red_count: Some(4.5),
            estimates: Some(PerMicrolitre {
                white: figure(9000.0),
                white_without_nucleated_red: Some(figure(7500.0)),
                platelets: figure(270_000.0),
            }),
            note: None,
        });
        result.frames.used = 31;
        result.frames.refused.too_dark = 4;
        let id = store.begin(&start("A-1")).unwrap();
        store.finish(id, &[], &result, &start("A-1").settings).unwrap();
        Self { store, letterhead: Letterhead::default(), _folder: folder }
    }

    pub fn all(&self) -> (SessionDetail, Vec<Pictured>) {
        self.all_of(1)
    }

    fn all_of(&self, id: SessionId) -> (SessionDetail, Vec<Pictured>) {
        let detail = self.store.session(id).unwrap().unwrap();
        let cells = self.store.cells(id, None, None).unwrap();
        let pictured = cells.into_iter().map(|cell| {
            let picture = self.store.crop(id, cell.number).unwrap();
            (cell, picture)
        });
        (detail, pictured.collect())
    }

    pub fn text(&self, form: ReportFormat, language: &str) -> String {
        self.text_of(1, form, language)
    }

    pub fn text_of(&self, id: SessionId, form: ReportFormat, language: &str) -> String {
        let (detail, cells) = self.all_of(id);
        String::from_utf8(make(form, &detail, &cells, &words(language), &self.letterhead).unwrap()).unwrap()
    }

    pub fn pdf(&self, language: &str) -> Pdf {
        self.pdf_of(1, language)
    }

    pub fn pdf_of(&self, id: SessionId, language: &str) -> Pdf {
        let (detail, cells) = self.all_of(id);
        Pdf(make(ReportFormat::Pdf, &detail, &cells, &words(language), &self.letterhead).unwrap())
    }
}

/// A PDF report, parsed as far as the tests need.
pub struct Pdf(pub Vec<u8>);

impl Pdf {
    pub fn count(&self, what: &str) -> usize {
        self.0.windows(what.len()).filter(|window| *window == what.as_bytes()).count()
    }

    /// How often a text is printed; a text with non-ASCII letters is written in hexadecimal.
    pub fn says(&self, text: &str) -> usize {
        let mut digits = String::new();
        for byte in text.bytes() {
            write!(digits, "{byte:02X}").unwrap();
        }
        self.count(text) + self.count(&digits)
    }

    pub fn pages(&self) -> usize {
        self.count("/Type /Page\n")
    }

    /// The text printed on each page, in Latin-1 without spaces and line breaks.
    pub fn printed(&self) -> Vec<String> {
        let streams = self.0.split(|byte| *byte == b'\n').fold(vec![String::new()], |mut streams, line| {
            if line == b"endstream" {
                streams.push(String::new());
            } else if let (Some(text), Some(stream)) = (line.strip_suffix(b" Tj"), streams.last_mut()) {
                stream.extend(shown(text).into_iter().map(char::from).filter(|letter| !letter.is_whitespace()));
            }
            streams
        });
        streams.into_iter().filter(|stream| !stream.is_empty()).collect()
    }
}

/// The bytes of a PDF string, in parentheses or hexadecimal.
fn shown(text: &[u8]) -> Vec<u8> {
    let inner = &text[1..text.len() - 1];
    if text[0] == b'<' {
        let pairs = inner.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        return pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    }
    let mut bytes = inner.iter();
    std::iter::from_fn(|| bytes.next().and_then(|byte| if *byte == b'\\' { bytes.next() } else { Some(byte) }))
        .copied()
        .collect()
}
