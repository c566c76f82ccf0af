//! Whether there is enough light, and not too much.

use super::Verdict;
use crate::vision::optics::exposure::Exposure;

/// Background below which a frame is too dark, 0..=255. The darkest good source, `chula`, has 136 to 175; at a
/// quarter of the range, quantisation loses the colour steps that tell granules from none.
const DARK: f64 = 64.0;

/// Share of pixels white in all channels from which a frame is too bright. The brightest source (`taleqani`, whose
/// makers whitened the background) reaches 0.21; a thin field on pure white may have more and lose nothing, so the
/// limit lies where pale cells saturate as well.
const WHITE: f64 = 0.45;

/// What is wrong with the light; `None` if nothing is.
#[must_use]
pub(super) fn verdict(exposure: &Exposure) -> Option<Verdict> {
    if exposure.background < DARK {
        Some(Verdict::TooDark)
    } else if exposure.saturated > WHITE {
        Some(Verdict::TooBright)
    } else {
        None
    }
}
