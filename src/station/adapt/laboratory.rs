//! What the page needs to adapt while the station runs: models, camera, and where profiles are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use super::gather::{self, Gathered};
use super::kept::{self, Choice, ChoiceError, Chosen, KeptProfile};
use super::learned::Learned;
use super::next::{self, NextCell};
use super::{NotLearned, NotSwitched};
use crate::config::{CameraConfig, Config, ModelsConfig, Optics};
use crate::counting::statistics::confusion::ConfusionSource;
use crate::domain::label::Label;
use crate::domain::prevalence_mode::PrevalenceMode;
use crate::station::calibrate;
use crate::store::Store;
use crate::vision::Vision;
use crate::vision::adapt::Adapter;
use crate::vision::models::{ModelError, Models};
use crate::vision::optics::calibration::Setup;

/// A laboratory with one camera and objective.
#[derive(Clone, Debug)]
pub struct Laboratory {
    state: PathBuf,
    models: ModelsConfig,
    camera: CameraConfig,
    optics: Optics,
}

/// Weights that are ready to name cells.
#[derive(Debug)]
pub struct Weights {
    /// The classifier with these weights; everything else is that of the station.
    pub vision: Vision,
    /// How they confuse classes, if known.
    pub confusion: ConfusionSource,
    /// Kept for the next start.
    pub choice: Choice,
}

/// What a laboratory has to learn from, and what it learned.
#[derive(Debug)]
pub struct Overview {
    /// Cells of its camera and objective that a person looked at.
    pub looked_at: BTreeMap<Label, u32>,
    /// Labels with too few of them.
    pub few: BTreeMap<Label, u32>,
    /// Why nothing can be learned yet.
    pub problem: Option<String>,
    /// The kept profiles, those that cannot be used here among them.
    pub profiles: Vec<KeptProfile>,
}

impl Laboratory {
    /// How frequent each class is taken to be.
    #[must_use]
    pub(crate) fn prevalence(&self) -> PrevalenceMode {
        self.models.prevalence
    }

    /// That of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let Config { models, camera, optics, .. } = config;
        Self { state: config.state_folder(), models: models.clone(), camera: camera.clone(), optics: optics.clone() }
    }

    /// Camera and objective in use.
    #[must_use]
    pub fn setup(&self) -> Setup {
        calibrate::taken_with(&self.camera, &self.optics)
    }

    fn models(&self) -> Result<Models, ModelError> {
        Models::read(&Models::folder(self.models.folder.as_deref(), &self.state))
    }

    /// The models, which must still be those of the networks that run.
    fn models_of(&self, vision: &Vision) -> Result<Models, ModelError> {
        let models = self.models()?;
        vision.check_same_classifier(&models)?;
        Ok(models)
    }

    /// What there is to learn from, and what was learned.
    ///
    /// # Errors
    /// If the store, the models or the folder of the profiles cannot be read.
    pub fn overview(&self, store: &Store) -> Result<Overview, NotSwitched> {
        let models = self.models()?;
        let labels: Vec<Label> =
            store.looked_at_with(&self.setup())?.into_iter().map(|(_, class)| Label::Class(class)).collect();
        let mut looked_at = BTreeMap::new();
        for label in &labels {
            *looked_at.entry(*label).or_default() += 1;
        }
        Ok(Overview {
            few: gather::too_few(&looked_at, &[]),
            looked_at,
            problem: gather::check(labels, &[], &models.card.classifier.classes)
                .err()
                .as_ref()
                .map(ToString::to_string),
            profiles: kept::list(&self.state, &models, &self.camera, &self.optics)
                .map_err(|problem| self.unreadable(problem))?,
        })
    }

    /// Up to 24 cells to label next.
    ///
    /// # Errors
    /// If the store or the models cannot be read, or the network fails.
    pub fn next(&self, store: &Store, vision: &Vision) -> Result<Vec<NextCell>, NotLearned> {
        next::next(store, &self.setup(), vision, &Adapter::new(&self.models_of(vision)?, self.models.unknown_below)?)
    }

    /// Learns a profile from all looked-at cells of this camera and objective, except those of the labels in `without`, and
    /// keeps it under this name. Noted in the audit trail before.
    ///
    /// # Errors
    /// If the name is taken or no name for a file, there are too few cells, it does not help, or something cannot be read or
    /// written.
    pub fn learn(
        &self,
        name: &str,
        without: &[Label],
        store: &Store,
        vision: &Vision,
        by: &str,
    ) -> Result<Learned, NotLearned> {
        let path = kept::file_of(&self.state, name)?;
        if path.exists() {
            return Err(NotLearned::NameTaken(name.to_owned()));
        }
        let models = self.models_of(vision)?;
        let cells = store.looked_at_with(&self.setup())?;
        let sessions: BTreeSet<_> = cells.iter().map(|(session, _)| *session).collect();
        let labels = cells.into_iter().map(|(_, class)| Label::Class(class)).filter(|label| !without.contains(label));
        // Before the pictures are read, which takes a while.
        gather::check(labels, without, &models.card.classifier.classes)?;
        let adapter = Adapter::new(&models, self.models.unknown_below)?;
        let found = gather::of_sessions(store, &sessions, without, Some(self.setup()), vision)?;
        let gathered = Gathered::of(found, without, &adapter, |_, _| ())?;
        let learned = Learned::from(name.to_owned(), gathered, &models, &adapter)?;
        kept::make_folder(&self.state)?;
        learned.note(store, by, &path)?;
        learned.keep(&path)?;
        Ok(learned)
    }

    /// Makes a kept profile ready to name cells, or with `None` the weights as shipped.
    ///
    /// # Errors
    /// If there is no such profile, it cannot be used here, or the models cannot be read.
    pub fn weights(&self, sha256: Option<&str>, vision: &Vision) -> Result<Weights, NotSwitched> {
        let mut models = self.models_of(vision)?;
        let mut choice = Choice { profile: None };
        if let Some(sha256) = sha256 {
            let found = kept::find(&self.state, sha256).map_err(|problem| self.unreadable(problem))?;
            let (path, profile) = found.ok_or_else(|| NotSwitched::None(sha256.to_owned()))?;
            models = kept::put_to_use(models, &path, &self.camera, &self.optics)?;
            let file = path.file_name().map(PathBuf::from).unwrap_or_default();
            choice.profile = Some(Chosen { file, mark: profile.mark() });
        }
        let vision = vision.with_weights_of(&models, self.models.unknown_below)?;
        let confusion = ConfusionSource::find(self.models.confusion.as_deref(), &models, vision.unknown_below())?;
        Ok(Weights { vision, confusion, choice })
    }

    fn unreadable(&self, problem: io::Error) -> NotSwitched {
        NotSwitched::Kept(ChoiceError::File { path: kept::folder(&self.state), problem })
    }
}
