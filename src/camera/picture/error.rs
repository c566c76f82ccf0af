//! What is wrong with a path or a picture.

use std::path::PathBuf;

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
    #[error("{path}: no pictures here; it takes files ending in {endings}{left_out}", endings = super::listing::endings())]
    Empty {
        path: PathBuf,
        /// What was left out, after a semicolon; empty if nothing was.
        left_out: String,
    },
    /// An invalid pattern.
    #[error("{path}: not a pattern that can be searched ({problem}); write for example slides/*.jpg")]
    Pattern {
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Neither JPEG, PNG, BMP, TIFF nor WebP.
    #[error("{path}: not a JPEG, PNG, BMP, TIFF or WebP picture; convert it to one of these")]
    Format { path: PathBuf },
    /// A picture of a kind that is not read.
    #[error("{path}: {kind}, which is not read; save it as an 8-bit RGB PNG or TIFF picture")]
    Kind {
        path: PathBuf,
        /// Its kind, with an article: "a HEIC picture".
        kind: String,
    },
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
