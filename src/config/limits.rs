//! Limits that were set on the page: kept in the state folder, since the configuration file belongs to whoever installed
//! the station. They come before the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::ConfigError;
use super::{Config, Flags};
use crate::domain::flag::Share;
use crate::system::file;

/// The file, in the state folder.
pub const FILE: &str = "limits.json";

/// Limits of counts and flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Cells of the differential to count, 1 to 100000.
    pub target: u32,
    /// Limits of the flags.
    #[serde(with = "AllFlags")]
    #[schema(value_type = AllFlags)]
    pub flags: Flags,
}

/// Limits of the flags, all of them: one that is left out is no wish for its default.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(remote = "Flags", deny_unknown_fields)]
struct AllFlags {
    /// Percent of the differential.
    blasts_percent: f64,
    /// Percent of the differential.
    bands_percent: f64,
    /// Percent of the differential.
    immature_granulocytes_percent: f64,
    /// Per 100 cells of the differential.
    nucleated_red_per_100: f64,
    /// Percent of the white cells.
    unclassified_percent: f64,
    /// Nucleated red cells per 100 white cells from which the estimate of white cells is given without them.
    correct_white_from: f64,
}

impl Flags {
    /// The limit of a share, in [`crate::domain::flag::ShareRow::unit`].
    #[must_use]
    pub const fn limit(&self, share: Share) -> f64 {
        match share {
            Share::Blasts => self.blasts_percent,
            Share::Bands => self.bands_percent,
            Share::ImmatureGranulocytes => self.immature_granulocytes_percent,
            Share::NucleatedRedCells => self.nucleated_red_per_100,
            Share::Unclassified => self.unclassified_percent,
        }
    }
}

/// Why limits cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// The file cannot be read or written.
    #[error("{}: {problem}; the limits set on the page are kept there: check the disk, or delete it to go by [session] and [flags]", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
    /// They are wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
}

impl Limits {
    /// Those that were set on the page, if any were.
    ///
    /// # Errors
    /// When the file is there and cannot be used.
    pub fn read(state: &Path) -> Result<Option<Self>, LimitsError> {
        let path = state.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(LimitsError::File { path, problem }),
        };
        match serde_json::from_slice(&bytes) {
            Ok(limits) => Ok(Some(limits)),
            Err(problem) => Err(LimitsError::File { path, problem: problem.into() }),
        }
    }

    /// Keeps them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, state: &Path) -> Result<(), LimitsError> {
        let path = state.join(FILE);
        let written = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        written.and_then(|bytes| file::keep(&path, &bytes)).map_err(|problem| LimitsError::File { path, problem })
    }

    /// Puts them into a configuration.
    ///
    /// # Errors
    /// When they are wrong, or do not fit the rest of it.
    pub fn apply(&self, config: &mut Config) -> Result<(), LimitsError> {
        config.session.target = self.target;
        config.flags = self.flags.clone();
        Ok(config.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_come_back_as_they_were_kept_and_wrong_ones_are_refused() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Limits::read(state.path()).unwrap(), None);
        let limits = Limits { target: 200, flags: Flags { blasts_percent: 3.0, ..Flags::default() } };
        limits.keep(state.path()).unwrap();
        assert_eq!(Limits::read(state.path()).unwrap(), Some(limits.clone()));
        let mut config = Config::default();
        limits.apply(&mut config).unwrap();
        assert_eq!((config.session.target, config.flags.blasts_percent), (200, 3.0));
        let wrong = Limits { target: 0, ..limits };
        assert!(wrong.apply(&mut config).unwrap_err().to_string().contains("target = 0 is outside"));
        for (broken, why) in [("{", "limits.json"), (r#"{"target":200,"flags":{}}"#, "missing field `blasts_percent`")]
        {
            fs::write(state.path().join(FILE), broken).unwrap();
            let said = Limits::read(state.path()).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
