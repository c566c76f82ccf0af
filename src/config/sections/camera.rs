//! `[camera]` and `[optics]`: the source of frames, and the optics they were taken through.

use serde::{Deserialize, Serialize};

use crate::config::camera_source::CameraSource;
use crate::config::keys::Accepts::{Camera, Flag, Number, OneOf, Text, Whole};
use crate::config::keys::{STALL_SECONDS, key, optional};

section! {
    "camera", CameraConfig {
        /// "simulated" (a microscope without hardware), "replay:PATH" (a folder, pattern or image), "pan:FILE" (a simulated stage
        /// over a large image, or its plan in TOML), "v4l:/dev/videoN" (or a link below /dev/v4l/by-id, which keeps its name when N
        /// changes), "nokhwa:INDEX" or "nokhwa:NAME" (the same through another library), or "command:PROGRAM ARGUMENTS" (a program that
        /// writes Motion JPEG to its standard output, such as rpicam-vid for the cameras of a Raspberry Pi). "choose": the page asks at
        /// the first start which camera this is. Without a file it is "simulated".
        source: CameraSource = CameraSource::Simulated => key(Camera).shipped(r#""choose""#);
        /// Size to ask the camera for, pixels, 64 to 8192. Larger shows cells finer and is slower.
        width: u32 = 640 => key(Whole(64, 8192)).unit("pixels");
        height: u32 = 480 => key(Whole(64, 8192)).unit("pixels");
        /// Frames a second to ask for, 0.1 to 240; also the pace of a paced replay.
        frame_rate: f64 = 10.0 => key(Number(0.1, 240.0)).unit("frames a second");
        /// Pixel format of a V4L2 camera: "any", "mjpg" (less USB traffic) or "yuyv" (no compression).
        format: PixelFormat = PixelFormat::Any => key(OneOf(&["any", "mjpg", "yuyv"]));
        /// Exposure of a V4L2 camera, units of its driver, 0 to 1000000. Set it when the picture flickers or drifts.
        exposure: Option<i64> = None => optional(Whole(0, 1_000_000)).unit("units of the driver").example("250");
        /// Gain of a V4L2 camera, units of its driver, 0 to 65535.
        gain: Option<i64> = None => optional(Whole(0, 65_535)).unit("units of the driver").example("16");
        /// White balance of a V4L2 camera, kelvin, 1000 to 20000. Set it when the stain changes colour from field to field.
        white_balance: Option<i64> = None => optional(Whole(1000, 20_000)).unit("kelvin").example("5000");
        /// Replay and pan: begin again after the last image.
        repeat: bool = false => key(Flag);
        /// Replay: at frame_rate like a live camera (true), or every image as fast as it is counted (false).
        paced: bool = false => key(Flag);
        /// Simulated and pan: seed of slide, stage and noise, 0 or more. The same number gives the same slide.
        seed: u64 = 1 => key(Whole(0, i64::MAX));
        /// Seconds without a frame after which the camera is opened again, 0.5 to 4.5. Longer for a slow camera.
        stall_seconds: f64 = 4.0 => key(Number(STALL_SECONDS.0, STALL_SECONDS.1)).unit("seconds");
    }
}

section! {
    "optics", Optics {
        /// Micrometres a camera pixel, 0.005 to 10. Without it the scale comes from the red cells (median diameter 7.2 um).
        um_per_px: Option<f64> = None => optional(Number(0.005, 10.0)).unit("micrometres a pixel").example("0.1");
        /// Uneven light: "auto" (by the calibration of this camera and objective if there is one, else learned while the stage
        /// moves), "stored" (by the calibration; without one the program does not start), "learned", or "none".
        /// `leukoscope calibrate` takes a calibration.
        flat_field: FlatFieldChoice = FlatFieldChoice::Auto => key(OneOf(&["auto", "stored", "learned", "none"]));
        /// Name of the camera in its calibration, 1 to 64 characters. Without it the driver's name for it.
        camera: Option<String> = None => optional(Text(64)).example(r#""microscope camera""#);
        /// Name of the objective in the calibration, 1 to 32 characters. Set it where objectives are changed.
        objective: Option<String> = None => optional(Text(32)).example(r#""100x""#);
    }
}

/// The pixel format of a V4L2 camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelFormat {
    Any,
    Mjpg,
    Yuyv,
}

/// How uneven light is corrected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlatFieldChoice {
    /// The calibration of this camera and objective if there is one, else learned while the stage moves.
    #[default]
    Auto,
    /// The calibration; without one the program does not start.
    Stored,
    /// Learned while the stage moves.
    Learned,
    /// No correction.
    None,
}
