//! `[serial]`.

use serde::{Deserialize, Serialize};

use crate::config::keys::Accepts::{Baud, Number, OneOf, Port, Whole};
use crate::config::keys::key;
use crate::config::values::SerialPort;

section! {
    "serial", SerialConfig {
        /// "pty" (a new pseudo-terminal, whose path the program prints), "none", or a device such as "/dev/ttyUSB0".
        port: SerialPort = SerialPort::Pty => key(Port).example(r#""/dev/ttyUSB0""#);
        /// Bits a second: 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 921600, 1000000, 1500000.
        baud: u32 = 115_200 => key(Baud);
        /// Form of the lines: "json" or "csv". docs/serial-protocol.md describes both.
        format: LineFormat = LineFormat::Json => key(OneOf(&["json", "csv"]));
        /// Version of the lines: 1, or 2, which adds what the red cells look like. Hosts that know only 1 need not be changed.
        protocol: u32 = 1 => key(Whole(1, 2));
        /// Seconds between two update lines while something changes, 0.1 to 3600. Results go out at once.
        interval_seconds: f64 = 1.0 => key(Number(0.1, 3600.0)).unit("seconds");
    }
}

/// Form of the serial lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineFormat {
    Json,
    Csv,
}
