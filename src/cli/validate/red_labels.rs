//! Red cells that people named: a `.csv` beside each picture.

use std::fs;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, Trim};

use crate::camera::picture::list_pictures;
use crate::cli::validate::ValidateError;
use crate::domain::red_class::RedClass;

/// Largest label file, bytes: some 100,000 cells.
const MOST_BYTES: u64 = 4 << 20;

/// A named red cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedLabel {
    /// Its middle, px of the picture.
    pub at: (f64, f64),
    pub class: RedClass,
}

/// Why a label file cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedLabelError {
    #[error("line {line}: it has {found} columns; write x,y,type")]
    Columns { line: u64, found: usize },
    #[error("line {line}: {column} is `{text}`; write a number of px, 0 or more")]
    Place { line: u64, column: &'static str, text: String },
    #[error("line {line}: the type is `{text}`; write a number from 0 to {}, or a code such as SPHEROCYTE", RedClass::ALL.len() - 1)]
    Class { line: u64, text: String },
    #[error("it cannot be read as lines of x,y,type: {0}")]
    Table(String),
    #[error("it has more than {MOST_BYTES} bytes; one file holds the cells of one picture")]
    Large,
}

/// Reads lines of `x,y,type`; a header line is skipped. A type is a number of Chula RBC-12 or a code.
///
/// # Errors
/// At the first line that is wrong.
pub fn parse(text: &[u8]) -> Result<Vec<RedLabel>, RedLabelError> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(text);
    let mut labels = Vec::new();
    for (at, row) in reader.records().enumerate() {
        let row = row.map_err(|error| RedLabelError::Table(error.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let columns: Vec<&str> = row.iter().collect();
        let [x, y, class] = columns[..] else {
            return Err(RedLabelError::Columns { line, found: columns.len() });
        };
        if at == 0 && x.eq_ignore_ascii_case("x") {
            continue;
        }
        let place = |column, text: &str| match text.parse::<f64>() {
            Ok(px) if px.is_finite() && px >= 0.0 => Ok(px),
            _ => Err(RedLabelError::Place { line, column, text: text.to_owned() }),
        };
        let numbered = || class.parse::<usize>().ok().and_then(|number| RedClass::ALL.get(number).copied());
        let class = numbered()
            .or_else(|| class.parse().ok())
            .ok_or_else(|| RedLabelError::Class { line, text: class.to_owned() })?;
        labels.push(RedLabel { at: (place("x", x)?, place("y", y)?), class });
    }
    Ok(labels)
}

/// A field and its named red cells.
#[derive(Clone, Debug)]
pub(super) struct RedField {
    pub picture: PathBuf,
    pub labels: Vec<RedLabel>,
}

/// Lists the pictures of `folder` that have a label file, and counts those that have none.
pub(super) fn labelled_red_fields(folder: &Path) -> Result<(Vec<RedField>, u32), ValidateError> {
    let mut fields = Vec::new();
    let mut unlabelled = 0;
    for picture in list_pictures(folder)? {
        let file = picture.with_extension("csv");
        if !file.is_file() {
            unlabelled += 1;
            continue;
        }
        let unreadable = |problem| ValidateError::Folder { path: file.clone(), problem };
        let wrong = |source| ValidateError::RedLabels { path: file.clone(), source };
        if fs::metadata(&file).map_err(unreadable)?.len() > MOST_BYTES {
            return Err(wrong(RedLabelError::Large));
        }
        let labels = parse(&fs::read(&file).map_err(unreadable)?).map_err(wrong)?;
        fields.push(RedField { picture, labels });
    }
    if fields.is_empty() {
        return Err(ValidateError::NoRedLabels { path: folder.to_owned() });
    }
    Ok((fields, unlabelled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_a_number_or_a_code_and_a_header_is_no_cell() {
        let labels = parse(b"x,y,type\n10.5, 20,3\n0,0,BURR\n").unwrap();
        let classes: Vec<_> = labels.iter().map(|label| label.class).collect();
        assert_eq!(classes, [RedClass::Spherocyte, RedClass::Burr]);
        assert_eq!(labels[0].at, (10.5, 20.0));
        assert_eq!(parse(b"").unwrap(), []);
    }

    #[test]
    fn a_wrong_line_is_named_with_what_to_write() {
        let said = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
        assert!(said("x,y,type\n1,2,13\n").starts_with("line 2: the type is `13`"));
        assert!(said("1,2,NGS\n").contains("SPHEROCYTE"));
        assert!(said("1,2\n").contains("2 columns"));
        for wrong in ["nan,1,0", "-1,1,0", "x1,1,0", "inf,2,0"] {
            assert!(said(wrong).contains("number of px"), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
