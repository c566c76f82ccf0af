//! Where a configuration comes from: the file, variables, and what the program changes; and any text that might stand in it.

use std::path::{Path, PathBuf};

use crate::config::env;
use leukoscope::config::load::{load, parse};
use leukoscope::config::{Config, DisplayKind, LineFormat, SerialPort, shipped_file};
use proptest::prelude::*;

#[test]
fn variables_override_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leukoscope.toml");
    std::fs::write(&file, "[serial]\nport = \"none\"\nbaud = 9600\n").unwrap();
    let variables = [
        ("LEUKOSCOPE_SERIAL_PORT", "/dev/ttyUSB3"),
        ("LEUKOSCOPE_SERIAL_FORMAT", "csv"),
        ("LEUKOSCOPE_CAMERA_FRAME_RATE", "25"),
        ("LEUKOSCOPE_SESSION_AUTOSTART", "false"),
        ("LEUKOSCOPE_DISPLAY_KIND", "none"),
        ("LEUKOSCOPE_DISPLAY_I2C_ADDRESS", "0x3d"),
        ("LEUKOSCOPE_MODELS", "/anywhere"),
        ("LEUKOSCOPE_LOG", "debug"),
        ("PATH", "/bin"),
    ];
    let config = load(Some(&file), variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))).unwrap();
    assert_eq!((config.serial.port, config.serial.baud), (SerialPort::Device("/dev/ttyUSB3".into()), 9600));
    assert_eq!(config.serial.format, LineFormat::Csv);
    assert!((config.camera.frame_rate - 25.0).abs() < 1e-9);
    assert!(!config.session.autostart);
    assert_eq!((config.display.kind, config.display.i2c_address), (DisplayKind::None, 0x3d));
}

#[test]
fn a_wrong_variable_is_named() {
    assert_eq!(
        env(&[("LEUKOSCOPE_SERIAL_BAUD", "fast")]).unwrap_err().to_string().lines().next().unwrap(),
        "LEUKOSCOPE_SERIAL_BAUD: baud = \"fast\" must be one of 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, \
         230400, 460800, 500000, 921600, 1000000, 1500000, without quotes"
    );
    assert_eq!(
        env(&[("LEUKOSCOPE_SERIAL_PRT", "pty")]).unwrap_err().to_string(),
        "LEUKOSCOPE_SERIAL_PRT: no setting has this name; did you mean LEUKOSCOPE_SERIAL_PORT?\n  \
         write: LEUKOSCOPE_SERIAL_PORT=pty"
    );
    let said = env(&[("LEUKOSCOPE_CAMERA_FRAME_RATE", "0")]).unwrap_err().to_string();
    assert!(said.ends_with("write: LEUKOSCOPE_CAMERA_FRAME_RATE=10.0"), "{said}");
}

#[test]
fn an_optional_key_can_be_taken_back() {
    let config = parse("[display]\nreset_line = \"none\"\n[camera]\nexposure = 5\n", Path::new("l.toml")).unwrap();
    assert_eq!((config.display.reset_line, config.camera.exposure), (None, Some(5)));
    assert_eq!(env(&[("LEUKOSCOPE_DISPLAY_RESET_LINE", "")]).unwrap().display.reset_line, None);
}

#[test]
fn a_changed_config_is_checked_again() {
    let mut config = Config::default();
    config.camera.width = 1;
    config.session.target = 0;
    let said = config.check().unwrap_err().to_string();
    assert!(said.contains("camera.width: width = 1 is outside 64 to 8192 pixels"), "{said}");
    assert!(said.contains("session.target: target = 0 is outside 1 to 100000 cells"), "{said}");

    let mut config = Config::default();
    config.camera.frame_rate = f64::NAN;
    assert!(config.check().unwrap_err().to_string().starts_with("camera.frame_rate: frame_rate = nan is no number"));
    let mut config = Config::default();
    config.camera.seed = u64::MAX;
    assert!(config.check().unwrap_err().to_string().starts_with("camera.seed: "));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_what_to_do() {
    let none = std::iter::empty;
    let said = load(Some(Path::new("/nowhere/l.toml")), none()).unwrap_err().to_string();
    assert!(said.starts_with("/nowhere/l.toml: ") && said.contains("name a file that is there"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    assert!(load(Some(folder.path()), none()).unwrap_err().to_string().contains("name a configuration file"));
    let binary = folder.path().join("binary");
    std::fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    assert!(load(Some(&binary), none()).unwrap_err().to_string().contains("write it anew as UTF-8 text"));
}

#[test]
fn the_state_folder_is_the_first_that_is_given() {
    let from = |config: &Config, variables: &[(&str, &str)]| {
        config.state_folder_from(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v)))
    };
    let mut config = Config::default();
    let home = ("HOME", "/home/t");
    assert_eq!(from(&config, &[home]), Path::new("/home/t/.local/state/leukoscope"));
    assert_eq!(from(&config, &[home, ("XDG_STATE_HOME", "/s")]), Path::new("/s/leukoscope"));
    let all = [home, ("XDG_STATE_HOME", "/s"), ("STATE_DIRECTORY", "/var/lib/leukoscope:/other")];
    assert_eq!(from(&config, &all), Path::new("/var/lib/leukoscope"));
    config.station.state = Some("/mine".into());
    assert_eq!(from(&config, &all), Path::new("/mine"));
}

fn mutated() -> impl Strategy<Value = String> {
    let shipped = shipped_file();
    let cut = (0..shipped.len(), 0..shipped.len(), ".{0,12}");
    cut.prop_map(move |(a, b, insert)| {
        let (a, b) = (a.min(b), a.max(b).min(a.min(b) + 40));
        let mut bytes = shipped.as_bytes().to_vec();
        bytes.splice(a..b, insert.bytes());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

proptest! {
    #[test]
    fn any_text_is_taken_or_refused_with_a_line_of_its_own(text in prop_oneof!["\\PC*", "[\\[\\]=\"'{}.#a-z0-9\n\r ]*", mutated()]) {
        match parse(&text, Path::new("l.toml")) {
            Ok(config) => config.check().unwrap(),
            Err(error) => {
                let lines = text.lines().count().max(1);
                prop_assert!(!error.problems().is_empty());
                for problem in error.problems() {
                    if let leukoscope::config::problem::Location::File { line, .. } = &problem.place {
                        // A problem at the very end is on the line after the last newline.
                        prop_assert!((1..=lines + 1).contains(line), "line {} of {}", line, lines);
                    }
                }
            }
        }
    }
}
