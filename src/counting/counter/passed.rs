//! Frames that the detector does not look at: they show again what the frame looked at last showed.

use crate::counting::track::CellId;
use crate::domain::red_cell_colour::RedCellColour;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::detect::Detection;
use crate::vision::quality::Quality;

use super::Counted;

/// What the frame looked at last showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    /// Width and height, px.
    size: (f64, f64),
    cells: Vec<(Detection, Option<CellId>)>,
    origin: Option<(f64, f64)>,
    um_per_px: Option<MicrometresPerPixel>,
    red_cells: Option<RedCellColour>,
}

impl Shown {
    /// What a frame of `size` px showed.
    pub(super) fn of(counted: &Counted, size: (u32, u32)) -> Self {
        let names = counted.names.iter().copied().chain(std::iter::repeat(None));
        Self {
            size: (size.0.into(), size.1.into()),
            cells: counted.in_view.iter().copied().zip(names).collect(),
            origin: counted.origin,
            um_per_px: counted.um_per_px,
            red_cells: counted.red_cells,
        }
    }

    /// A frame of this quality after the field moved by `moved` px: its cells carried along, and nothing new.
    pub(super) fn after(&self, moved: (f64, f64), quality: Quality) -> Counted {
        let mut counted = Counted {
            origin: self.origin.map(|(x, y)| (x + moved.0, y + moved.1)),
            um_per_px: self.um_per_px,
            red_cells: self.red_cells,
            quality,
            ..Counted::default()
        };
        for (cell, id) in &self.cells {
            let area = cell.area.moved((-moved.0, -moved.1));
            let inside = area.inside(self.size.0, self.size.1, 0.0);
            let area = area.clipped(self.size.0, self.size.1);
            // A sliver is no more than the border of a cell.
            if area.w >= 1.0 && area.h >= 1.0 {
                counted.in_view.push(Detection { area, ..*cell });
                counted.names.push(id.filter(|_| inside));
            }
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::class::Kind;
    use crate::domain::geometry::Rect;

    #[test]
    fn cells_move_against_the_field_and_lose_their_id_where_the_border_cuts_them() {
        let cell = |x: f64| Detection { kind: Kind::Rbc, area: Rect::new(x, 50.0, 20.0, 20.0), score: 0.9 };
        let counted = Counted {
            in_view: vec![cell(5.0), cell(25.0), cell(60.0)],
            names: vec![Some(CellId(1)), Some(CellId(2)), None],
            origin: Some((100.0, 7.0)),
            looked_at: true,
            ..Counted::default()
        };
        let after = Shown::of(&counted, (200, 100)).after((30.0, 0.0), Quality::default());
        assert_eq!(after.origin, Some((130.0, 7.0)));
        assert_eq!(after.in_view.iter().map(|cell| cell.area.x).collect::<Vec<_>>(), [0.0, 30.0]);
        assert_eq!(after.names, [None, None]);
        assert!(!after.looked_at && after.cells.is_empty());
        let after = Shown::of(&counted, (200, 100)).after((10.0, 0.0), Quality::default());
        assert_eq!(after.names, [None, Some(CellId(2)), None]);
    }
}
