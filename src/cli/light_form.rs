//! The `--flat-field` option: how uneven light is corrected.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// Value of `--flat-field`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LightForm {
    None,
    Own,
    Shared,
    /// A calibration file.
    File(PathBuf),
}

impl FromStr for LightForm {
    type Err = Infallible;

    fn from_str(words: &str) -> Result<Self, Infallible> {
        Ok(match words {
            "none" => Self::None,
            "own" => Self::Own,
            "shared" => Self::Shared,
            path => Self::File(path.into()),
        })
    }
}
