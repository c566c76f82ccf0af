//! `[astm]`.

use serde::{Deserialize, Serialize};

use crate::config::keys::Accepts::{Baud, Laboratory, OneOf, Port, Text, Whole};
use crate::config::keys::{key, optional};
use crate::config::laboratory_address::LaboratoryAddress;
use crate::config::values::{Sends, SerialPort};

section! {
    /// Laboratory system that speaks ASTM E1381 and E1394 (CLSI LIS1-A and LIS2-A2), over a serial port, TCP, or both, each with an
    /// outbox of its own. docs/interfaces.md shows what is sent; the codes stand in the section codes.
    "astm", AstmConfig {
        /// Serial port of the laboratory system, such as "/dev/ttyUSB1", or "none". It is another one than that of the serial lines.
        port: SerialPort = SerialPort::None => key(Port).example(r#""/dev/ttyUSB1""#);
        /// Bits a second of that port, as for the serial lines.
        baud: u32 = 9600 => key(Baud);
        /// Over the network: "none", "lis.clinic:15200" to call the laboratory system, or "listen:0.0.0.0:15200" to be called. The
        /// standard has no encryption: use a network that patients' data may cross.
        tcp: LaboratoryAddress = LaboratoryAddress::None => key(Laboratory).example(r#""lis.clinic:15200""#);
        /// What is sent unasked: "signed" (final results alone), or "all" (preliminary ones too, marked P).
        send: Sends = Sends::Signed => key(OneOf(&["signed", "all"]));
        /// Letters on the wire: "latin1" (ISO 8859-1) or "utf-8".
        charset: AstmCharset = AstmCharset::Latin1 => key(OneOf(&["latin1", "utf-8"]));
        /// Name of the laboratory system, for the header; empty: none.
        receiver: Option<String> = None => optional(Text(40)).example(r#""LIS""#);
        /// Pictures of white cells sent with a result as M records, least certain first, 0 to 50. One takes some 4 s at 9600 baud.
        pictures: u32 = 0 => key(Whole(0, 50));
    }
}

/// Character set of an ASTM line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AstmCharset {
    Latin1,
    #[serde(rename = "utf-8")]
    Utf8,
}
