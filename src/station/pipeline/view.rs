//! The live view: frames with boxes, and the names of white cells.

use std::collections::HashMap;
use std::sync::Arc;

use crate::counting::counter::{CountedCell, Revision};
use crate::counting::track::CellId;
use crate::domain::class::CellClass;
use crate::domain::frame::Frame;
use crate::station::live_view::{Live, LiveBox, LiveView};
use crate::vision::detect::Detection;

/// The live view of one session.
pub(super) struct SessionView {
    live: Live,
    names: HashMap<CellId, (CellClass, f64)>,
}

impl SessionView {
    pub(super) fn new(live: Live) -> Self {
        Self { live, names: HashMap::new() }
    }

    /// Forgets the names at the start of a session.
    pub(super) fn begin(&mut self) {
        self.names.clear();
    }

    /// Remembers the names of white cells.
    pub(super) fn learn(&mut self, cells: &[CountedCell], revisions: &[Revision]) {
        for cell in cells {
            if let Some(opinion) = &cell.opinion {
                self.names.insert(cell.id, (opinion.class, opinion.probability));
            }
        }
        for revision in revisions {
            match revision {
                Revision::Named { id, opinion, .. } => self.names.insert(*id, (opinion.class, opinion.probability)),
                Revision::Withdrawn { id, .. } => self.names.remove(id),
            };
        }
    }

    /// Publishes a frame with the cells found in it. Never blocks.
    pub(super) fn show(&self, frame: &Frame, cells: &[Detection], ids: &[Option<CellId>]) {
        if !self.live.watched() {
            return;
        }
        let name = |at: usize| ids.get(at).copied().flatten().and_then(|id| self.names.get(&id).copied());
        let boxes = cells.iter().enumerate().map(|(at, cell)| {
            let (class, probability) = name(at).unzip();
            LiveBox { area: cell.area, kind: cell.kind, class, probability }
        });
        self.live.show(LiveView { picture: Arc::clone(&frame.pixels), boxes: boxes.collect() });
    }
}
