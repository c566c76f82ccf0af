//! What the laboratory puts on its reports: name, address, logo, reference ranges, phrases for comments.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GenericImageView as _, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use super::paper::Jpeg;
use super::ranges::{Ranges, RangesError};
use crate::config::LaboratoryConfig;
use crate::domain::letters::unfit_in_comment;

/// Largest file of a logo or of phrases, bytes.
const LARGEST: u64 = 1 << 20;

/// Longest side of a logo, px.
const LONGEST_SIDE: u32 = 4000;

/// Most phrases, and the longest of them, characters: more is no list to choose from.
const MOST_PHRASES: usize = 200;
const LONGEST_PHRASE: usize = 300;

/// What stands on the reports of one laboratory.
#[derive(Clone, Debug, Default)]
pub struct Letterhead {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) phone: String,
    pub(super) logo: Option<Jpeg>,
    pub ranges: Ranges,
    /// Phrases to choose from for a comment.
    pub phrases: Vec<String>,
}

/// Why a file of the letterhead cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LetterheadError {
    /// The logo.
    #[error("logo {}: {problem}", file.display())]
    Logo { file: PathBuf, problem: String },
    /// The reference ranges.
    #[error("ranges {0}")]
    Ranges(#[from] RangesError),
    /// The phrases.
    #[error("phrases {}: {problem}", file.display())]
    Phrases { file: PathBuf, problem: String },
}

impl LetterheadError {
    /// The configuration key that names the file.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Logo { .. } => "logo",
            Self::Ranges(_) => "ranges",
            Self::Phrases { .. } => "phrases",
        }
    }
}

impl Letterhead {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// If one is missing, too large or not what it should be.
    pub fn read(config: &LaboratoryConfig) -> Result<Self, LetterheadError> {
        let logo = config
            .logo
            .as_deref()
            .map(|file| logo(file).map_err(|problem| LetterheadError::Logo { file: file.to_owned(), problem }));
        let phrases = config
            .phrases
            .as_deref()
            .map(|file| phrases(file).map_err(|problem| LetterheadError::Phrases { file: file.to_owned(), problem }));
        Ok(Self {
            name: config.name.trim().to_owned(),
            address: config.address.trim().to_owned(),
            phone: config.phone.trim().to_owned(),
            logo: logo.transpose()?,
            ranges: config.ranges.as_deref().map(Ranges::read).transpose()?.unwrap_or_default(),
            phrases: phrases.transpose()?.unwrap_or_default(),
        })
    }

    /// Whether anything stands above the title of a report.
    pub(super) fn has_head(&self) -> bool {
        self.logo.is_some() || [&self.name, &self.address, &self.phone].iter().any(|text| !text.is_empty())
    }
}

fn small(file: &Path) -> Result<Vec<u8>, String> {
    let about = fs::metadata(file).map_err(|problem| problem.to_string())?;
    if !about.is_file() {
        return Err("is no file".to_owned());
    }
    if about.len() > LARGEST {
        return Err(format!("has {} bytes; at most {LARGEST} are read", about.len()));
    }
    fs::read(file).map_err(|problem| problem.to_string())
}

/// The logo on white, as a PDF holds it.
fn logo(file: &Path) -> Result<Jpeg, String> {
    let bytes = small(file)?;
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|problem| problem.to_string())?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err("is no PNG or JPEG picture".to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    reader.limits(limits);
    let picture = reader.decode().map_err(|problem| format!("is damaged or too large: {problem}"))?;
    let (width, height) = picture.dimensions();
    let mut encoded = Vec::new();
    JpegEncoder::new_with_quality(&mut encoded, 95)
        .encode_image(&on_white(&picture))
        .map_err(|problem| problem.to_string())?;
    Ok(Jpeg { bytes: encoded, width, height, grey: false })
}

/// What shows through stands on white, as on paper.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let with_alpha = picture.to_rgba8();
    RgbImage::from_fn(with_alpha.width(), with_alpha.height(), |x, y| {
        let [red, green, blue, alpha] = with_alpha.get_pixel(x, y).0;
        let over = |value: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha)) / 255) as u8
        };
        Rgb([over(red), over(green), over(blue)])
    })
}

fn phrases(file: &Path) -> Result<Vec<String>, String> {
    let text = String::from_utf8(small(file)?).map_err(|_| "is no UTF-8 text".to_owned())?;
    let mut phrases = Vec::new();
    for (line, phrase) in text.lines().enumerate().map(|(line, phrase)| (line + 1, phrase.trim())) {
        if phrase.is_empty() || phrase.starts_with('#') {
            continue;
        }
        if phrase.chars().count() > LONGEST_PHRASE {
            return Err(format!("line {line} has more than {LONGEST_PHRASE} characters"));
        }
        if let Some(letters) = unfit_in_comment(phrase) {
            return Err(format!("line {line} holds {letters}, which this station cannot print"));
        }
        phrases.push(phrase.to_owned());
    }
    if phrases.len() > MOST_PHRASES {
        return Err(format!("has {} phrases; at most {MOST_PHRASES} are offered", phrases.len()));
    }
    Ok(phrases)
}
