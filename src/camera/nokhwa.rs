//! Cameras through the nokhwa library, which also runs on macOS and Windows.
//!
//! The library blocks for as long as the driver does and does not report how much of a buffer was filled, so on Linux
//! `v4l:` is the better choice for the same cameras.

use std::fmt;

use image::RgbImage;
use jiff::Timestamp;
use nokhwa::pixel_format::RgbFormat;
use nokhwa::utils::{
    ApiBackend, CameraControl, CameraFormat, CameraInfo, ControlValueDescription, ControlValueSetter, FrameFormat,
    KnownCameraControl, RequestedFormat, RequestedFormatType, color_frame_formats,
};
use nokhwa::{Buffer, NokhwaError};

use super::devices::LibraryCamera;
use super::picture::decode_jpeg;
use super::yuyv::yuyv_to_rgb;
use super::{Camera, CameraError, Capture};
use crate::config::{CameraConfig, PixelFormat};
use crate::domain::frame::Frame;
use crate::system::panics::contained;

// Controls of linux/v4l2-controls.h that the library does not name; other systems refuse them.
const AUTO_WHITE_BALANCE: KnownCameraControl = KnownCameraControl::Other(0x0098_090c);
const AUTO_GAIN: KnownCameraControl = KnownCameraControl::Other(0x0098_0912);
const AUTO_EXPOSURE: KnownCameraControl = KnownCameraControl::Other(0x009a_0901);
const EXPOSURE_ABSOLUTE: KnownCameraControl = KnownCameraControl::Other(0x009a_0902);
/// `V4L2_EXPOSURE_MANUAL`.
const EXPOSURE_MANUAL: ControlValueSetter = ControlValueSetter::Integer(1);

/// An open nokhwa camera.
pub struct NokhwaCamera {
    camera: nokhwa::Camera,
    name: String,
    sequence: u64,
}

impl fmt::Debug for NokhwaCamera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NokhwaCamera").field("name", &self.name).finish_non_exhaustive()
    }
}

impl NokhwaCamera {
    /// Opens the camera with this number or name, in the format, size and rate closest to the configured ones, and sets
    /// exposure, gain and white balance where its driver offers them (otherwise logs a warning).
    ///
    /// # Errors
    /// When there is no such camera, another program uses it, or it has no readable format.
    pub fn open(camera: &str, config: &CameraConfig) -> Result<Self, CameraError> {
        let name = format!("nokhwa:{camera}");
        let unusable = |problem: String, remedy: &str| CameraError::Unusable {
            source_name: name.clone(),
            problem,
            remedy: remedy.to_owned(),
        };
        let info = find(camera)
            .ok_or_else(|| unusable("no such camera".to_owned(), "plug it in, or see `leukoscope devices`"))?;
        let opened = guarded(|| open(&info, &name, config)).map_err(|problem| {
            unusable(
                problem,
                "close other programs that use the camera, check that this user may open it, or choose another format",
            )
        })?;
        Ok(Self { camera: opened, name, sequence: 0 })
    }
}

/// The cameras of this machine with what they offer. One that cannot be opened is listed by name only.
#[must_use]
pub fn list() -> Vec<LibraryCamera> {
    let cameras = guarded(|| nokhwa::query(ApiBackend::Auto)).unwrap_or_default();
    let mut cameras: Vec<LibraryCamera> = cameras
        .iter()
        .map(|info| {
            let offered = guarded(|| {
                let mut camera = nokhwa::Camera::new(info.index().clone(), any_of(color_frame_formats()))?;
                Ok((camera.compatible_camera_formats()?, camera.camera_controls().unwrap_or_default()))
            });
            let (formats, controls) = offered.unwrap_or_default();
            LibraryCamera {
                source: format!("nokhwa:{}", info.index()),
                name: info.human_name(),
                formats: formats_in_words(&formats),
                controls: controls_in_words(&controls),
            }
        })
        .collect();
    cameras.sort_by(|a, b| (a.source.len(), &a.source).cmp(&(b.source.len(), &b.source)));
    cameras
}

/// The driver's name for the camera with this number or name.
#[must_use]
pub(crate) fn driver_name(camera: &str) -> Option<String> {
    find(camera).map(|info| info.human_name()).filter(|name| !name.is_empty())
}

/// The camera with this number, else the first one with this name.
fn find(camera: &str) -> Option<CameraInfo> {
    let mut cameras = guarded(|| nokhwa::query(ApiBackend::Auto)).ok()?;
    // The system lists devices in no particular order; the first device of a camera is the one that delivers frames.
    cameras.sort_by_key(|info| info.index().as_index().unwrap_or(u32::MAX));
    let by_number = cameras.iter().find(|info| info.index().as_string() == camera);
    by_number.or_else(|| cameras.iter().find(|info| info.human_name().trim() == camera.trim())).cloned()
}

/// Calls the library and catches its panics: some drivers' answers make it panic.
fn guarded<T>(work: impl FnOnce() -> Result<T, NokhwaError>) -> Result<T, String> {
    match contained(work) {
        Some(done) => done.map_err(|error| error.to_string()),
        None => Err("the camera library failed".to_owned()),
    }
}

