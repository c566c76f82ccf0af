//! Limits set on the page. They override the configuration file, and are kept in the state folder because the file
//! belongs to the installer.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::map::Entry;
use utoipa::ToSchema;

use super::problem::ConfigError;
use super::{Config, Flags};
use crate::domain::flag::Share;
use crate::system::file;

/// File name in the state folder.
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

/// The limits of all flags. Every field is required: a missing one must not silently mean the default.
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
    /// Percent of all white cells.
    unclassified_percent: f64,
    /// Nucleated red cells per 100 white cells from which the white cell estimate is also given without them.
    correct_white_from: f64,
}

impl Flags {
    /// The limit of one share, in [`crate::domain::flag::ShareRow::unit`].
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
        path: PathBuf,
        /// The system's error.
        problem: io::Error,
    },
    /// The limits are invalid.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
}

impl Limits {
    /// The limits that were set, or none. A limit missing from the file, as after an upgrade, is taken from
    /// `configured` and logged.
    ///
    /// # Errors
    /// When the file cannot be read, or its content is invalid.
    pub fn read(state: &Path, configured: &Config) -> Result<Option<Self>, LimitsError> {
        let path = state.join(FILE);
        let bytes = match file::read(&path) {
            Ok(bytes) => bytes,
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(problem) => return Err(LimitsError::File { path, problem }),
        };
        let configured = Self { target: configured.session.target, flags: configured.flags.clone() };
        let read = || -> serde_json::Result<(Self, Vec<String>)> {
            let mut kept = serde_json::from_slice(&bytes)?;
            let mut added = Vec::new();
            complete(&mut kept, serde_json::to_value(&configured)?, &mut added);
            Ok((serde_json::from_value(kept)?, added))
        };
        let (limits, added) =
            read().map_err(|problem| LimitsError::File { path: path.clone(), problem: problem.into() })?;
        for added in added {
            log::warn!("{}: {added} as configured; the file has no such limit yet", path.display());
        }
        Ok(Some(limits))
    }

    /// Writes the limits to the state folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, state: &Path) -> Result<(), LimitsError> {
        let path = state.join(FILE);
        let written = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        written.and_then(|bytes| file::keep(&path, &bytes)).map_err(|problem| LimitsError::File { path, problem })
    }

    /// Applies the limits to a configuration.
    ///
    /// # Errors
    /// When they are invalid, or conflict with the rest of it.
    pub fn apply(&self, config: &mut Config) -> Result<(), LimitsError> {
        config.session.target = self.target;
        config.flags = self.flags.clone();
        Ok(config.check()?)
    }
}

/// Copies what `kept` lacks from `configured`, and adds `name = value` of each to `added`.
fn complete(kept: &mut Value, configured: Value, added: &mut Vec<String>) {
    let (Value::Object(kept), Value::Object(configured)) = (kept, configured) else { return };
    for (name, value) in configured {
        match kept.entry(name) {
            Entry::Occupied(mut there) => complete(there.get_mut(), value, added),
            Entry::Vacant(place) => {
                added.push(format!("{} = {value}", place.key()));
                place.insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn limits_come_back_as_they_were_kept_and_wrong_ones_are_refused() {
        let state = tempfile::tempdir().unwrap();
        let read = |configured: &Config| Limits::read(state.path(), configured);
        assert_eq!(read(&Config::default()).unwrap(), None);
        let limits = Limits { target: 200, flags: Flags { blasts_percent: 3.0, ..Flags::default() } };
        limits.keep(state.path()).unwrap();
        assert_eq!(read(&Config::default()).unwrap(), Some(limits.clone()));
        let mut config = Config::default();
        limits.apply(&mut config).unwrap();
        assert_eq!((config.session.target, config.flags.blasts_percent), (200, 3.0));
        let wrong = Limits { target: 0, ..limits };
        assert!(wrong.apply(&mut config).unwrap_err().to_string().contains("target = 0 is outside"));
        for (broken, why) in [
            ("{", "limits.json"),
            ("[]", "limits.json"),
            (r#"{"target":200,"flags":{"blast_percent":1.0}}"#, "unknown field `blast_percent`"),
            (r#"{"targets":200}"#, "unknown field `targets`"),
        ] {
            fs::write(state.path().join(FILE), broken).unwrap();
            let said = read(&Config::default()).unwrap_err().to_string();
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_limit_that_a_file_of_an_earlier_version_lacks_is_the_configured_one() {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join(FILE), r#"{"target":200,"flags":{"blasts_percent":3.0}}"#).unwrap();
        let mut config = Config::default();
        config.flags.bands_percent = 7.0;
        let limits = Limits::read(state.path(), &config).unwrap().unwrap();
        let flags = Flags { blasts_percent: 3.0, bands_percent: 7.0, ..Flags::default() };
        assert_eq!(limits, Limits { target: 200, flags });
    }

    #[test]
    fn a_request_sends_every_limit() {
        let said = serde_json::from_str::<Limits>(r#"{"target":200,"flags":{}}"#).unwrap_err().to_string();
        assert!(said.contains("missing field `blasts_percent`"), "{said}");
    }
}
