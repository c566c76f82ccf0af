//! Image files: which pictures a path selects, and their pixels as 8-bit RGB.

mod error;
mod limits;
mod listing;
mod order;
mod samples;
mod stack;
mod tiff;

use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use self::limits::{LARGEST_FILE, LARGEST_SIDE, SMALLEST_SIDE, fits};
use self::samples::Samples;
use self::tiff::TiffProblem;
use super::jpeg::Jpeg;
use crate::system::file;
use crate::system::panics::contained;

pub use self::error::PictureError;
pub use self::listing::endings;
pub use self::listing::{LeftOut, Listing, find_pictures};

/// Bytes at the start of a file that tell its kind.
const HEAD: usize = 132;

/// The pictures that a path selects, as [`find_pictures`] without the folders in a folder.
///
/// # Errors
/// As [`find_pictures`].
pub fn list_pictures(path: impl AsRef<Path>) -> Result<Vec<PathBuf>, PictureError> {
    find_pictures(path, false).map(|listing| listing.pictures)
}

/// The path of one field of a file that holds several: `file.tif#2`.
fn numbered(file: &Path, number: usize) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(format!("#{number}"));
    path.into()
}

/// The file of a path, and the number of the field in it, from 1, if the path names one.
fn field_of(path: &Path) -> (PathBuf, Option<usize>) {
    let whole = || (path.to_owned(), None);
    if path.exists() {
        return whole();
    }
    let text = path.to_string_lossy();
    let Some((file, number)) = text.rsplit_once('#') else { return whole() };
    match number.parse() {
        Ok(number) if Path::new(file).is_file() => (PathBuf::from(file), Some(number)),
        _ => whole(),
    }
}

/// Reads an image as 8-bit RGB, turned as its tags say: grey is copied to all channels, deeper values become 8 bits,
/// and transparent pixels become white. Values of fewer than 16 bits in 16, and floating-point values, are logged.
///
/// The size is checked in the header, before memory is allocated for the pixels.
///
/// # Errors
/// When the file is missing, unreadable, of another format, too small, too large, or damaged (a truncated JPEG counts
/// as damaged although much of it could be shown).
pub fn read_picture(path: impl AsRef<Path>) -> Result<RgbImage, PictureError> {
    let path = path.as_ref();
    let (file, number) = field_of(path);
    let (pixels, note) = contained(|| read(path, &file, number)).unwrap_or_else(|| {
        Err(PictureError::Kind { path: path.to_owned(), kind: "a picture that its decoder fails on".to_owned() })
    })?;
    if let Some(note) = note {
        log::info!("{}: {note}", path.display());
    }
    Ok(pixels)
}

