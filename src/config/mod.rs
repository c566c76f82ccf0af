//! What can be set: serde structs with their defaults. Reading, checking and overriding is [`load`]'s work.
//!
//! `systemd/leukoscope.toml` shows every key with its default and a comment; a test holds the two together.

mod agreement;
mod camera_source;
mod hints;
mod keys;
pub mod limits;
pub mod load;
pub mod problem;
mod store;
mod web;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use camera_source::{CameraSource, UnknownSource};
pub use keys::is_language;
pub use store::StoreConfig;
pub use web::WebConfig;

use crate::domain::class::Group;
use crate::domain::prevalence_mode::PrevalenceMode;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub station: Station,
    pub camera: CameraConfig,
    pub optics: Optics,
    pub quality: QualityConfig,
    pub models: ModelsConfig,
    pub session: SessionConfig,
    pub flags: Flags,
    pub display: DisplayConfig,
    pub serial: SerialConfig,
    pub metrics: MetricsConfig,
    pub controls: Controls,
    pub web: WebConfig,
    pub store: StoreConfig,
}

/// Who and where this device is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Station {
    /// Name of this device in every line it sends, 1 to 32 characters.
    pub name: String,
    /// Folder for results. Empty: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/leukoscope`, else `~/.local/state/leukoscope`.
    pub state: PathBuf,
}

/// The camera and how it is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraConfig {
    /// Which camera.
    pub source: CameraSource,
    /// Frame width to ask for, px.
    pub width: u32,
    /// Frame height to ask for, px.
    pub height: u32,
    /// Frames a second to ask for; also the pace of a paced replay.
    pub frame_rate: f64,
    /// V4L2: `mjpg`, `yuyv` or `any`.
    pub format: PixelFormat,
    /// V4L2: exposure in the driver's units; none leaves the driver's choice.
    pub exposure: Option<i64>,
    /// V4L2: gain in the driver's units.
    pub gain: Option<i64>,
    /// V4L2: white-balance temperature in kelvin.
    pub white_balance: Option<i64>,
    /// Replay: begin again after the last frame.
    pub repeat: bool,
    /// Replay: at `frame_rate` like a live camera, or every frame as fast as it is used.
    pub paced: bool,
    /// Simulated: the number that fixes slide, stage and noise.
    pub seed: u64,
    /// Seconds without a frame after which the camera is opened again.
    pub stall_seconds: f64,
}

/// The pixel format of a V4L2 camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PixelFormat {
    Any,
    Mjpg,
    Yuyv,
}

/// Optics of the microscope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optics {
    /// Micrometres a camera pixel; none: taken from the red cells (median diameter 7.2 um).
    pub um_per_px: Option<f64>,
    /// How uneven light is taken out.
    pub flat_field: FlatFieldChoice,
    /// Name of the camera in its calibration; none: its driver's.
    pub camera: Option<String>,
    /// Name of the objective in the calibration, such as `100x`; none where there is one only.
    pub objective: Option<String>,
}

/// Ways to take out uneven light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlatFieldChoice {
    /// By the calibration of this camera and objective if there is one, else learned while the stage moves.
    #[default]
    Auto,
    /// By the calibration; without one the program does not start.
    Stored,
    /// Learned while the stage moves.
    Learned,
    /// Not at all.
    None,
}

/// Which frames are counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QualityConfig {
    /// Leave out frames that are blurred, badly lit, too thick, too thin or empty.
    pub gate: bool,
}

/// The models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// Folder of `model.toml`. Empty: `$LEUKOSCOPE_MODELS`, else `/usr/share/leukoscope/models`, else `models` beside the source.
    pub folder: PathBuf,
    /// Probability under which a cell is called unknown, 0..1; none: the model's own.
    pub unknown_below: Option<f64>,
    /// Composition of the sample that answers are brought to.
    pub prevalence: PrevalenceMode,
    /// Confusion matrix by which results are corrected, too; none: `confusion.toml` of the models' folder, if it is there.
    pub confusion: Option<PathBuf>,
}

/// One sample's count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    /// Cells of the differential to count, 1..=100000.
    pub target: u32,
    /// Group whose share decides, past `target`, when the count ends; none: the number of cells alone does.
    pub precision_of: Option<Group>,
    /// Percentage points that the interval of that share may be wide, 0.1..=50.
    pub precision_points: f64,
    /// Cells of the differential at which the count ends even so, 1..=100000.
    pub at_most: u32,
    /// Coefficient of variation of red counts that persons enter, percent, 0..=20.
    pub red_count_cv_percent: f64,
    /// Begin to count as soon as the program is up, instead of on `start`.
    pub autostart: bool,
}

/// Limits of the flags, in percent (of the differential, or per 100 cells of it for red cells).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Flags {
    pub blasts_percent: f64,
    pub bands_percent: f64,
    pub immature_granulocytes_percent: f64,
    pub nucleated_red_per_100: f64,
    pub unclassified_percent: f64,
    /// Not a flag: nucleated red cells per 100 white cells from which the estimate of white cells is given without them.
    pub correct_white_from: f64,
}

