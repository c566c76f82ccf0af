//! Temperature and throttling of the board, as Linux tells them in `/sys`. What a board does not tell is left out.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Longest content of a file that is read, bytes: each holds one number or one word.
const LONGEST: u64 = 64;

/// Temperatures that a board can have, °C: others come from a sensor that is missing or broken.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = -60.0..=200.0;

/// The bits of a Raspberry Pi's `get_throttled`: what holds now. 16 bits further up, whether it held since the start.
const REASONS: [(u32, &str); 4] =
    [(0, UNDER_VOLTAGE), (1, "frequency-capped"), (2, "throttled"), (3, "soft-temperature-limit")];

/// From the "now" bits to the "since the start" bits.
const SINCE_START: u32 = 16;

const UNDER_VOLTAGE: &str = "under-voltage";

/// A temperature of the board.
#[derive(Clone, Debug, PartialEq)]
pub struct Temperature {
    /// Its place, such as `thermal_zone0`.
    pub zone: String,
    /// What it measures, such as `cpu-thermal`.
    pub sensor: String,
    pub celsius: f64,
}

/// Why a board runs slower than it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttling {
    /// `under-voltage`, `frequency-capped`, `throttled` or `soft-temperature-limit`.
    pub reason: &'static str,
    /// Whether it is so now.
    pub now: bool,
    /// Whether it was so since the board started, if the board remembers.
    pub since_start: Option<bool>,
}

/// Where the board is read.
#[derive(Clone, Debug)]
pub struct Board(PathBuf);

impl Default for Board {
    fn default() -> Self {
        Self::at("/sys")
    }
}

impl Board {
    /// A board whose `/sys` is this folder.
    #[must_use]
    pub fn at(sys: impl Into<PathBuf>) -> Self {
        Self(sys.into())
    }

    /// All temperatures that can be read, in the order of their places.
    #[must_use]
    pub fn temperatures(&self) -> Vec<Temperature> {
        let of = |zone: PathBuf| {
            let thousandths: f64 = number(&zone.join("temp"))?;
            let celsius = Some(thousandths / 1000.0).filter(|celsius| PLAUSIBLE.contains(celsius))?;
            let sensor = text(&zone.join("type")).unwrap_or_default();
            Some(Temperature { zone: zone.file_name()?.to_string_lossy().into_owned(), sensor, celsius })
        };
        self.folders("class/thermal", "thermal_zone").into_iter().filter_map(of).collect()
    }

    /// Every reason for throttling that the board tells of, whether it holds or not: all four by a Raspberry Pi's
    /// firmware, low voltage alone by the kernel's own driver, none elsewhere.
    #[must_use]
    pub fn throttling(&self) -> Vec<Throttling> {
        self.by_firmware().map_or_else(|| self.by_voltage().into_iter().collect(), reasons)
    }

    fn by_firmware(&self) -> Option<u32> {
        // The driver's folder links to its device, whose own path differs from one board to the next.
        let devices = self.folders("bus/platform/drivers/raspberrypi-firmware", "");
        let at_known_place = self.0.join("devices/platform/soc/soc:firmware");
        let word =
            devices.into_iter().chain([at_known_place]).find_map(|device| text(&device.join("get_throttled")))?;
        u32::from_str_radix(word.trim_start_matches("0x"), 16).ok()
    }

    fn by_voltage(&self) -> Option<Throttling> {
        let sensors = self.folders("class/hwmon", "hwmon");
        let volt = sensors.into_iter().find(|sensor| text(&sensor.join("name")).as_deref() == Some("rpi_volt"))?;
        let alarm: u8 = number(&volt.join("in0_lcrit_alarm"))?;
        Some(Throttling { reason: UNDER_VOLTAGE, now: alarm != 0, since_start: None })
    }

    /// The folders in one, by their number.
    fn folders(&self, within: &str, prefix: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.0.join(within)) else { return Vec::new() };
        let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(named).collect();
        folders.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        folders
    }
}

/// What the bits of `get_throttled` mean.
fn reasons(bits: u32) -> Vec<Throttling> {
    let is = |bit: u32| bits & (1 << bit) != 0;
    let of = |(bit, reason)| Throttling { reason, now: is(bit), since_start: Some(is(bit + SINCE_START)) };
    REASONS.map(of).to_vec()
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn number<T: std::str::FromStr>(path: &Path) -> Option<T> {
    text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `/sys` with these files.
    fn sys(files: &[(&str, &str)]) -> (tempfile::TempDir, Board) {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let board = Board::at(root.path());
        (root, board)
    }

    #[test]
    fn temperatures_are_read_in_their_order_and_broken_sensors_left_out() {
        let (_root, board) = sys(&[
            ("class/thermal/thermal_zone10/temp", "41000\n"),
            ("class/thermal/thermal_zone2/temp", "61250\n"),
            ("class/thermal/thermal_zone2/type", "cpu-thermal\n"),
            ("class/thermal/thermal_zone0/temp", "-274000\n"),
            ("class/thermal/thermal_zone1/temp", "warm\n"),
            ("class/thermal/thermal_zone3/type", "no reading\n"),
            ("class/thermal/cooling_device0/temp", "1000\n"),
        ]);
        let found = board.temperatures();
        let short: Vec<_> = found.iter().map(|t| (t.zone.as_str(), t.sensor.as_str(), t.celsius)).collect();
        assert_eq!(short, [("thermal_zone2", "cpu-thermal", 61.25), ("thermal_zone10", "", 41.0)]);
    }

    #[test]
    fn a_raspberry_pi_tells_what_slows_it_down_now_and_did_since_its_start() {
        for place in ["bus/platform/drivers/raspberrypi-firmware/soc@1:firmware", "devices/platform/soc/soc:firmware"] {
            let (_root, board) = sys(&[(&format!("{place}/get_throttled"), "50005\n")]);
            let is = |reason, now, since_start| Throttling { reason, now, since_start: Some(since_start) };
            let expected = [
                is("under-voltage", true, true),
                is("frequency-capped", false, false),
                is("throttled", true, true),
                is("soft-temperature-limit", false, false),
            ];
            assert_eq!(board.throttling(), expected, "{place}");
        }
    }

    #[test]
    fn the_kernels_own_driver_tells_of_low_voltage_alone() {
        let volt = |alarm| {
            sys(&[
                ("class/hwmon/hwmon0/name", "cpu_thermal\n"),
                ("class/hwmon/hwmon1/name", "rpi_volt\n"),
                ("class/hwmon/hwmon1/in0_lcrit_alarm", alarm),
            ])
        };
        for (alarm, now) in [("1\n", true), ("0\n", false)] {
            let (_root, board) = volt(alarm);
            assert_eq!(board.throttling(), [Throttling { reason: "under-voltage", now, since_start: None }]);
        }
    }

    #[test]
    fn what_a_board_does_not_tell_is_not_made_up() {
        let (_root, board) = sys(&[("devices/platform/soc/soc:firmware/get_throttled", "not hexadecimal\n")]);
        assert_eq!(board.throttling(), []);
        assert_eq!(board.temperatures(), []);
    }
}