fn any_of(formats: &[FrameFormat]) -> RequestedFormat<'_> {
    RequestedFormat::with_formats(RequestedFormatType::None, formats)
}

fn open(info: &CameraInfo, name: &str, config: &CameraConfig) -> Result<nokhwa::Camera, NokhwaError> {
    let wanted: &[FrameFormat] = match config.format {
        PixelFormat::Any => color_frame_formats(),
        PixelFormat::Mjpg => &[FrameFormat::MJPEG],
        PixelFormat::Yuyv => &[FrameFormat::YUYV],
    };
    let mut camera = nokhwa::Camera::new(info.index().clone(), any_of(wanted))?;
    let offers = camera.compatible_camera_formats()?;
    if let Some(nearest) = choose(&offers, wanted, config).filter(|nearest| *nearest != camera.camera_format()) {
        let request = RequestedFormat::with_formats(RequestedFormatType::Exact(nearest), wanted);
        if let Err(error) = camera.set_camera_requset(request) {
            log::warn!("{name}: does not take {nearest}: {error}");
            camera.refresh_camera_format()?;
        }
    }
    let got = camera.camera_format();
    if (got.width(), got.height()) != (config.width, config.height) {
        let (width, height) = (config.width, config.height);
        log::warn!("{name}: asked for {width} x {height} px, the nearest is {} x {}", got.width(), got.height());
    }
    set_controls(&mut camera, name, config);
    camera.open_stream()?;
    Ok(camera)
}

/// The offer closest to the configuration: first by size, then by rate, then by order in `wanted`.
fn choose(offers: &[CameraFormat], wanted: &[FrameFormat], config: &CameraConfig) -> Option<CameraFormat> {
    let distance = |offer: &CameraFormat| {
        let size = u64::from(offer.width().abs_diff(config.width)) + u64::from(offer.height().abs_diff(config.height));
        let rate = (f64::from(offer.frame_rate()) - config.frame_rate).abs();
        (size, (rate * 1000.0) as u64, wanted.iter().position(|format| *format == offer.format()))
    };
    offers.iter().filter(|offer| wanted.contains(&offer.format())).min_by_key(|offer| distance(offer)).copied()
}

fn set_controls(camera: &mut nokhwa::Camera, name: &str, config: &CameraConfig) {
    let off = ControlValueSetter::Boolean(false);
    let controls: [(_, _, _, _, &[KnownCameraControl]); 3] = [
        (
            "exposure",
            config.exposure,
            AUTO_EXPOSURE,
            EXPOSURE_MANUAL,
            &[EXPOSURE_ABSOLUTE, KnownCameraControl::Exposure],
        ),
        ("gain", config.gain, AUTO_GAIN, off.clone(), &[KnownCameraControl::Gain]),
        ("white_balance", config.white_balance, AUTO_WHITE_BALANCE, off, &[KnownCameraControl::WhiteBalance]),
    ];
    for (what, value, automatic, manual, choices) in controls {
        let Some(value) = value else { continue };
        // Automatic control would override the value; not every driver has it.
        if let Err(error) = camera.set_camera_control(automatic, manual) {
            log::debug!("{name}: no automatic {what} was switched off: {error}");
        }
        let mut set = |control: &KnownCameraControl| {
            camera.set_camera_control(*control, ControlValueSetter::Integer(value)).is_ok()
        };
        if !choices.iter().any(&mut set) {
            log::warn!("{name}: {what} cannot be set to {value}; camera.{what} is left out");
        }
    }
}

/// Decodes a buffer, which may be longer than the frame.
fn decode(buffer: &Buffer) -> Result<RgbImage, String> {
    let (width, height) = (buffer.resolution().width(), buffer.resolution().height());
    let format = buffer.source_frame_format();
    match format {
        FrameFormat::MJPEG => decode_jpeg(buffer.buffer(), Some((width, height))),
        FrameFormat::YUYV => yuyv_to_rgb(buffer.buffer(), width, height).map_err(|error| error.to_string()),
        FrameFormat::NV12 | FrameFormat::RAWRGB | FrameFormat::RAWBGR | FrameFormat::GRAY => {
            let halves = match format {
                FrameFormat::GRAY => 2,
                FrameFormat::NV12 => 3,
                _ => 6,
            };
            let needed = width as usize * height as usize * halves / 2;
            let given = buffer.buffer().len();
            let bytes = buffer.buffer().get(..needed);
            let bytes = bytes.ok_or_else(|| format!("a frame came with {given} of {needed} bytes"))?;
            guarded(|| Buffer::new(buffer.resolution(), bytes, format).decode_image::<RgbFormat>())
        }
    }
}

