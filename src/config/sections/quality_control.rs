//! `[quality_control]`: the control that the station has to pass.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::keys::Accepts::{Folder, Number, OneOf, Whole};
use crate::config::keys::key;

/// What a control that did not pass keeps from happening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ControlRequired {
    #[default]
    #[serde(rename = "none")]
    Nothing,
    /// Nothing, but page, display and reports say so.
    Warn,
    /// Signing, until it passed or an admin wrote why not.
    Sign,
}

section! {
    /// Quality control: a slide or stored cells that are checked against their lot (docs/quality-control.md).
    "quality_control", QualityControlConfig {
        /// What a control that failed or is due keeps from happening: "none", "warn" (page, display and reports say it), or "sign"
        /// (nothing is signed until it passed, or an admin wrote why).
        required: ControlRequired = ControlRequired::Nothing => key(OneOf(&["none", "warn", "sign"]));
        /// Hours that a control holds, 1 to 168, such as 8 for every shift; 0: until midnight by the station's time.
        valid_hours: u32 = 0 => key(Whole(0, 168)).unit("hours");
        /// White cells that a control must have, 1 to 10000. With fewer the limits of chance are so wide that little is seen: with 100
        /// cells 50 % may be 40 to 60 %.
        fewest_cells: u32 = 100 => key(Whole(1, 10_000)).unit("cells");
        /// Folder of cells named by people, CLASS/*, that the program must still name as it did; what `leukoscope export` writes fits.
        /// Empty: none.
        reference: Option<PathBuf> = None => key(Folder).example(r#""/var/lib/leukoscope/reference""#);
        /// How far the scale by red cells may lie from the calibration, percent, 1 to 50. The slide is the same every day, so
        /// its red cells are, too; 5 % leaves room for another place on it. Chosen, not measured.
        scale_percent: f64 = 5.0 => key(Number(1.0, 50.0)).unit("percent");
        /// How far the background may be from that of the first control after the calibration, percent, 1 to 90. Compared are
        /// fields of the same slide; white balance takes what is left. Chosen, not measured.
        light_percent: f64 = 20.0 => key(Number(1.0, 90.0)).unit("percent");
        /// How much less sharp frames may be than then, percent, 1 to 90. Sharpness differs from
        /// field to field; this is the mean of all frames that counted. Chosen, not measured.
        sharpness_percent: f64 = 40.0 => key(Number(1.0, 90.0)).unit("percent");
        /// Share of frames that may be out of focus, percent, 1 to 100. More says that stage or person does not hold the focus.
        focus_percent: f64 = 50.0 => key(Number(1.0, 100.0)).unit("percent");
    }
}
