//! Fields that count as whole ones.

use crate::counting::platelets::WholeField;
use crate::counting::track::Registration;
use crate::vision::detect::scale::{Scale, ScaleSource};
use crate::vision::optics::field_of_view::FieldOfView;
use crate::vision::quality::Quality;

/// What a frame shows of the slide, if all of its platelets can be counted: it is good enough and sharp.
pub(super) fn field(placed: &Registration, view: &FieldOfView, scale: Scale, quality: Quality) -> Option<WholeField> {
    let origin = placed.origin.filter(|_| !placed.blurred && !quality.refused() && !scale.source.is_guess())?;
    let area = view.inner().moved(origin);
    let stated = scale.source == ScaleSource::Stated;
    Some(WholeField { patch: placed.patch, area, um_per_px: scale.um_per_px.get(), stated })
}
