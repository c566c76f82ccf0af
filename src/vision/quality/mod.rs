//! Whether a frame is good enough to count, and what to do at the microscope if not. Pure; the only memory is the
//! sharpness of recent frames ([`focus::FocusHistory`]).

pub mod density;
mod drawn;
mod exposure;
pub mod focus;

use image::RgbImage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::class::Kind;
use crate::domain::scale::MicrometresPerPixel;
use crate::vision::detect::Detection;
use crate::vision::detect::scale::Scale;
use crate::vision::optics::exposure::Exposure;
use crate::vision::optics::field_of_view::BalancedPicture;
use crate::vision::optics::focus::field_sharpness;
use density::Density;
use focus::FocusHistory;

/// Verdict on a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The frame counts.
    #[default]
    Good,
    /// Blurred, compared with earlier frames or by any standard.
    OutOfFocus,
    /// So little light that colours are lost.
    TooDark,
    /// So much light that cells are lost in white.
    TooBright,
    /// Cells overlap.
    TooThick,
    /// Red cells lie far apart, as beyond the feathered edge.
    TooThin,
    /// No cell in view.
    Empty,
    /// Cells so small in the picture that they cannot be told apart.
    TooCoarse,
}

impl Verdict {
    /// All verdicts that keep a frame out of the count.
    pub const REFUSALS: [Self; 7] =
        [Self::OutOfFocus, Self::TooDark, Self::TooBright, Self::TooThick, Self::TooThin, Self::Empty, Self::TooCoarse];

    /// Whether the frame is left out of the count.
    #[must_use]
    pub const fn refuses(self) -> bool {
        !matches!(self, Self::Good)
    }

    /// Code used in every output.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::OutOfFocus => "out-of-focus",
            Self::TooDark => "too-dark",
            Self::TooBright => "too-bright",
            Self::TooThick => "too-thick",
            Self::TooThin => "too-thin",
            Self::Empty => "empty",
            Self::TooCoarse => "too-coarse",
        }
    }

    /// What is wrong and what to do, in one sentence; `None` for a good frame.
    #[must_use]
    pub const fn advice(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::OutOfFocus => Some("out of focus: turn the fine focus until the bar is longest"),
            Self::TooDark => Some("too dark: more light, or a longer exposure"),
            Self::TooBright => Some("too bright: less light, or a shorter exposure"),
            Self::TooThick => Some("too thick: cells lie on each other, move on towards the thin end of the smear"),
            Self::TooThin => Some("too thin: few red cells, move back towards the thick end of the smear"),
            Self::Empty => Some("no cells in view: move on to the smear, then focus"),
            Self::TooCoarse => Some("cells too small in the picture: use an objective of higher power"),
        }
    }

    /// Same for a small display, at most 12 characters.
    #[must_use]
    pub const fn short(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::OutOfFocus => Some("TURN FOCUS"),
            Self::TooDark => Some("MORE LIGHT"),
            Self::TooBright => Some("LESS LIGHT"),
            Self::TooThick => Some("THICK: MOVE"),
            Self::TooThin => Some("THIN: MOVE"),
            Self::Empty => Some("EMPTY: MOVE"),
            Self::TooCoarse => Some("MAGNIFY MORE"),
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.code())
    }
}

/// Quality of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Quality {
    /// Whether it counts, and if not, why.
    pub verdict: Verdict,
    /// Sharpness over the recent best, 0..=1: the focus bar.
    pub focus: f64,
    /// Sharpness at the common scale; 0 if there is nothing to focus on.
    pub sharpness: f64,
    /// Brightness of the background, 0..=255.
    pub background: f64,
    /// Share of pixels white in every channel, 0..=1.
    pub saturated: f64,
    /// Share of the field covered by red cells, 0..=1.
    pub covered: f64,
    /// Share of the covered area under two or more red cells, 0..=1.
    pub overlap: f64,
    /// Share of the field that is background, 0..=1; 1 if there are too few red cells to tell.
    pub free: f64,
    /// Whether a scale bar, a ruler or a window is drawn into the picture: what lies on it may count as cells.
    pub drawn_lines: bool,
}

/// Warning about a picture with [`Quality::drawn_lines`].
pub const DRAWN_LINES: &str = "lines are drawn into the picture (scale bar, ruler or window), and what lies on them may count \
    as cells: record without them";

impl Quality {
    /// What makes the count doubtful although the frame counts, and what to do.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        self.drawn_lines.then_some(DRAWN_LINES)
    }

    /// Whether the frame is left out of the count.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.verdict.refuses()
    }
}

/// Number of frames not counted, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Refusals {
    pub out_of_focus: u64,
    pub too_dark: u64,
    pub too_bright: u64,
    pub too_thick: u64,
    pub too_thin: u64,
    pub empty: u64,
    pub too_coarse: u64,
}

