//! Image files: which files a path selects, and their pixels as 8-bit RGB.

use std::fs::{self, File};
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::jpeg;

/// Minimum side of an image, px.
pub(crate) const SMALLEST_SIDE: u32 = 16;
/// Maximum side, px.
pub(crate) const LARGEST_SIDE: u32 = 16_384;
/// Maximum number of pixels.
pub(crate) const MOST_PIXELS: u64 = 64_000_000;
/// Maximum file size, bytes: 64 megapixels with four 16-bit channels, and a header.
const LARGEST_FILE: u64 = MOST_PIXELS * 8 + 1_048_576;
/// File extensions of images.
const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "bmp", "tif", "tiff"];

/// Why a path gives no image.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The path does not exist.
    #[error("{path}: there is no such file or folder; check the spelling")]
    Missing { path: PathBuf },
    /// The path exists but cannot be read.
    #[error("{path}: cannot be read ({problem}); check its permissions and the disk")]
    Unreadable {
        path: PathBuf,
        /// The system's error.
        problem: std::io::Error,
    },
    /// A folder or pattern without images.
    #[error("{path}: no pictures here; it takes files ending in .jpg .jpeg .png .bmp .tif .tiff")]
    Empty { path: PathBuf },
    /// An invalid pattern.
    #[error("{path}: not a pattern that can be searched ({problem}); write for example slides/*.jpg")]
    Pattern {
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Neither JPEG, PNG, BMP nor TIFF.
    #[error("{path}: not a JPEG, PNG, BMP or TIFF picture; convert it to one of these")]
    Format { path: PathBuf },
    /// Too small to show a cell.
    #[error("{path}: {width} x {height} px is too small to show a cell; it takes at least 16 x 16 px")]
    TooSmall {
        path: PathBuf,
        /// Its width, px.
        width: u32,
        /// Its height, px.
        height: u32,
    },
    /// Too large for the memory of a small board.
    #[error(
        "{path}: {width} x {height} px is too large; it takes at most 16384 px a side and 64 megapixels, so cut it into tiles"
    )]
    TooLarge {
        path: PathBuf,
        /// Its width, px.
        width: u32,
        /// Its height, px.
        height: u32,
    },
    /// The image starts correctly but is damaged.
    #[error("{path}: the picture is damaged ({problem}); copy it again from where it came")]
    Damaged {
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// The images that a path selects: an image itself, those of a folder, or those matching a pattern (`*`, `?`, `[..]`).
///
/// Sorted by name, with numbers by value (`frame2` before `frame10`). A file named explicitly is returned whatever its
/// extension; folders and patterns return only files with an image extension, and never hidden ones.
///
/// # Errors
/// When the path does not exist, cannot be read, or selects no image.
pub fn list_pictures(path: impl AsRef<Path>) -> Result<Vec<PathBuf>, PictureError> {
    let path = path.as_ref();
    let mut pictures: Vec<PathBuf> = match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let unreadable = |problem| PictureError::Unreadable { path: path.to_owned(), problem };
            let entries = fs::read_dir(path).map_err(unreadable)?;
            entries.map(|entry| Ok(entry.map_err(unreadable)?.path())).collect::<Result<_, PictureError>>()?
        }
        Ok(_) => return Ok(vec![path.to_owned()]),
        Err(problem) if problem.kind() != std::io::ErrorKind::NotFound => {
            return Err(PictureError::Unreadable { path: path.to_owned(), problem });
        }
        Err(_) => matches_of(path)?,
    };
    pictures.retain(|file| looks_like_a_picture(file) && file.is_file());
    if pictures.is_empty() {
        return Err(PictureError::Empty { path: path.to_owned() });
    }
    pictures.sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()).then_with(|| a.cmp(b)));
    Ok(pictures)
}

fn matches_of(path: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) {
        return Err(PictureError::Missing { path: path.to_owned() });
    }
    let found =
        glob::glob(&pattern).map_err(|e| PictureError::Pattern { path: path.to_owned(), problem: e.msg.to_owned() })?;
    // As in a shell, a pattern does not see the files of a folder that may not be entered.
    Ok(found.filter_map(Result::ok).collect())
}

fn looks_like_a_picture(file: &Path) -> bool {
    let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let ending = file.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    !hidden && ENDINGS.contains(&ending.as_str())
}

