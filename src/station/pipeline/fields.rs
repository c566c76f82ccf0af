//! Whole fields that are kept beside the crops: those in which a blast, an unclassified cell, or one that a flag is about was
//! counted, so that a reviewer can see where it was.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use image::RgbImage;

use crate::counting::counter::{CountedCell, Revision};
use crate::counting::track::CellId;
use crate::domain::class::Kind;
use crate::domain::flag::{Flag, must_be_looked_at};
use crate::domain::frame::Frame;
use crate::domain::geometry::Rect;
use crate::station::recorder::SeenField;
use crate::store::records::{FieldCell, FieldRecord};
use crate::vision::detect::Detection;
use crate::vision::prediction::Prediction;

/// Frames remembered: cells of a lone field count with the frame after it.
const REMEMBERED: usize = 2;

/// A frame that may be kept.
struct Seen {
    pixels: Arc<RgbImage>,
    field: FieldRecord,
    ids: Vec<CellId>,
}

/// The fields of the running sample.
pub(super) struct Fields {
    /// Fields kept a sample, at most.
    most: u32,
    kept: u32,
    /// Cells in fields that are kept.
    shown: HashSet<CellId>,
    newest: VecDeque<Seen>,
}

impl Fields {
    pub(super) fn new(most: u32) -> Self {
        Self { most, kept: 0, shown: HashSet::new(), newest: VecDeque::new() }
    }

    /// Forgets the fields of the sample before.
    pub(super) fn begin(&mut self) {
        *self = Self::new(self.most);
    }

    /// Remembers a frame with the cells detected in it, their ids in the same order, and its scale.
    pub(super) fn see(&mut self, frame: &Frame, in_view: &[Detection], ids: &[Option<CellId>], um_per_px: Option<f64>) {
        if self.kept >= self.most {
            self.newest.clear();
            return;
        }
        let white = in_view.iter().zip(ids).filter(|(cell, _)| cell.kind == Kind::Wbc);
        let named = white.filter_map(|(cell, id)| id.map(|id| (id, cell.area)));
        let (ids, cells) = named.map(|(id, area)| (id, placed(id, area))).unzip();
        let field = FieldRecord {
            taken: frame.taken,
            width: frame.width(),
            height: frame.height(),
            um_per_px: um_per_px.filter(|um| um.is_finite()),
            cells,
        };
        self.newest.truncate(REMEMBERED - 1);
        self.newest.push_front(Seen { pixels: Arc::clone(&frame.pixels), field, ids });
    }

    /// The fields to keep for these cells, each field once.
    pub(super) fn wanted(&mut self, cells: &[CountedCell], revisions: &[Revision], flags: &[Flag]) -> Vec<SeenField> {
        let counted = cells.iter().filter_map(|cell| Some((cell.id, cell.opinion.as_ref()?)));
        let renamed = revisions.iter().filter_map(|revision| match revision {
            Revision::Named { id, opinion, .. } => Some((*id, opinion)),
            Revision::Withdrawn { .. } => None,
        });
        let urgent = |(_, opinion): &(CellId, &Prediction)| must_be_looked_at(opinion.class, flags);
        let mut fields = Vec::new();
        for (id, _) in counted.chain(renamed).filter(urgent) {
            if self.shown.contains(&id) || self.kept >= self.most {
                continue;
            }
            let Some(at) = self.newest.iter().position(|seen| seen.ids.contains(&id)) else { continue };
            if let Some(Seen { pixels, field, ids }) = self.newest.remove(at) {
                self.shown.extend(ids);
                self.kept += 1;
                fields.push(SeenField { pixels, field });
            }
        }
        fields
    }
}

fn placed(id: CellId, area: Rect) -> FieldCell {
    FieldCell { number: id.0.into(), x: area.x, y: area.y, w: area.w, h: area.h }
}
