//! The configuration: `sections` has one row for each key; [`load`] reads, overrides and checks.

mod agreement;
mod broker;
mod camera_source;
mod glass;
mod hints;
mod keys;
pub mod limits;
pub mod load;
mod meant;
pub mod problem;
mod sections;
mod values;

pub use broker::{Broker, BrokerAddress, NotABroker};
pub use camera_source::{CameraSource, UnknownSource};
pub(crate) use keys::{is_language, whole_pattern};
pub use sections::{
    CameraConfig, ColourOrder, Config, Controls, DisplayConfig, DisplayKind, Flags, FlatFieldChoice, GpioBackend,
    LineFormat, MetricsConfig, ModelsConfig, MqttConfig, Optics, PixelFormat, QualityConfig, SerialConfig,
    SessionConfig, Station, StoreConfig, WebConfig, shipped_file,
};
pub use values::{ListenAddress, NotAPort, NotAnAddress, SerialPort};
