//! The profiles in the state folder, and the choice among them that was made on the page. The choice comes before
//! `[models] profile`, because the configuration file belongs to the installer.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NotLearned;
use crate::config::{CameraConfig, Optics};
use crate::station::calibrate;
use crate::system::file;
use crate::vision::models::Models;
use crate::vision::optics::calibration::Setup;
use crate::vision::profile::{Profile, ProfileError, ProfileMark, check_name};

/// Folder of the profiles, in the state folder.
const FOLDER: &str = "profiles";

/// File of the choice, in the state folder.
pub const CHOICE: &str = "profile.json";

/// What was chosen on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The profile that names cells; none for the weights as shipped.
    pub profile: Option<Chosen>,
}

/// A chosen profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// Name of its file in the folder of the profiles.
    pub file: PathBuf,
    pub mark: ProfileMark,
}

/// Why a choice made on the page cannot be read, kept or put to use.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    #[error(
        "{}: {problem}; the profile chosen on the page is kept there: check the disk, or delete it to go by [models] profile",
        path.display()
    )]
    File { path: PathBuf, problem: io::Error },
    #[error(
        "the profile `{name}` was chosen on the page and cannot be used: {problem}. To count without it, delete {}",
        path.display()
    )]
    // Boxed, so that every `Result` stays small.
    Profile { name: String, path: PathBuf, problem: Box<ProfileError> },
    #[error(
        "the profile `{name}` was chosen on the page, and its file holds another one now (SHA-256 {found}, chosen was \
         {wanted}); put the right file back, or delete {} and choose anew", path.display()
    )]
    Other { name: String, path: PathBuf, found: String, wanted: String },
}

/// A profile in the state folder.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeptProfile {
    pub name: String,
    /// What can be read of it; null if it is damaged.
    pub facts: Option<ProfileFacts>,
    /// Why it cannot be used here; null if it can.
    pub unusable: Option<Unusable>,
    /// The same as a sentence.
    pub problem: Option<String>,
}

/// What a profile says of itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProfileFacts {
    /// SHA-256 of its values, hexadecimal.
    pub sha256: String,
    /// When it was learned.
    pub made: Timestamp,
    /// Cells it was learned from.
    pub cells: u32,
    /// Camera and objective it was learned with; null if they are not known.
    pub setup: Option<Setup>,
    /// Cells named in the cross-validation, each by weights learned without it.
    pub named: u32,
    /// Of those, named correctly by the weights as shipped.
    pub right_before: u32,
    /// Named correctly by the weights that were learned.
    pub right_after: u32,
}

/// Why a profile cannot be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unusable {
    /// It cannot be read, or was changed since it was written.
    Damaged,
    /// It was learned with another classifier.
    OtherClassifier,
    /// It was learned with another camera or objective.
    OtherCamera,
}

impl From<&ProfileError> for Unusable {
    fn from(problem: &ProfileError) -> Self {
        match problem {
            ProfileError::Unreadable { .. } | ProfileError::Damaged { .. } => Self::Damaged,
            ProfileError::OtherClassifier { .. } => Self::OtherClassifier,
            ProfileError::OtherSetup { .. } => Self::OtherCamera,
        }
    }
}

/// The file of a profile of this name in a state folder.
///
/// # Errors
/// If the name is not 1 to 64 letters, digits, spaces, `-` or `_`, beginning and ending with a letter or digit.
pub fn file_of(state: &Path, name: &str) -> Result<PathBuf, NotLearned> {
    check_name(name).map_err(NotLearned::Name)?;
    let fits = name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    if !fits || !name.starts_with(char::is_alphanumeric) || !name.ends_with(char::is_alphanumeric) {
        let words =
            "the name of a profile has letters, digits, spaces, - and _, and begins and ends with a letter or digit";
        return Err(NotLearned::Name(words.into()));
    }
    Ok(folder(state).join(format!("{name}.toml")))
}

/// Makes the folder of the profiles.
///
/// # Errors
/// If the disk refuses it.
pub fn make_folder(state: &Path) -> Result<(), NotLearned> {
    let path = folder(state);
    fs::create_dir_all(&path).map_err(|source| NotLearned::Unwritable { path, source })
}