/// Figures of the running program for whatever watches the station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// `OpenMetrics` text file to write; empty: none.
    pub file: PathBuf,
    /// Seconds between two writings.
    pub seconds: f64,
}

/// The display.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisplayConfig {
    /// Which display.
    pub kind: DisplayKind,
    /// Width in pixels of an SPI panel, a PNG or the terminal picture.
    pub width: u32,
    /// Height in pixels of the same.
    pub height: u32,
    /// I2C bus of SSD1306 and SH1106.
    pub i2c_bus: PathBuf,
    /// I2C address, usually 0x3c or 0x3d.
    pub i2c_address: u8,
    /// SPI device of ST7789 and ILI9341.
    pub spi_device: PathBuf,
    /// SPI clock, Hz.
    pub spi_hz: u32,
    /// GPIO chip of the data/command and reset lines.
    pub gpio_chip: PathBuf,
    /// Line number of data/command.
    pub data_command_line: u32,
    /// Line number of reset; none if it is tied high.
    pub reset_line: Option<u32>,
    /// Quarter turns clockwise, 0..=3.
    pub rotation: u8,
    /// File of a PNG display.
    pub png: PathBuf,
}

/// Kinds of display.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DisplayKind {
    None,
    Terminal,
    Png,
    Ssd1306,
    Sh1106,
    St7789,
    Ili9341,
}

/// The serial port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SerialConfig {
    /// `pty` (a fresh pseudo-terminal), `none`, or a device path such as `/dev/ttyUSB0`.
    pub port: String,
    /// Bits a second.
    pub baud: u32,
    /// Form of the lines.
    pub format: LineFormat,
    /// Seconds between two update lines while something changes, 0.1..=3600.
    pub interval_seconds: f64,
}

/// Form of the serial lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineFormat {
    Json,
    Csv,
}

/// Buttons and lights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Controls {
    /// Which way GPIO is reached.
    pub gpio: GpioBackend,
    /// GPIO chip of the lines below.
    pub gpio_chip: PathBuf,
    /// Line of the start button (to ground, pull-up).
    pub start_line: Option<u32>,
    /// Line of the stop button.
    pub stop_line: Option<u32>,
    /// Line of the new-sample button.
    pub new_sample_line: Option<u32>,
    /// Line of the light that is on while counting.
    pub running_led_line: Option<u32>,
    /// Line of the light that is on in trouble.
    pub trouble_led_line: Option<u32>,
}

/// Ways to GPIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GpioBackend {
    /// No buttons or lights.
    None,
    /// The kernel's character device: any board.
    Cdev,
    /// A Raspberry Pi's registers (feature `gpio-rppal`).
    Rppal,
}

impl Default for Station {
    fn default() -> Self {
        Self { name: "leukoscope".into(), state: PathBuf::new() }
    }
}

impl Default for CameraConfig {
    fn default() -> Self {
        Self {
            source: CameraSource::Simulated,
            width: 640,
            height: 480,
            frame_rate: 10.0,
            format: PixelFormat::Any,
            exposure: None,
            gain: None,
            white_balance: None,
            repeat: false,
            paced: false,
            seed: 1,
            stall_seconds: 4.0,
        }
    }
}

impl Default for QualityConfig {
    fn default() -> Self {
        Self { gate: true }
    }
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self { folder: PathBuf::new(), unknown_below: None, prevalence: PrevalenceMode::Sample, confusion: None }
    }
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            target: 100,
            precision_of: None,
            precision_points: 2.0,
            at_most: 1000,
            red_count_cv_percent: 2.0,
            autostart: true,
        }
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            blasts_percent: 1.0,
            bands_percent: 10.0,
            immature_granulocytes_percent: 2.0,
            nucleated_red_per_100: 1.0,
            unclassified_percent: 10.0,
            correct_white_from: 5.0,
        }
    }
}

impl Default for DisplayConfig {
    fn default() -> Self {
        Self {
            kind: DisplayKind::Terminal,
            width: 128,
            height: 64,
            i2c_bus: "/dev/i2c-1".into(),
            i2c_address: 0x3c,
            spi_device: "/dev/spidev0.0".into(),
            spi_hz: 32_000_000,
            gpio_chip: "/dev/gpiochip0".into(),
            data_command_line: 25,
            reset_line: Some(27),
            rotation: 0,
            png: "leukoscope.png".into(),
        }
    }
}

impl Default for SerialConfig {
    fn default() -> Self {
        Self { port: "pty".into(), baud: 115_200, format: LineFormat::Json, interval_seconds: 1.0 }
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { file: PathBuf::new(), seconds: 5.0 }
    }
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            gpio: GpioBackend::None,
            gpio_chip: "/dev/gpiochip0".into(),
            start_line: None,
            stop_line: None,
            new_sample_line: None,
            running_led_line: None,
            trouble_led_line: None,
        }
    }
}
