//! Connected hardware for `leukoscope devices`: cameras, buses, GPIO chips and serial ports, and whether this user
//! may open it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};
use serialport::SerialPortType;

use crate::camera::{self, LibraryCamera};

/// A device file and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Path under `/dev`.
    pub path: PathBuf,
    /// Description; empty if nothing is known.
    pub about: String,
    /// Whether this user may read and write it.
    pub usable: bool,
}

/// All devices found, each list in numerical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// V4L2 cameras.
    pub cameras: Vec<Device>,
    /// Cameras by the library nokhwa; on Linux the same ones once more.
    pub nokhwa: Vec<LibraryCamera>,
    /// I2C buses, for SSD1306 and SH1106.
    pub i2c: Vec<Device>,
    /// SPI devices, for ST7789 and ILI9341.
    pub spi: Vec<Device>,
    /// GPIO chips, for buttons, lights and the lines of SPI panels.
    pub gpio: Vec<Device>,
    /// Serial ports.
    pub serial: Vec<Device>,
}

/// Finds all of them. What cannot be listed is left out.
#[must_use]
pub fn list() -> Devices {
    let cameras = camera::devices().into_iter().map(|camera| device(camera.path, camera.name)).collect();
    let nokhwa = camera::library_cameras();
    Devices { cameras, nokhwa, i2c: named("i2c-"), spi: named("spidev"), gpio: gpio(), serial: serial() }
}

fn device(path: PathBuf, about: String) -> Device {
    let usable = access(&path, Access::READ_OK | Access::WRITE_OK).is_ok();
    Device { path, about, usable }
}

/// Device files named `prefix` followed by a number.
fn named(prefix: &str) -> Vec<Device> {
    let mut found: Vec<PathBuf> = fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
        .collect();
    sort(&mut found);
    found
        .into_iter()
        .map(|path| {
            let about = about(&path);
            device(path, about)
        })
        .collect()
}

/// Adapter name of an I2C bus; empty for other devices.
fn about(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    let about = fs::read_to_string(Path::new("/sys/class/i2c-dev").join(name).join("name")).unwrap_or_default();
    about.trim().to_owned()
}

/// By number, so that 10 comes after 9.
fn sort(paths: &mut [PathBuf]) {
    paths.sort_by_key(|path| {
        let text = path.to_string_lossy();
        let digits = text.chars().rev().take_while(char::is_ascii_digit).count();
        let (name, number) = text.split_at(text.len() - digits);
        (name.to_owned(), number.parse::<u64>().unwrap_or_default())
    });
}

fn gpio() -> Vec<Device> {
    let mut found: Vec<PathBuf> = gpiocdev::chip::chips().unwrap_or_default();
    if found.is_empty() {
        // The library skips chips that this user may not open.
        found = named("gpiochip").into_iter().map(|device| device.path).collect();
    }
    sort(&mut found);
    let about = |path: &PathBuf| {
        let info = gpiocdev::Chip::from_path(path).and_then(|chip| chip.info()).ok()?;
        Some(format!("{}, {} lines", info.label, info.num_lines))
    };
    found
        .into_iter()
        .map(|path| {
            let about = about(&path).unwrap_or_default();
            device(path, about)
        })
        .collect()
}

