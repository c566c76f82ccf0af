//! Values of flags. Those that set a key of the configuration take what the key takes, and say the same of what it does
//! not.

use crate::config::load::from_flag;
use crate::config::{CameraSource, DisplayKind, SerialPort};

/// `--camera`.
pub(super) fn camera(text: &str) -> Result<CameraSource, String> {
    from_flag(("camera", "source"), "--camera", text)
}

/// `--display`.
pub(super) fn display(text: &str) -> Result<DisplayKind, String> {
    from_flag(("display", "kind"), "--display", text)
}

/// `--serial`.
pub(super) fn serial(text: &str) -> Result<SerialPort, String> {
    from_flag(("serial", "port"), "--serial", text)
}

/// `--session`.
pub(super) fn session(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| {
        "is no number of a session; `leukoscope sessions` lists the sessions with their numbers and samples".to_owned()
    })
}
