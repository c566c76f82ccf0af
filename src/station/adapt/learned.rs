//! A profile that was learned: what the cross-validation says of it, its file, and its lines in the audit trail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::gather::Gathered;
use super::{Division, Judgement, NotLearned, Right};
use crate::domain::class::CellClass;
use crate::domain::interval::Figure;
use crate::store::records::SessionId;
use crate::store::{Store, StoreError};
use crate::system::file;
use crate::vision::adapt::Adapter;
use crate::vision::models::Models;
use crate::vision::optics::calibration::Setup;
use crate::vision::profile::{Profile, ProfileMark};

/// Caveat that belongs beside the figures.
pub const NOTE: &str = "The figures are of these cells, each named by weights learned without it. Where cells of one sample \
    stand in several parts, expect somewhat less of new samples.";

/// A profile that helps, not written yet.
#[derive(Debug)]
pub struct Learned {
    pub gathered: Gathered,
    pub judged: Judgement,
    pub mark: ProfileMark,
    text: String,
}

/// What was learned, for programs and the page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lesson {
    profile: ProfileMark,
    /// Camera and objective, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    setup: Option<Setup>,
    /// Cells it was learned from, by the label a person gave: a class or a group.
    cells: BTreeMap<String, u32>,
    /// Pictures that were there twice, and counted once.
    twice: u32,
    /// Pictures that could not be used.
    unusable: u32,
    /// How the cells were divided for the cross-validation.
    divided_by: Division,
    /// Parts they were divided into.
    parts: usize,
    /// Share of the cells that the shipped weights name correctly, 0..=1, with the exact 95 % interval.
    accuracy_before: Figure,
    /// The same of weights that learned from the other parts.
    accuracy_after: Figure,
    /// Probability of such a difference by chance.
    chance: f64,
    by_label: BTreeMap<String, LabelLesson>,
    /// Classes without labelled cells: training cells, and how many keep their name as shipped and adapted.
    without_cells: BTreeMap<CellClass, [u32; 3]>,
    note: &'static str,
}

/// What was learned of one label.
#[derive(Debug, Serialize, ToSchema)]
pub struct LabelLesson {
    cells: u32,
    /// Named correctly by the shipped weights.
    before: u32,
    /// Named correctly by weights that learned from the other parts.
    after: u32,
    /// As a share, 0..=1, with the exact 95 % interval.
    accuracy_before: Figure,
    accuracy_after: Figure,
}

impl Learned {
    /// Learns a profile of this name, 1 to 64 characters, from the cells.
    ///
    /// # Errors
    /// If it does not help.
    pub fn from(name: String, gathered: Gathered, models: &Models, adapter: &Adapter) -> Result<Self, NotLearned> {
        let judged = Judgement::of(adapter, &gathered.cells);
        judged.check()?;
        let text = profile(name, models, &gathered, &judged).to_toml();
        let mark = Profile::parse(&text)?.mark();
        Ok(Self { gathered, judged, mark, text })
    }

    /// Notes in the audit trail which sessions' cells went into the profile; call it before the file is written.
    ///
    /// # Errors
    /// If the trail cannot be written.
    pub fn note(&self, store: &Store, by: &str, path: &Path) -> Result<(), StoreError> {
        let detail = json!({"profile": self.mark, "file": path.display().to_string()});
        // 0 stands for pictures of a folder.
        let sessions = self.gathered.cells.iter().map(|cell| cell.session).filter(|session| *session != 0);
        for id in sessions.collect::<BTreeSet<SessionId>>() {
            store.note(by, Timestamp::now(), "adapt", Some(id), &detail)?;
        }
        Ok(())
    }

    /// Writes the profile's file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, path: &Path) -> Result<(), NotLearned> {
        file::keep(path, self.text.as_bytes())
            .map_err(|source| NotLearned::Unwritable { path: path.to_owned(), source })
    }

    /// What was learned.
    #[must_use]
    pub fn lesson(&self) -> Lesson {
        let Self { gathered, judged, mark, .. } = self;
        let of_label = |right: &Right| LabelLesson {
            cells: right.cells,
            before: right.before,
            after: right.after,
            accuracy_before: right.figure(right.before),
            accuracy_after: right.figure(right.after),
        };
        Lesson {
            profile: mark.clone(),
            setup: gathered.setup.clone(),
            cells: counts(gathered),
            twice: gathered.twice,
            unusable: gathered.unusable,
            divided_by: judged.division,
            parts: judged.parts,
            accuracy_before: judged.all.figure(judged.all.before),
            accuracy_after: judged.all.figure(judged.all.after),
            chance: judged.chance,
            by_label: judged.by_label.iter().map(|(label, right)| (label.code().to_owned(), of_label(right))).collect(),
            without_cells: judged.kept.iter().copied().collect(),
            note: NOTE,
        }
    }
}

fn counts(gathered: &Gathered) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for cell in &gathered.cells {
        *counts.entry(cell.label.code().to_owned()).or_default() += 1;
    }
    counts
}

fn profile(name: String, models: &Models, gathered: &Gathered, judged: &Judgement) -> Profile {
    let layer = &judged.layer;
    let rows = layer.weights.chunks_exact(layer.features.max(1));
    Profile {
        profile_sha256: String::new(),
        version: 1,
        name,
        made: Timestamp::now(),
        classifier_sha256: models.card.classifier.sha256.clone(),
        setup: gathered.setup.clone(),
        cells: counts(gathered),
        validation: judged.validation(),
        confusion: judged.confusion.clone(),
        classes: models.card.classifier.classes.clone(),
        weights: rows.map(|row| row.iter().map(|weight| f64::from(*weight)).collect()).collect(),
        bias: layer.bias.iter().map(|bias| f64::from(*bias)).collect(),
    }
}
