//! The configuration: `sections` has one row for each key; [`load`] reads, overrides and checks.

mod agreement;
mod broker;
mod camera_source;
mod for_support;
mod forms;
mod glass;
mod hints;
mod keys;
mod laboratory_address;
pub mod limits;
pub mod load;
mod meant;
mod own_classes;
pub mod problem;
mod sections;
mod values;

pub use broker::{Broker, BrokerAddress, NotABroker};
pub use camera_source::{CameraSource, UnknownSource};
pub use forms::{is_language, whole_pattern};
pub use laboratory_address::{LaboratoryAddress, NoLaboratoryAddress};
pub use own_classes::{NoOwnClasses, OwnClasses};
pub use sections::{
    AstmCharset, AstmConfig, CameraConfig, Charset, CodesConfig, ColourOrder, Config, ControlRequired, Controls,
    CriticalConfig, DisplayConfig, DisplayKind, FhirConfig, Flags, FlatFieldChoice, GpioBackend, Hl7Config,
    LaboratoryConfig, LineFormat, MetricsConfig, ModelsConfig, MqttConfig, Optics, PixelFormat, PracticeConfig,
    QualityConfig, QualityControlConfig, RedCellsConfig, ReviewConfig, SampleConfig, SampleField, ScanLayout,
    SerialConfig, SessionConfig, Station, StoreConfig, WebConfig, shipped_file,
};
pub use values::{FlagList, HostAddress, ListenAddress, NotAHost, NotAPort, NotAnAddress, Sends, SerialPort};
