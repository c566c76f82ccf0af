//! V4L2 cameras: USB microscopes and board cameras with a kernel driver.
//!
//! A read gives up before the stall time, so a silent driver releases the device. The kernel reports how many bytes of
//! a buffer it filled, and whether the frame was damaged in transfer.

use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use image::RgbImage;
use jiff::Timestamp;
use v4l::buffer::{Flags, Type};
use v4l::control::{Control, Value};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::CaptureStream as _;
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC};

use super::picture::decode_jpeg;
use super::yuyv::yuyv_to_rgb;
use super::{Camera, CameraError, Capture};
use crate::config::{CameraConfig, PixelFormat};
use crate::domain::frame::Frame;

// Control IDs of linux/v4l2-controls.h.
const AUTO_WHITE_BALANCE: u32 = 0x0098_090c;
const EXPOSURE: u32 = 0x0098_0911;
const AUTO_GAIN: u32 = 0x0098_0912;
const GAIN: u32 = 0x0098_0913;
const WHITE_BALANCE_TEMPERATURE: u32 = 0x0098_091a;
const AUTO_EXPOSURE: u32 = 0x009a_0901;
const EXPOSURE_ABSOLUTE: u32 = 0x009a_0902;
/// `V4L2_EXPOSURE_MANUAL`.
const EXPOSURE_MANUAL: Value = Value::Integer(1);

const MJPG: [u8; 4] = *b"MJPG";
const YUYV: [u8; 4] = *b"YUYV";

/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;

/// Read timeout as a share of the stall time, so that a read gives up before the supervisor abandons its thread.
const PATIENCE: f64 = 0.8;

/// An open V4L2 camera.
pub struct V4l {
    stream: Stream<'static>,
    name: String,
    card: String,
    format: Format,
    rate: f64,
    sequence: u64,
}

impl fmt::Debug for V4l {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V4l").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

/// A size and rate that a camera offers in one pixel format.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Offer {
    pixels: [u8; 4],
    width: u32,
    height: u32,
    /// Frames a second.
    rate: f64,
}

impl V4l {
    /// Opens `device` in the size, rate and format closest to the configured ones, and sets exposure, gain and white
    /// balance where the driver offers them (otherwise logs a warning).
    ///
    /// # Errors
    /// When the device does not exist, is used by another program, or offers neither MJPG nor YUYV.
    pub fn open(device: &Path, config: &CameraConfig) -> Result<Self, CameraError> {
        let name = device.display().to_string();
        let unusable = |problem: String, remedy: &str| CameraError::Unusable {
            source_name: name.clone(),
            problem,
            remedy: remedy.to_owned(),
        };
        if !device.exists() {
            return Err(unusable("no such device".to_owned(), "plug the camera in, or see `leukoscope devices`"));
        }
        let wanted: &[[u8; 4]] = match config.format {
            PixelFormat::Any => &[MJPG, YUYV],
            PixelFormat::Mjpg => &[MJPG],
            PixelFormat::Yuyv => &[YUYV],
        };
        let busy = |error: io::Error| {
            let remedy = "close other programs that use the camera, check that this user is in the group `video`, or choose another format";
            unusable(error.to_string(), remedy)
        };
        let device = Device::with_path(device).map_err(busy)?;
        let card = device.query_caps().map_err(busy)?.card;
        let offer = choose(&offers(&device, config).map_err(busy)?, wanted, config).ok_or_else(|| {
            unusable(
                "it offers no format that can be read".to_owned(),
                "set camera.format to `any`, or use another camera",
            )
        })?;
        let asked = Format::new(offer.width, offer.height, FourCC::new(&offer.pixels));
        let format = device.set_format(&asked).map_err(busy)?;
        if !wanted.contains(&format.fourcc.repr) {
            return Err(unusable(format!("it stays with the format {}", format.fourcc), "set camera.format to `any`"));
        }
        if (format.width, format.height) != (config.width, config.height) {
            log::warn!(
                "{name}: asked for {} x {} px, the nearest it offers is {} x {}",
                config.width,
                config.height,
                format.width,
                format.height
            );
        }
        // Not every driver can set a rate; then its own rate has to do.
        if let Err(e) = device.set_params(&Parameters::with_fps((offer.rate.round() as u32).max(1))) {
            log::debug!("{name}: the frame rate cannot be set: {e}");
        }
        set_controls(&device, &name, config);
        let mut stream = Stream::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(busy)?;
        stream.set_timeout(Duration::from_secs_f64(config.stall_seconds * PATIENCE));
        Ok(Self { stream, name, card, format, rate: offer.rate, sequence: 0 })
    }
}