/// The profiles of a state folder, by name.
///
/// # Errors
/// If its folder cannot be read.
pub fn list(state: &Path, models: &Models, camera: &CameraConfig, optics: &Optics) -> io::Result<Vec<KeptProfile>> {
    let mut kept = Vec::new();
    for path in files(state)? {
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = Profile::read(&path);
        let usable = match &read {
            Ok(profile) => {
                models.check_profile(&path, profile).and_then(|()| check_setup(profile, camera, optics)).err()
            }
            Err(_) => None,
        };
        let problem = read.as_ref().err().or(usable.as_ref());
        kept.push(KeptProfile {
            unusable: problem.map(Unusable::from),
            problem: problem.map(ToString::to_string),
            facts: read.as_ref().ok().map(facts),
            name: read.as_ref().map_or_else(|_| stem(), |profile| profile.name.clone()),
        });
    }
    Ok(kept)
}

/// The kept profile with this SHA-256, and its file.
///
/// # Errors
/// If the folder cannot be read.
pub fn find(state: &Path, sha256: &str) -> io::Result<Option<(PathBuf, Profile)>> {
    let read = files(state)?.into_iter().filter_map(|path| Profile::read(&path).ok().map(|profile| (path, profile)));
    Ok(read.into_iter().find(|(_, profile)| profile.profile_sha256.eq_ignore_ascii_case(sha256)))
}

/// The folder of the profiles in a state folder.
#[must_use]
pub(super) fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

fn files(state: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder(state)) {
        Ok(entries) => entries,
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(problem) => return Err(problem),
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    Ok(files)
}

fn facts(profile: &Profile) -> ProfileFacts {
    ProfileFacts {
        sha256: profile.profile_sha256.clone(),
        made: profile.made,
        cells: profile.mark().cells,
        setup: profile.setup.clone(),
        named: profile.validation.cells,
        right_before: profile.validation.right_before,
        right_after: profile.validation.right_after,
    }
}

/// The models with the profile in this file, if it is one for this camera and objective.
///
/// # Errors
/// If it cannot be read, is damaged, or was learned with another classifier, camera or objective.
pub fn put_to_use(models: Models, path: &Path, camera: &CameraConfig, optics: &Optics) -> Result<Models, ProfileError> {
    let models = models.with_profile(path)?;
    models.profile.as_ref().map_or(Ok(()), |profile| check_setup(profile, camera, optics))?;
    Ok(models)
}

/// A profile learned from sessions names the camera as their records do, one from pictures as it is called.
fn check_setup(profile: &Profile, camera: &CameraConfig, optics: &Optics) -> Result<(), ProfileError> {
    let recorded = profile.check_setup(&calibrate::taken_with(camera, optics));
    recorded.or_else(|_| profile.check_setup(&calibrate::setup(camera, optics)))
}

impl Choice {
    /// The choice kept in a state folder; none if none was made.
    ///
    /// # Errors
    /// If the file cannot be read, or is no choice.
    pub fn read(state: &Path) -> Result<Option<Self>, ChoiceError> {
        let path = state.join(CHOICE);
        let read = match file::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(problem) => Err(problem),
        };
        read.map(Some).map_err(|problem| ChoiceError::File { path, problem })
    }

    /// Writes the choice to a state folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, state: &Path) -> Result<(), ChoiceError> {
        let path = state.join(CHOICE);
        let written = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        written.and_then(|bytes| file::keep(&path, &bytes)).map_err(|problem| ChoiceError::File { path, problem })
    }

    /// The file of the chosen profile; none for the weights as shipped.
    #[must_use]
    pub fn file(&self, state: &Path) -> Option<PathBuf> {
        self.profile.as_ref().map(|chosen| folder(state).join(&chosen.file))
    }

    /// The models as chosen.
    ///
    /// # Errors
    /// If the profile is not the chosen one any more, or cannot be used here.
    pub fn models(
        &self,
        state: &Path,
        models: Models,
        camera: &CameraConfig,
        optics: &Optics,
    ) -> Result<Models, ChoiceError> {
        let Some(Chosen { mark, file }) = &self.profile else { return Ok(models) };
        let file = folder(state).join(file);
        let path = state.join(CHOICE);
        let models = put_to_use(models, &file, camera, optics).map_err(|problem| ChoiceError::Profile {
            name: mark.name.clone(),
            path: path.clone(),
            problem: Box::new(problem),
        })?;
        let found = models.weights_sha256().to_owned();
        if found != mark.sha256 {
            return Err(ChoiceError::Other { name: mark.name.clone(), path, found, wanted: mark.sha256.clone() });
        }
        Ok(models)
    }
}