impl Refusals {
    /// Frames refused with one verdict; 0 for [`Verdict::Good`].
    #[must_use]
    pub const fn get(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Good => 0,
            Verdict::OutOfFocus => self.out_of_focus,
            Verdict::TooDark => self.too_dark,
            Verdict::TooBright => self.too_bright,
            Verdict::TooThick => self.too_thick,
            Verdict::TooThin => self.too_thin,
            Verdict::Empty => self.empty,
            Verdict::TooCoarse => self.too_coarse,
        }
    }

    /// Counts a frame.
    pub const fn note(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Good => {}
            Verdict::OutOfFocus => self.out_of_focus += 1,
            Verdict::TooDark => self.too_dark += 1,
            Verdict::TooBright => self.too_bright += 1,
            Verdict::TooThick => self.too_thick += 1,
            Verdict::TooThin => self.too_thin += 1,
            Verdict::Empty => self.empty += 1,
            Verdict::TooCoarse => self.too_coarse += 1,
        }
    }

    /// Total over all verdicts.
    #[must_use]
    pub fn total(&self) -> u64 {
        Verdict::REFUSALS.iter().map(|verdict| self.get(*verdict)).sum()
    }
}

impl std::fmt::Display for Refusals {
    /// `3 out-of-focus, 1 empty`; empty if there are none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let some =
            Verdict::REFUSALS.iter().map(|verdict| (self.get(*verdict), verdict)).filter(|(count, _)| *count > 0);
        let words: Vec<String> = some.map(|(count, verdict)| format!("{count} {verdict}")).collect();
        f.write_str(&words.join(", "))
    }
}

/// Assesses one frame, inside its field of view: `raw` from the camera, `balanced` and its detected `cells` as in every
/// other step, and the `scale` used for detection. `history` covers the frames before; for a single picture it is empty.
#[must_use]
pub fn assess(
    raw: &RgbImage,
    balanced: &BalancedPicture,
    cells: &[Detection],
    scale: Option<Scale>,
    history: &FocusHistory,
) -> Quality {
    let exposure = Exposure::within(raw, &balanced.view);
    let density = Density::of(cells, balanced);
    let um_per_px = scale.map(|scale| scale.um_per_px).or(history.um_per_px());
    // Without a known scale, that of a usual microscope camera is close enough.
    let sharpness = field_sharpness(balanced, um_per_px.unwrap_or(MicrometresPerPixel::USUAL)).unwrap_or_default();
    let seen = cells.iter().any(|cell| cell.score >= SURE);
    let fresh = FocusHistory::default();
    let history = if history.is_of_another_objective(um_per_px) { &fresh } else { history };
    let verdict = exposure::verdict(&exposure).unwrap_or_else(|| {
        if scale.is_some_and(Scale::is_too_coarse) {
            return Verdict::TooCoarse;
        }
        if !seen {
            // Structure without any cell means blurred; no structure means empty.
            let shapes = density::contrast(balanced) >= SHAPES;
            return if shapes && history.is_blurred(sharpness) { Verdict::OutOfFocus } else { Verdict::Empty };
        }
        if history.is_blurred(sharpness) {
            return Verdict::OutOfFocus;
        }
        let white = cells.iter().filter(|cell| cell.kind == Kind::Wbc).count();
        density.verdict(white).unwrap_or_default()
    });
    Quality {
        verdict,
        focus: history.relative(sharpness),
        sharpness,
        background: exposure.background,
        saturated: exposure.saturated,
        covered: density.covered,
        overlap: density.overlap,
        free: density.free,
        drawn_lines: drawn::has_lines(raw, &balanced.view),
    }
}

/// Score from which a single cell shows that the field is not empty.
const SURE: f64 = 0.3;

/// Standard deviation of a picture's large structures, in grey levels, from which something is in view: fields of the
/// pack have 11 or more, empty ones less than 4.
const SHAPES: f64 = 6.0;

/// [`assess`] frame by frame, with the history it needs.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    history: FocusHistory,
    /// True if every frame passes, whatever its quality.
    open: bool,
}

impl Gate {
    /// A gate that refuses bad frames, or an open one that only reports their quality.
    #[must_use]
    pub fn new(refuses: bool) -> Self {
        Self { open: !refuses, ..Self::default() }
    }

    /// Whether it lets every frame pass.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Quality of a frame that shows what one of `quality` showed, at another focus: `sharpness` times as sharp.
    #[must_use]
    pub(crate) fn at_a_glance(&self, quality: Quality, sharpness: f64) -> Quality {
        let sharpness = quality.sharpness * sharpness;
        let blurred = quality.verdict == Verdict::Good && self.history.is_blurred(sharpness);
        let verdict = if blurred { Verdict::OutOfFocus } else { quality.verdict };
        Quality { verdict, focus: self.history.relative(sharpness), sharpness, ..quality }
    }

    /// Judges the next frame with [`assess`], and records its sharpness.
    pub fn judge(
        &mut self,
        raw: &RgbImage,
        balanced: &BalancedPicture,
        cells: &[Detection],
        scale: Option<Scale>,
    ) -> Quality {
        let quality = assess(raw, balanced, cells, scale, &self.history);
        // Bad light, an empty field or cells too small to see say nothing about focus.
        if matches!(quality.verdict, Verdict::Good | Verdict::OutOfFocus | Verdict::TooThick | Verdict::TooThin) {
            let um_per_px = scale.map(|scale| scale.um_per_px);
            self.history.note(quality.sharpness, um_per_px, quality.verdict != Verdict::OutOfFocus);
        }
        quality
    }
}