/// Compares names with runs of digits by value and everything else by character.
fn natural_order(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (digits_a, digits_b) = (leading_digits(a), leading_digits(b));
        if digits_a > 0 && digits_b > 0 {
            let (x, y) = (a[..digits_a].trim_start_matches('0'), b[..digits_b].trim_start_matches('0'));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order.is_ne() {
                return order;
            }
            (a, b) = (&a[digits_a..], &b[digits_b..]);
            continue;
        }
        let (mut rest_a, mut rest_b) = (a.chars(), b.chars());
        match (rest_a.next(), rest_b.next()) {
            (Some(x), Some(y)) if x == y => (a, b) = (rest_a.as_str(), rest_b.as_str()),
            (x, y) => return x.cmp(&y),
        }
    }
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Reads an image as 8-bit RGB: grey is copied to all channels, 16 bits become 8, and transparent pixels become white.
///
/// The size is checked in the header, before memory is allocated for the pixels.
///
/// # Errors
/// When the file is missing, unreadable, of another format, too small, too large, or damaged (a truncated JPEG counts
/// as damaged although much of it could be shown).
pub fn read_picture(path: impl AsRef<Path>) -> Result<RgbImage, PictureError> {
    let path = path.as_ref();
    let unreadable = |problem: std::io::Error| match problem.kind() {
        std::io::ErrorKind::NotFound => PictureError::Missing { path: path.to_owned() },
        _ => PictureError::Unreadable { path: path.to_owned(), problem },
    };
    let damaged = |problem: String| PictureError::Damaged {
        path: path.to_owned(),
        // Some decoders report errors of several lines.
        problem: problem.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    if length == 0 {
        return Err(damaged("the file is empty".to_owned()));
    }
    if length > LARGEST_FILE {
        return Err(damaged("the file is larger than any picture it takes".to_owned()));
    }
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(unreadable)?;
    let format = reader.format().ok_or_else(|| PictureError::Format { path: path.to_owned() })?;
    if format == ImageFormat::Jpeg && !jpeg::is_whole(&fs::read(path).map_err(unreadable)?) {
        return Err(damaged("its end or a piece of it is missing".to_owned()));
    }
    let decoder = reader.into_decoder().map_err(|e| match e {
        image::ImageError::Unsupported(_) => PictureError::Format { path: path.to_owned() },
        other => damaged(other.to_string()),
    })?;
    let (width, height) = decoder.dimensions();
    if width < SMALLEST_SIDE || height < SMALLEST_SIDE {
        return Err(PictureError::TooSmall { path: path.to_owned(), width, height });
    }
    if width > LARGEST_SIDE || height > LARGEST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(PictureError::TooLarge { path: path.to_owned(), width, height });
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| damaged(e.to_string()))?;
    Ok(over_white(picture))
}

/// Decodes a JPEG from memory, such as one frame of an MJPG camera.
///
/// # Errors
/// Says what is wrong when the data is truncated, not a JPEG, too large, or not of the size `agreed` with the camera,
/// px.
pub(crate) fn decode_jpeg(bytes: &[u8], agreed: Option<(u32, u32)>) -> Result<RgbImage, String> {
    if !jpeg::is_whole(bytes) {
        return Err(format!("a frame in a buffer of {} bytes lacks its end or a piece", bytes.len()));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes));
    reader.set_format(ImageFormat::Jpeg);
    let decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (w, h) = decoder.dimensions();
    if let Some((width, height)) = agreed.filter(|agreed| *agreed != (w, h)) {
        return Err(format!("a frame came as {w} x {h} px instead of {width} x {height}"));
    }
    if w > LARGEST_SIDE || h > LARGEST_SIDE || u64::from(w) * u64::from(h) > MOST_PIXELS {
        return Err(format!("a frame of {w} x {h} px is too large"));
    }
    DynamicImage::from_decoder(decoder).map(DynamicImage::into_rgb8).map_err(|e| e.to_string())
}

fn over_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let mut flat = RgbImage::new(picture.width(), picture.height());
    for (to, from) in flat.pixels_mut().zip(picture.pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        to.0 = [red, green, blue].map(|c| ((c * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    flat
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_names_count_by_value() {
        assert_eq!(natural_order("frame2.png", "frame10.png"), Ordering::Less);
        assert_eq!(natural_order("a/10/1.png", "a/9/2.png"), Ordering::Greater);
        assert_eq!(natural_order("x007", "x7"), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn the_order_of_names_is_an_order(a in "[a01]{0,6}", b in "[a01]{0,6}", c in "[a01]{0,6}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
            if natural_order(&a, &b).is_le() && natural_order(&b, &c).is_le() {
                prop_assert!(natural_order(&a, &c).is_le());
            }
        }

        #[test]
        fn no_bytes_upset_the_jpeg_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut jpeg = vec![0xff, 0xd8];
            jpeg.extend(bytes);
            jpeg.extend([0xff, 0xd9]);
            let _ = decode_jpeg(&jpeg, Some((16, 16)));
        }
    }
}
