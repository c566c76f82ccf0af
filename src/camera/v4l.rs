//! V4L2 cameras through nokhwa: USB microscopes and board cameras with a kernel driver.
//!
//! A read may block for as long as the driver does; [`supervise`](super::supervise) watches the time. While such a read
//! hangs, nokhwa keeps the device to itself, so opening it again can fail until the driver lets go or the program is
//! restarted: the supervisor's heartbeat stands still meanwhile, and systemd's watchdog restarts it.
//!
//! nokhwa gives the whole buffer, not how much of it the driver filled: behind a frame that came short lie bytes of an
//! older one. The kernel's UVC driver keeps short frames back by itself; of the others, those with restart marks are
//! found by their order.

use std::fmt;

use image::RgbImage;
use jiff::Timestamp;
use nokhwa::backends::capture::V4LCaptureDevice;
use nokhwa::camera_traits::CaptureBackendTrait;
use nokhwa::utils::{
    CameraControl, CameraFormat, CameraIndex, ControlValueSetter, FrameFormat, KnownCameraControl, RequestedFormat,
    RequestedFormatType, Resolution,
};

use super::picture::decode_jpeg;
use super::yuyv::yuyv_to_rgb;
use super::{Camera, CameraError, Capture};
use crate::config::{CameraConfig, PixelFormat};
use crate::frame::Frame;

// Control numbers of linux/v4l2-controls.h that nokhwa has no name for.
const AUTO_WHITE_BALANCE: KnownCameraControl = KnownCameraControl::Other(0x0098_090c);
const AUTO_GAIN: KnownCameraControl = KnownCameraControl::Other(0x0098_0912);
const AUTO_EXPOSURE: KnownCameraControl = KnownCameraControl::Other(0x009a_0901);
const EXPOSURE_ABSOLUTE: KnownCameraControl = KnownCameraControl::Other(0x009a_0902);
/// `V4L2_EXPOSURE_MANUAL`.
const EXPOSURE_MANUAL: ControlValueSetter = ControlValueSetter::Integer(1);

/// An open V4L2 camera.
pub struct V4l {
    // The back end itself: `nokhwa::Camera` around it cannot go to another thread.
    device: V4LCaptureDevice<'static>,
    name: String,
    format: CameraFormat,
    sequence: u64,
}

impl fmt::Debug for V4l {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V4l").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

impl V4l {
    /// Opens `/dev/video<number>` with the size, rate and format nearest to the configured ones, and sets exposure, gain
    /// and white balance where the driver offers them (a warning in the log where not).
    ///
    /// # Errors
    /// When the device is not there, is used by another program, or gives neither MJPG nor YUYV.
    pub fn open(number: u32, config: &CameraConfig) -> Result<Self, CameraError> {
        let name = format!("/dev/video{number}");
        let unusable = |problem: String, remedy: &str| CameraError::Unusable {
            source_name: name.clone(),
            problem,
            remedy: remedy.to_owned(),
        };
        if !std::path::Path::new(&name).exists() {
            return Err(unusable("no such device".to_owned(), "plug the camera in, or see `leukoscope devices`"));
        }
        let wanted: &[FrameFormat] = match config.format {
            PixelFormat::Any => &[FrameFormat::MJPEG, FrameFormat::YUYV],
            PixelFormat::Mjpg => &[FrameFormat::MJPEG],
            PixelFormat::Yuyv => &[FrameFormat::YUYV],
        };
        let busy = "close other programs that use the camera, check that this user is in the group `video`, or choose another format";
        // Any format first: the list of formats comes only with an open device.
        let any = RequestedFormat::with_formats(RequestedFormatType::None, wanted);
        let mut device =
            V4LCaptureDevice::new(&CameraIndex::Index(number), any).map_err(|e| unusable(e.to_string(), busy))?;
        let offers = device.compatible_camera_formats().map_err(|e| unusable(e.to_string(), busy))?;
        let format = choose(&offers, wanted, config).ok_or_else(|| {
            unusable(
                "it offers no format that can be read".to_owned(),
                "set camera.format to `any`, or use another camera",
            )
        })?;
        if device.camera_format() != format {
            // nokhwa also calls it an error when the driver came only near to the format, which will do.
            if let Err(e) = device.set_camera_format(format) {
                log::warn!("{name}: {format} was not taken as it is: {e}");
            }
        }
        let format = device.camera_format();
        if !wanted.contains(&format.format()) {
            return Err(unusable(
                format!("it stays with the format {}", format.format()),
                "set camera.format to `any`",
            ));
        }
        if (format.width(), format.height()) != (config.width, config.height) {
            log::warn!(
                "{name}: asked for {} x {} px, the nearest it offers is {} x {}",
                config.width,
                config.height,
                format.width(),
                format.height()
            );
        }
        set_controls(&mut device, &name, config);
        device.open_stream().map_err(|e| unusable(e.to_string(), busy))?;
        Ok(Self { device, name, format, sequence: 0 })
    }