/// Reads one field of the file `of`; problems name `path`.
fn read(path: &Path, of: &Path, number: Option<usize>) -> Result<(RgbImage, Option<String>), PictureError> {
    let unreadable = |problem: std::io::Error| match problem.kind() {
        std::io::ErrorKind::NotFound => PictureError::Missing { path: path.to_owned() },
        _ => PictureError::Unreadable { path: path.to_owned(), problem },
    };
    let damaged = |problem: String| PictureError::Damaged {
        path: path.to_owned(),
        // Some decoders report errors of several lines.
        problem: problem.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let kind = |kind: String| PictureError::Kind { path: path.to_owned(), kind };
    let check = |size: (u32, u32)| if fits(size) { Ok(()) } else { Err(wrong_size(path, size)) };

    let mut opened = BufReader::new(file::open(of).map_err(unreadable)?);
    let length = opened.get_ref().metadata().map_err(unreadable)?.len();
    if length == 0 {
        return Err(damaged("the file is empty".to_owned()));
    }
    if length > LARGEST_FILE {
        return Err(damaged("the file is larger than any picture it takes".to_owned()));
    }
    let mut head = Vec::with_capacity(HEAD);
    opened.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;
    opened.rewind().map_err(unreadable)?;

    let (samples, orientation) = if is_tiff(&head) {
        let problem = |problem: TiffProblem| match problem {
            TiffProblem::Kind(name) => kind(format!("a TIFF of a kind ({name})")),
            TiffProblem::Damaged(problem) => damaged(problem),
            TiffProblem::Size(width, height) => wrong_size(path, (width, height)),
        };
        let fields = tiff::fields(&mut opened).map_err(problem)?;
        let at = number.unwrap_or(1).checked_sub(1);
        let field = at.and_then(|at| fields.get(at)).ok_or_else(|| PictureError::Missing { path: path.to_owned() })?;
        tiff::read(&mut opened, field).map_err(problem)?
    } else {
        if number.is_some_and(|number| number != 1) {
            return Err(PictureError::Missing { path: path.to_owned() });
        }
        match image::guess_format(&head) {
            Ok(ImageFormat::Jpeg) => {
                let bytes = file::read(of).map_err(unreadable)?;
                let jpeg = Jpeg::open(&bytes).map_err(damaged)?;
                check(jpeg.size)?;
                let pixels = jpeg.decode(true).map_err(damaged)?;
                (Samples::of(pixels.into()), jpeg.orientation)
            }
            Ok(format @ (ImageFormat::Png | ImageFormat::Bmp | ImageFormat::WebP)) => {
                let problem = |error: image::ImageError| match error {
                    image::ImageError::Unsupported(unsupported) => kind(format!("a picture of a kind ({unsupported})")),
                    other => damaged(other.to_string()),
                };
                let mut decoder = ImageReader::with_format(opened, format).into_decoder().map_err(problem)?;
                check(decoder.dimensions())?;
                let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
                (Samples::of(DynamicImage::from_decoder(decoder).map_err(problem)?), orientation)
            }
            _ => {
                return Err(match other_format(&head) {
                    Some(name) => kind(name.to_owned()),
                    None => PictureError::Format { path: path.to_owned() },
                });
            }
        }
    };
    let (pixels, note) = samples.into_rgb().map_err(damaged)?;
    let mut pixels = DynamicImage::from(pixels);
    pixels.apply_orientation(orientation);
    Ok((pixels.into_rgb8(), note))
}

/// TIFF or `BigTIFF`, in either byte order.
fn is_tiff(head: &[u8]) -> bool {
    [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| head.starts_with(*magic))
}

/// Pictures that cameras, phones and scanners write and this program does not read.
fn other_format(head: &[u8]) -> Option<&'static str> {
    let at = |place: usize, bytes: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(bytes));
    let names: [(bool, &str); 6] = [
        (at(4, b"ftyphei") || at(4, b"ftypmif1") || at(4, b"ftyphev"), "a HEIC picture"),
        (at(4, b"ftypavi"), "an AVIF picture"),
        (at(0, b"GIF8"), "a GIF picture"),
        (at(4, b"jP  ") || at(0, &[0xff, 0x4f, 0xff, 0x51]), "a JPEG 2000 picture"),
        (at(128, b"DICM"), "a DICOM file"),
        (at(0, b"%PDF"), "a PDF"),
    ];
    names.iter().find(|(is, _)| *is).map(|(_, name)| *name)
}

fn wrong_size(path: &Path, (width, height): (u32, u32)) -> PictureError {
    if width < SMALLEST_SIDE || height < SMALLEST_SIDE {
        PictureError::TooSmall { path: path.to_owned(), width, height }
    } else {
        PictureError::TooLarge { path: path.to_owned(), width, height }
    }
}

/// Decodes a JPEG from memory, such as one frame of an MJPG camera.
///
/// # Errors
/// Says what is wrong when the data is truncated, not a JPEG, too large, or not of the size `agreed` with the camera,
/// px.
pub(crate) fn decode_jpeg(bytes: &[u8], agreed: Option<(u32, u32)>) -> Result<RgbImage, String> {
    let decoded = contained(|| {
        let jpeg = Jpeg::open(bytes).map_err(|problem| format!("a frame of {} bytes: {problem}", bytes.len()))?;
        let (w, h) = jpeg.size;
        if let Some((width, height)) = agreed.filter(|agreed| *agreed != jpeg.size) {
            return Err(format!("a frame came as {w} x {h} px instead of {width} x {height}"));
        }
        if w > LARGEST_SIDE || h > LARGEST_SIDE || u64::from(w) * u64::from(h) > limits::MOST_PIXELS {
            return Err(format!("a frame of {w} x {h} px is too large"));
        }
        jpeg.decode(false)
    });
    decoded.unwrap_or_else(|| Err("the decoder failed".to_owned()))
}