fn serial() -> Vec<Device> {
    // The library requires this folder, which containers may lack.
    if !Path::new("/sys/class/tty").is_dir() {
        return Vec::new();
    }
    let about = |kind: &SerialPortType| match kind {
        SerialPortType::UsbPort(usb) => {
            let words = [usb.manufacturer.as_deref(), usb.product.as_deref()].into_iter().flatten();
            let words = words.collect::<Vec<_>>().join(" ");
            format!("USB {:04x}:{:04x} {words}", usb.vid, usb.pid).trim().to_owned()
        }
        SerialPortType::PciPort => "PCI".into(),
        SerialPortType::BluetoothPort => "Bluetooth".into(),
        SerialPortType::Unknown => String::new(),
    };
    let ports = serialport::available_ports().unwrap_or_default();
    let mut found: Vec<_> =
        ports.into_iter().map(|port| device(port.port_name.into(), about(&port.port_type))).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("Cameras", &self.cameras, "video", "plug one in, or use --camera simulated or --camera replay:PATH"),
            ("I2C buses", &self.i2c, "i2c", "switch I2C on (raspi-config, or the board's overlays)"),
            ("SPI devices", &self.spi, "spi", "switch SPI on (raspi-config, or the board's overlays)"),
            ("GPIO chips", &self.gpio, "gpio", "this board or container shows none"),
            ("Serial ports", &self.serial, "dialout", "plug an adapter in, or use the pseudo-terminal"),
        ];
        for (place, (title, devices, group, remedy)) in lists.into_iter().enumerate() {
            if place == 1 {
                self.write_library_cameras(f)?;
            }
            writeln!(f, "{title}:")?;
            if devices.is_empty() {
                writeln!(f, "  none; {remedy}")?;
            }
            for device in devices {
                write!(f, "  {}", device.path.display())?;
                if !device.about.is_empty() {
                    write!(f, "  {}", device.about)?;
                }
                if !device.usable {
                    write!(f, "  (no access: sudo usermod -aG {group} $USER, then log in again)")?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

impl Devices {
    fn write_library_cameras(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.nokhwa.is_empty() {
            writeln!(f, "Cameras by nokhwa:")?;
        }
        for camera in &self.nokhwa {
            writeln!(f, "  {}  {}", camera.source, camera.name)?;
            for line in &camera.formats {
                writeln!(f, "    {line}")?;
            }
            if !camera.controls.is_empty() {
                writeln!(f, "    {}", camera.controls.join("; "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_of_the_library_is_listed_with_what_it_offers() {
        let camera = LibraryCamera {
            source: "nokhwa:0".into(),
            name: "USB Microscope".into(),
            formats: vec!["MJPEG: 640 x 480 px at 30 frames a second".into()],
            controls: vec!["exposure 1 to 5000, now 156".into(), "gain 0 to 255, now 16".into()],
        };
        let said = Devices { nokhwa: vec![camera], ..Devices::default() }.to_string();
        let listed = "Cameras by nokhwa:\n  nokhwa:0  USB Microscope\n    MJPEG: 640 x 480 px at 30 frames a second\n    \
                      exposure 1 to 5000, now 156; gain 0 to 255, now 16\nI2C buses:\n";
        assert!(said.contains(listed), "{said}");
    }

    #[test]
    fn the_list_says_what_to_do_about_what_is_missing_or_closed() {
        let devices = Devices {
            i2c: vec![Device { path: "/dev/i2c-1".into(), about: "bcm2835".into(), usable: false }],
            serial: vec![Device { path: "/dev/ttyUSB0".into(), about: String::new(), usable: true }],
            ..Devices::default()
        };
        assert_eq!(
            devices.to_string(),
            "Cameras:\n  none; plug one in, or use --camera simulated or --camera replay:PATH\n\
             I2C buses:\n  /dev/i2c-1  bcm2835  (no access: sudo usermod -aG i2c $USER, then log in again)\n\
             SPI devices:\n  none; switch SPI on (raspi-config, or the board's overlays)\n\
             GPIO chips:\n  none; this board or container shows none\n\
             Serial ports:\n  /dev/ttyUSB0\n"
        );
    }

    #[test]
    fn devices_are_sorted_by_their_number() {
        let mut paths = ["/dev/i2c-10", "/dev/i2c-9", "/dev/i2c-1"].map(PathBuf::from);
        sort(&mut paths);
        assert_eq!(paths, ["/dev/i2c-1", "/dev/i2c-9", "/dev/i2c-10"].map(PathBuf::from));
    }
}