    fn decode(&self, bytes: &[u8]) -> Result<RgbImage, String> {
        let (width, height) = (self.format.width(), self.format.height());
        match self.format.format() {
            FrameFormat::MJPEG => decode_jpeg(bytes, Some((width, height))),
            FrameFormat::YUYV => yuyv_to_rgb(bytes, width, height).map_err(|e| e.to_string()),
            other => Err(format!("the camera changed to the format {other}, which cannot be read")),
        }
    }
}

impl Camera for V4l {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        let bytes = match self.device.frame_raw() {
            Ok(bytes) => bytes.into_owned(),
            Err(e) => return Err(CameraError::Lost { source_name: self.name.clone(), problem: e.to_string() }),
        };
        let taken = Timestamp::now();
        let sequence = self.sequence;
        self.sequence += 1;
        Ok(match self.decode(&bytes) {
            Ok(pixels) => Capture::Frame(Frame::new(pixels, sequence, taken)),
            Err(problem) => Capture::Damaged(format!("{}: {problem}", self.name)),
        })
    }

    fn describe(&self) -> String {
        let format = self.format;
        format!(
            "{} ({}), {} x {} px, {}, {} frames a second",
            self.name,
            self.device.camera_info().human_name(),
            format.width(),
            format.height(),
            format.format(),
            format.frame_rate()
        )
    }
}

/// The offer nearest to what is configured: first by size, then by rate, then by place in `wanted`.
fn choose(offers: &[CameraFormat], wanted: &[FrameFormat], config: &CameraConfig) -> Option<CameraFormat> {
    let asked = Resolution::new(config.width, config.height);
    let distance = |offer: &CameraFormat| {
        let size =
            u64::from(offer.width().abs_diff(asked.width())) + u64::from(offer.height().abs_diff(asked.height()));
        let rate = (f64::from(offer.frame_rate()) - config.frame_rate).abs();
        let place = wanted.iter().position(|format| *format == offer.format());
        (size, (rate * 1000.0) as u64, place)
    };
    offers.iter().filter(|offer| wanted.contains(&offer.format())).min_by_key(|offer| distance(offer)).copied()
}

fn set_controls(device: &mut V4LCaptureDevice<'_>, name: &str, config: &CameraConfig) {
    let offered: Vec<KnownCameraControl> =
        device.camera_controls().unwrap_or_default().iter().map(CameraControl::control).collect();
    let mut set = |what: &str,
                   value: Option<i64>,
                   automatic: &[(KnownCameraControl, ControlValueSetter)],
                   choices: &[KnownCameraControl]| {
        let Some(value) = value else { return };
        let Some(control) = choices.iter().find(|control| offered.contains(control)) else {
            log::warn!("{name}: the driver offers no {what}; camera.{what} is left out");
            return;
        };
        // What is automatic would change the value again; not every driver has it.
        for (control, off) in automatic {
            if offered.contains(control)
                && let Err(e) = device.set_camera_control(*control, off.clone())
            {
                log::warn!("{name}: the automatic {what} cannot be switched off: {e}");
            }
        }
        if let Err(e) = device.set_camera_control(*control, ControlValueSetter::Integer(value)) {
            log::warn!("{name}: {what} cannot be set to {value}: {e}");
        }
    };
    set(
        "exposure",
        config.exposure,
        &[(AUTO_EXPOSURE, EXPOSURE_MANUAL)],
        &[EXPOSURE_ABSOLUTE, KnownCameraControl::Exposure],
    );
    set("gain", config.gain, &[(AUTO_GAIN, ControlValueSetter::Boolean(false))], &[KnownCameraControl::Gain]);
    set(
        "white_balance",
        config.white_balance,
        &[(AUTO_WHITE_BALANCE, ControlValueSetter::Boolean(false))],
        &[KnownCameraControl::WhiteBalance],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(width: u32, height: u32, format: FrameFormat, rate: u32) -> CameraFormat {
        CameraFormat::new(Resolution::new(width, height), format, rate)
    }

    #[test]
    fn the_nearest_size_wins_then_the_nearest_rate_then_mjpg() {
        let wanted = [FrameFormat::MJPEG, FrameFormat::YUYV];
        let config = CameraConfig { width: 640, height: 480, frame_rate: 10.0, ..CameraConfig::default() };
        let offers = [
            offer(1280, 720, FrameFormat::MJPEG, 10),
            offer(640, 480, FrameFormat::NV12, 10),
            offer(640, 480, FrameFormat::YUYV, 30),
            offer(640, 480, FrameFormat::YUYV, 15),
            offer(640, 480, FrameFormat::MJPEG, 15),
        ];
        assert_eq!(choose(&offers, &wanted, &config), Some(offers[4]));
        assert_eq!(choose(&offers, &[FrameFormat::YUYV], &config), Some(offers[3]));
        assert_eq!(choose(&offers[1..2], &wanted, &config), None);
    }

    #[test]
    fn a_missing_device_is_named_with_what_to_do() {
        let error = V4l::open(987, &CameraConfig::default()).unwrap_err().to_string();
        assert_eq!(error, "/dev/video987: no such device; plug the camera in, or see `leukoscope devices`");
    }
}