/// Decodes a filled buffer.
fn decode(bytes: &[u8], format: &Format) -> Result<RgbImage, String> {
    let (width, height) = (format.width, format.height);
    match format.fourcc.repr {
        MJPG => decode_jpeg(bytes, Some((width, height))),
        YUYV => {
            let (row, stride) = ((width as usize).div_ceil(2) * 4, format.stride as usize);
            if stride <= row {
                return yuyv_to_rgb(bytes, width, height).map_err(|e| e.to_string());
            }
            // Some drivers pad rows to a round length.
            let packed: Vec<u8> = bytes.chunks(stride).flat_map(|line| &line[..row.min(line.len())]).copied().collect();
            yuyv_to_rgb(&packed, width, height).map_err(|e| e.to_string())
        }
        _ => Err(format!("the camera changed to the format {}, which cannot be read", format.fourcc)),
    }
}

impl Camera for V4l {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        let (bytes, filled) = match self.stream.next() {
            Ok(filled) => filled,
            Err(e) => {
                let problem =
                    if e.kind() == io::ErrorKind::TimedOut { "no frame in time".to_owned() } else { e.to_string() };
                return Err(CameraError::Lost { source_name: self.name.clone(), problem });
            }
        };
        let taken = Timestamp::now();
        let sequence = self.sequence;
        self.sequence += 1;
        if filled.flags.contains(Flags::ERROR) {
            return Ok(Capture::Damaged(format!("{}: the driver says that the frame is damaged", self.name)));
        }
        let bytes = bytes.get(..filled.bytesused as usize).unwrap_or(bytes);
        Ok(match decode(bytes, &self.format) {
            Ok(pixels) => Capture::Frame(Frame::new(pixels, sequence, taken)),
            Err(problem) => Capture::Damaged(format!("{}: {problem}", self.name)),
        })
    }

    fn describe(&self) -> String {
        let Format { width, height, fourcc, .. } = self.format;
        format!("{} ({}), {width} x {height} px, {fourcc}, {} frames a second", self.name, self.card, self.rate)
    }
}

/// Everything a camera offers near the configured size, in every pixel format.
fn offers(device: &Device, config: &CameraConfig) -> io::Result<Vec<Offer>> {
    let mut offers = Vec::new();
    for format in device.enum_formats()? {
        let pixels = format.fourcc.repr;
        let mut sizes: Vec<(u32, u32)> = Vec::new();
        for size in device.enum_framesizes(format.fourcc).unwrap_or_default() {
            sizes.push(match size.size {
                FrameSizeEnum::Discrete(size) => (size.width, size.height),
                FrameSizeEnum::Stepwise(range) => (
                    config.width.clamp(range.min_width, range.max_width.max(range.min_width)),
                    config.height.clamp(range.min_height, range.max_height.max(range.min_height)),
                ),
            });
        }
        // A driver that lists no sizes adjusts a requested one to the closest it supports.
        if sizes.is_empty() {
            sizes.push((config.width, config.height));
        }
        for (width, height) in sizes {
            let intervals = device.enum_frameintervals(format.fourcc, width, height).unwrap_or_default();
            let mut rates: Vec<f64> = intervals
                .iter()
                .filter_map(|interval| match &interval.interval {
                    FrameIntervalEnum::Discrete(of) if of.numerator > 0 => {
                        Some(f64::from(of.denominator) / f64::from(of.numerator))
                    }
                    _ => None,
                })
                .collect();
            if rates.is_empty() {
                rates.push(config.frame_rate);
            }
            offers.extend(rates.into_iter().map(|rate| Offer { pixels, width, height, rate }));
        }
    }
    Ok(offers)
}