impl Camera for NokhwaCamera {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        let buffer = self
            .camera
            .frame()
            .map_err(|error| CameraError::Lost { source_name: self.name.clone(), problem: error.to_string() })?;
        let taken = Timestamp::now();
        let sequence = self.sequence;
        self.sequence += 1;
        Ok(match decode(&buffer) {
            Ok(pixels) => Capture::Frame(Frame::new(pixels, sequence, taken)),
            Err(problem) => Capture::Damaged(format!("{}: {problem}", self.name)),
        })
    }

    fn describe(&self) -> String {
        let (card, format) = (self.camera.info().human_name(), self.camera.camera_format());
        format!(
            "{} ({card}), {} x {} px, {}, {} frames a second",
            self.name,
            format.width(),
            format.height(),
            format.format(),
            format.frame_rate()
        )
    }
}

/// One line for each pixel format: its sizes, each with its highest rate.
fn formats_in_words(offers: &[CameraFormat]) -> Vec<String> {
    let mut offers = offers.to_vec();
    offers.sort_by_key(|offer| (offer.format(), offer.width(), offer.height(), std::cmp::Reverse(offer.frame_rate())));
    offers.dedup_by_key(|offer| (offer.format(), offer.width(), offer.height()));
    offers
        .chunk_by(|a, b| a.format() == b.format())
        .map(|offers| {
            let size = |of: &CameraFormat| format!("{} x {} px at {}", of.width(), of.height(), of.frame_rate());
            let sizes: Vec<String> = offers.iter().map(size).collect();
            format!("{}: {} frames a second", offers[0].format(), sizes.join(", "))
        })
        .collect()
}

/// Exposure, gain and white balance with their ranges, by their configuration names.
fn controls_in_words(controls: &[CameraControl]) -> Vec<String> {
    let of = |control: &CameraControl| {
        let name = match control.control() {
            KnownCameraControl::Exposure | EXPOSURE_ABSOLUTE => "exposure",
            KnownCameraControl::Gain => "gain",
            KnownCameraControl::WhiteBalance => "white_balance",
            _ => return None,
        };
        match control.description() {
            ControlValueDescription::IntegerRange { min, max, value, .. } => {
                Some(format!("{name} {min} to {max}, now {value}"))
            }
            _ => None,
        }
    };
    controls.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use nokhwa::utils::Resolution;

    use super::*;

    fn offer(width: u32, height: u32, format: FrameFormat, rate: u32) -> CameraFormat {
        CameraFormat::new_from(width, height, format, rate)
    }

    #[test]
    fn the_nearest_size_wins_then_the_nearest_rate_then_the_first_format() {
        let config = CameraConfig { width: 640, height: 480, frame_rate: 10.0, ..CameraConfig::default() };
        let offers = [
            offer(1280, 720, FrameFormat::MJPEG, 10),
            offer(640, 480, FrameFormat::GRAY, 10),
            offer(640, 480, FrameFormat::YUYV, 30),
            offer(640, 480, FrameFormat::YUYV, 15),
            offer(640, 480, FrameFormat::MJPEG, 15),
        ];
        assert_eq!(choose(&offers, color_frame_formats(), &config), Some(offers[4]));
        assert_eq!(choose(&offers, &[FrameFormat::YUYV], &config), Some(offers[3]));
        assert_eq!(choose(&offers[1..2], color_frame_formats(), &config), None);
    }

    #[test]
    fn what_a_camera_offers_is_listed_by_format_with_the_highest_rate_of_each_size() {
        let offers = [
            offer(1280, 720, FrameFormat::MJPEG, 10),
            offer(640, 480, FrameFormat::YUYV, 15),
            offer(640, 480, FrameFormat::MJPEG, 15),
            offer(640, 480, FrameFormat::MJPEG, 30),
        ];
        assert_eq!(
            formats_in_words(&offers),
            [
                "MJPEG: 640 x 480 px at 30, 1280 x 720 px at 10 frames a second",
                "YUYV: 640 x 480 px at 15 frames a second"
            ]
        );
        let range = ControlValueDescription::IntegerRange { min: 1, max: 5000, value: 156, step: 1, default: 157 };
        let control = |control, range| CameraControl::new(control, "of the driver".to_owned(), range, Vec::new(), true);
        let controls = [control(KnownCameraControl::Hue, range.clone()), control(EXPOSURE_ABSOLUTE, range)];
        assert_eq!(controls_in_words(&controls), ["exposure 1 to 5000, now 156"]);
    }

    #[test]
    fn a_buffer_may_be_longer_than_its_frame_but_not_shorter() {
        for (format, needed) in
            [(FrameFormat::YUYV, 16 * 2), (FrameFormat::NV12, 16 * 3 / 2), (FrameFormat::RAWRGB, 16 * 3)]
        {
            let buffer = |length: usize| Buffer::new(Resolution::new(4, 4), &vec![128; length], format);
            assert_eq!(decode(&buffer(needed + 100)).unwrap().dimensions(), (4, 4), "{format}");
            assert!(decode(&buffer(needed - 1)).is_err(), "{format}");
        }
    }

    #[test]
    fn a_missing_camera_is_named_with_what_to_do() {
        let error = NokhwaCamera::open("987", &CameraConfig::default()).unwrap_err();
        assert!(!error.is_final(), "it may be plugged in");
        assert_eq!(error.to_string(), "nokhwa:987: no such camera; plug it in, or see `leukoscope devices`");
    }
}
