//! What the tracker is told of a frame, and what it says of it.

use image::GrayImage;

use crate::domain::class::Kind;
use crate::domain::geometry::Rect;
use crate::vision::detect::Detection;
use crate::vision::optics::field_of_view::FieldOfView;

/// Id of a cell on the slide: the same in every frame that shows it, and unique within one [`Tracker`](super::Tracker).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CellId(pub u32);

/// One frame, as the tracker needs it.
#[derive(Debug)]
pub struct Observation<'a> {
    /// The frame in grey, ideally of [`thumb_size`](super::thumb_size).
    pub grey: GrayImage,
    /// Its cells, px, most certain first.
    pub cells: &'a [Detection],
    /// Its size and the part of it that shows the slide.
    pub view: &'a FieldOfView,
    /// Its sharpness, in any unit that grows with sharpness.
    pub sharpness: f64,
    /// Motion of the field since the frame placed before it, px, if its pixels told that already.
    pub moved: Option<(f64, f64)>,
}

/// A place on the slide.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OnSlide {
    /// Number of the patch, from 0; places on different patches cannot be compared.
    pub patch: u32,
    /// Box, px from the corner of the patch's first frame.
    pub area: Rect,
}

/// A cell whose count changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellUpdate {
    pub id: CellId,
    /// Kind it was detected as.
    pub kind: Kind,
    /// Where it is.
    pub at: OnSlide,
}

/// What became of one frame and its cells.
#[expect(clippy::struct_excessive_bools, reason = "four things that can each be so or not")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registration {
    /// Position of the frame's top-left corner on its patch, px; `None` if the frame is skipped and none of its cells
    /// counts.
    pub origin: Option<(f64, f64)>,
    /// Number of that patch.
    pub patch: u32,
    /// Whether it is much less sharp than the frames before it.
    pub blurred: bool,
    /// Id of each cell of the frame, if it is whole.
    pub names: Vec<Option<CellId>>,
    /// Cells cut by the border of a patch's first frame, by their index in the frame's list, with ids of their own:
    /// they count if the patch ends with this frame.
    pub cut: Vec<(usize, CellId)>,
    /// Cells that count from now on.
    pub counted: Vec<CellUpdate>,
    /// Cells that counted and were then missed so often that they should not have.
    pub withdrawn: Vec<CellUpdate>,
    /// Whether the frame overlaps nothing known, so that cut cells of a lone frame before it are to be counted.
    pub new_patch: bool,
    /// Whether the stage left a patch of several frames in a way that could not be followed.
    pub jumped: bool,
    /// Whether so many cells were seen that those seen longest ago had to be forgotten.
    pub forgot: bool,
}