/// The offer closest to the configuration: first by size, then by rate, then by order in `wanted`.
fn choose(offers: &[Offer], wanted: &[[u8; 4]], config: &CameraConfig) -> Option<Offer> {
    let distance = |offer: &Offer| {
        let size = u64::from(offer.width.abs_diff(config.width)) + u64::from(offer.height.abs_diff(config.height));
        let rate = (offer.rate - config.frame_rate).abs();
        let place = wanted.iter().position(|pixels| *pixels == offer.pixels);
        (size, (rate * 1000.0) as u64, place)
    };
    offers.iter().filter(|offer| wanted.contains(&offer.pixels)).min_by_key(|offer| distance(offer)).copied()
}

fn set_controls(device: &Device, name: &str, config: &CameraConfig) {
    let offered: Vec<u32> = device.query_controls().unwrap_or_default().iter().map(|control| control.id).collect();
    let set = |what: &str, value: Option<i64>, (automatic, off): (u32, Value), choices: &[u32]| {
        let Some(value) = value else { return };
        let Some(id) = choices.iter().find(|id| offered.contains(id)) else {
            log::warn!("{name}: the driver offers no {what}; camera.{what} is left out");
            return;
        };
        // Automatic control would override the value; not every driver has it.
        if offered.contains(&automatic)
            && let Err(e) = device.set_control(Control { id: automatic, value: off })
        {
            log::warn!("{name}: the automatic {what} cannot be switched off: {e}");
        }
        if let Err(e) = device.set_control(Control { id: *id, value: Value::Integer(value) }) {
            log::warn!("{name}: {what} cannot be set to {value}: {e}");
        }
    };
    set("exposure", config.exposure, (AUTO_EXPOSURE, EXPOSURE_MANUAL), &[EXPOSURE_ABSOLUTE, EXPOSURE]);
    set("gain", config.gain, (AUTO_GAIN, Value::Boolean(false)), &[GAIN]);
    let balance = (AUTO_WHITE_BALANCE, Value::Boolean(false));
    set("white_balance", config.white_balance, balance, &[WHITE_BALANCE_TEMPERATURE]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(width: u32, height: u32, pixels: [u8; 4], rate: f64) -> Offer {
        Offer { pixels, width, height, rate }
    }

    #[test]
    fn the_nearest_size_wins_then_the_nearest_rate_then_mjpg() {
        let wanted = [MJPG, YUYV];
        let config = CameraConfig { width: 640, height: 480, frame_rate: 10.0, ..CameraConfig::default() };
        let offers = [
            offer(1280, 720, MJPG, 10.0),
            offer(640, 480, *b"NV12", 10.0),
            offer(640, 480, YUYV, 30.0),
            offer(640, 480, YUYV, 15.0),
            offer(640, 480, MJPG, 15.0),
        ];
        assert_eq!(choose(&offers, &wanted, &config), Some(offers[4]));
        assert_eq!(choose(&offers, &[YUYV], &config), Some(offers[3]));
        assert_eq!(choose(&offers[1..2], &wanted, &config), None);
    }

    #[test]
    fn rows_that_a_driver_fills_up_are_cut_to_the_picture() {
        let mut format = Format::new(2, 2, FourCC::new(&YUYV));
        format.stride = 6;
        let line = |y: u8| [y, 128, y, 128, 0, 0];
        let picture = decode(&[line(40), line(200)].concat(), &format).unwrap();
        assert!(picture.get_pixel(0, 0).0[0] < picture.get_pixel(0, 1).0[0]);
        assert!(decode(&line(40), &format).is_err(), "a buffer that is filled half is no frame");
    }

    #[test]
    fn a_missing_device_is_named_with_what_to_do() {
        let error = V4l::open(Path::new("/dev/video987"), &CameraConfig::default()).unwrap_err().to_string();
        assert_eq!(error, "/dev/video987: no such device; plug the camera in, or see `leukoscope devices`");
    }
}
