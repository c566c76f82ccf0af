//! Configuration as a user meets it: what is accepted, and the exact message for what is refused.

use std::path::Path;

use leukoscope::config::load::{load, parse};
use leukoscope::config::problem::ConfigError;
use leukoscope::config::{Config, shipped_file};
use leukoscope::domain::class::{Group, Reported};
use leukoscope::domain::flag::Share;

/// The message for a file with this text, which the program must refuse.
pub(super) fn refusal(text: &str) -> String {
    parse(text, Path::new("l.toml")).expect_err("this text must be refused").to_string()
}

pub(super) fn env(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn the_shipped_file_is_written_from_the_rows_of_the_keys() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/leukoscope.toml");
    if std::env::var_os("UPDATE_SHIPPED").is_some() {
        std::fs::write(&file, shipped_file()).unwrap();
    }
    let shipped = std::fs::read_to_string(&file).unwrap();
    assert_eq!(shipped, shipped_file(), "to write it anew: UPDATE_SHIPPED=1 cargo test --test cli shipped");
}

#[test]
fn the_shipped_file_says_what_holds_without_a_file() {
    let shipped = parse(&shipped_file(), Path::new("shipped")).unwrap();
    let mut expected = Config::default();
    // A clinic's first count is of its own camera, when a person begins it.
    expected.camera.source = "choose".parse().unwrap();
    expected.session.autostart = false;
    assert_eq!(shipped, expected);
    assert_eq!(load(None, std::iter::empty()).unwrap(), Config::default());
    Config::default().check().unwrap();
}

#[test]
fn the_shipped_file_shows_every_key_and_each_of_its_commented_lines_can_be_used() {
    let uncommented: String = shipped_file()
        .lines()
        .map(|line| match line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ").map(|(key, _)| (rest, key))) {
            Some((rest, key)) if !key.contains(' ') => format!("{rest}\n"),
            // An empty path sets nothing.
            _ => format!("{line}\n").replace("= \"\"", "= \"/tmp\""),
        })
        .collect();
    let config = parse(&uncommented, Path::new("shipped")).unwrap();
    // Serializing a config in which every optional key is set lists every key of the structs.
    let all = toml::Table::try_from(&config).unwrap();
    let shown: toml::Table = uncommented.parse().unwrap();
    let keys = |table: &toml::Table| -> Vec<String> {
        let of = |(section, keys): (&String, &toml::Value)| {
            keys.as_table().unwrap().keys().map(|key| format!("{section}.{key}")).collect::<Vec<_>>()
        };
        table.iter().flat_map(of).collect()
    };
    assert_eq!(keys(&shown), keys(&all));
    assert!(format!("{config:?}").matches("None").count() == config_nones(&config), "an optional key is not shown");
}

/// `None` is also the name of a check digit, of a display kind, of a GPIO back end, and of ways that lead nowhere.
fn config_nones(config: &Config) -> usize {
    let Config { sample, display, controls, astm, hl7, mqtt, .. } = config;
    let named = (
        &sample.check_digit,
        &display.kind,
        &controls.gpio,
        &astm.port,
        &astm.tcp,
        &hl7.host,
        &hl7.listen,
        &mqtt.broker,
    );
    format!("{named:?}").matches("None").count()
}

#[test]
fn a_misspelt_key_is_named_with_its_line_and_the_right_key() {
    assert_eq!(
        refusal("[serial]\nport = \"pty\"\nbuad = 9600\n"),
        "l.toml:3:1: unknown key `buad` in [serial]; did you mean `baud`?\n  3 | buad = 9600\n  write: baud = 9600"
    );
    assert_eq!(
        refusal("[camera]\n  framerate = 5\n"),
        "l.toml:2:3: unknown key `framerate` in [camera]; did you mean `frame_rate`?\n  2 |   framerate = 5\n  \
         write: frame_rate = 5"
    );
}

#[test]
fn a_key_in_the_wrong_section_is_sent_to_its_own() {
    assert_eq!(
        refusal("[camera]\nbaud = 9600\n"),
        "l.toml:2:1: unknown key `baud` in [camera]; it belongs to [serial]\n  2 | baud = 9600\n  \
         write: baud = 9600 below [serial]"
    );
    assert_eq!(
        refusal("target = 200\n"),
        "l.toml:1:1: `target` stands outside its section\n  1 | target = 200\n  write: target = 200 below [session]"
    );
}

#[test]
fn a_key_like_no_other_gets_the_list_of_its_section() {
    assert_eq!(
        refusal("[session]\nzzz = 1\n"),
        "l.toml:2:1: unknown key `zzz` in [session]; [session] has no such key\n  2 | zzz = 1\n  \
         write: one of target, precision_of, precision_points, at_most, \
         red_count_cv_percent, autostart, or nothing"
    );
}

#[test]
fn a_misspelt_section_is_named_with_the_right_one() {
    assert_eq!(
        refusal("[cammera]\nwidth = 640\n"),
        "l.toml:1:2: unknown section [cammera]; did you mean [camera]?\n  1 | [cammera]\n  write: [camera]"
    );
}

#[test]
fn numbers_outside_their_range_are_refused_with_the_range() {
    for (section, line, what) in [
        ("camera", "width = 63", "width = 63 is outside 64 to 8192 pixels"),
        ("camera", "height = 8193", "height = 8193 is outside 64 to 8192 pixels"),
        ("camera", "frame_rate = 0", "frame_rate = 0 is outside 0.1 to 240 frames a second"),
        ("camera", "frame_rate = 240.1", "frame_rate = 240.1 is outside 0.1 to 240 frames a second"),
        (
            "camera",
            "frame_rate = nan",
            "frame_rate = nan is no number to count with; it must be 0.1 to 240 frames a second",
        ),
        ("camera", "stall_seconds = 5", "stall_seconds = 5 is outside 0.5 to 4.5 seconds"),
        ("session", "target = 0", "target = 0 is outside 1 to 100000 cells"),
        ("session", "target = 100001", "target = 100001 is outside 1 to 100000 cells"),
        ("flags", "blasts_percent = 101", "blasts_percent = 101 is outside 0 to 100 percent"),
        (
            "flags",
            "bands_percent = -inf",
            "bands_percent = -inf is no number to count with; it must be 0 to 100 percent",
        ),
        ("display", "i2c_address = 0x78", "i2c_address = 0x78 is outside 0x03 to 0x77"),
        ("display", "rotation = 90", "rotation = 90 is outside 0 to 3 quarter turns"),
        ("serial", "interval_seconds = 0", "interval_seconds = 0 is outside 0.1 to 3600 seconds"),
        ("models", "unknown_below = 1.5", "unknown_below = 1.5 is outside 0 to 1 as a probability"),
        (
            "serial",
            "baud = 115201",
            "baud = 115201 is no rate of a serial port; the rates are 1200, 2400, 4800, 9600, 19200, 38400, 57600, \
             115200, 230400, 460800, 500000, 921600, 1000000, 1500000",
        ),
    ] {
        let said = refusal(&format!("[{section}]\n{line}\n"));
        let (first, rest) = said.split_once('\n').unwrap();
        assert_eq!(first, format!("l.toml:2:1: {what}"));
        assert!(rest.starts_with(&format!("  2 | {line}\n  write: ")), "{said}");
    }
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_the_right_kind() {
    for (section, line, what) in [
        ("camera", "width = \"640\"", "width = \"640\" must be a whole number, 64 to 8192 pixels, without quotes"),
        ("camera", "width = 640.5", "width = 640.5 must be a whole number, 64 to 8192 pixels, without quotes"),
        ("camera", "repeat = \"yes\"", "repeat = \"yes\" must be true or false, without quotes"),
        ("camera", "source = 0", "source = 0 must be text in quotes"),
        ("camera", "format = \"mjpeg\"", "format = \"mjpeg\" is not one of \"any\", \"mjpg\", \"yuyv\""),
        ("serial", "format = [\"json\"]", "format = [\"json\"] must be one of \"json\", \"csv\", in quotes"),
        ("station", "name = \"\"", "name = \"\" is empty; it must have 1 to 32 characters"),
        ("station", "name = \"a\\tb\"", "name = \"a\\tb\" has a control character in it"),
        ("station", "name = \"血\"", "name = \"血\" holds “血” (U+8840), which reports cannot print"),
        ("sample", "pattern = '[A'", "pattern = '[A' is no regular expression, or one that takes too much memory"),
        (
            "serial",
            "port = \"ttyUSB0\"",
            "port = \"ttyUSB0\" is no port; a port is \"pty\", \"none\" or the path of a device",
        ),
        ("display", "i2c_bus = \"1\"", "i2c_bus = \"1\" must be the path of a device, from the root on"),
    ] {
        let said = refusal(&format!("[{section}]\n{line}\n"));
        assert_eq!(said.lines().next().unwrap(), format!("l.toml:2:1: {what}"));
    }
}

#[test]
fn a_camera_is_refused_with_the_camera_that_was_probably_meant() {
    for (source, write) in [
        ("/dev/video2", "v4l:/dev/video2"),
        ("simulate", "simulated"),
        ("v4l:video0", "v4l:/dev/video0"),
        ("./slides", "replay:./slides"),
        ("replay:", "replay:/path/to/images"),
        ("pan:", "pan:/path/to/scan.png"),
        ("command:", "command:rpicam-vid --codec mjpeg -t 0 -o -"),
    ] {
        let said = refusal(&format!("[camera]\nsource = {source:?}\n"));
        assert_eq!(said.lines().last().unwrap(), format!("  write: source = {write:?}"));
    }
}

#[test]
fn text_that_is_no_toml_is_refused_with_the_line_as_it_should_be() {
    for (line, write) in [
        ("port = /dev/ttyUSB0", "port = \"/dev/ttyUSB0\""),
        ("baud: 9600", "baud = 9600"),
        ("baud 9600", "baud = 9600"),
        ("baud =", "baud = 115200"),
        ("format = \"json", "format = \"json\""),
    ] {
        let said = refusal(&format!("[serial]\n{line}\n"));
        assert!(said.starts_with("l.toml:2:"), "{said}");
        assert!(said.ends_with(&format!("\n  2 | {line}\n  write: {write}")), "{said}");
    }
    let said = refusal("[serial\nbaud = 9600\n");
    assert!(said.starts_with("l.toml:1:") && said.ends_with("write: [serial]"), "{said}");
    let said = refusal("[serial]\nbaud = 9600\nbaud = 9600\n");
    assert!(
        said.starts_with("l.toml:3:1: duplicate key") && said.ends_with("write: it once, and delete the other line")
    );
}

#[test]
fn a_display_of_a_size_that_its_controller_has_not_is_refused_in_its_line() {
    assert_eq!(
        refusal("[display]\nkind = \"st7789\"\nwidth=320\nheight=240\n"),
        "l.toml:3:1: 320x240 with rotation = 0 is no size of an ST7789; it has at most 240x320, and at most 320x240 \
         with rotation = 1 or 3\n  3 | width=320\n  write: rotation = 1 on a line of its own, beside this one"
    );
    let said = refusal("[display]\nkind = \"ili9341\"\nwidth = 320\nheight = 240\nrotation = 2\n");
    assert!(said.starts_with("l.toml:5:1: ") && said.ends_with("write: rotation = 3"), "{said}");
    let said = refusal("[display]\nkind = \"sh1106\"\nheight = 32\n");
    assert!(said.starts_with("l.toml:3:1: ") && said.ends_with("write: height = 64"), "{said}");
    for good in [
        "kind = \"ssd1306\"\nwidth = 128\nheight = 32",
        "kind = \"ssd1306\"\nrotation = 1",
        "kind = \"st7789\"\nwidth = 320\nheight = 240\nrotation = 1",
        "kind = \"ili9341\"\nwidth = 240\nheight = 320\ninvert = true\ncolour_order = \"rgb\"",
    ] {
        parse(&format!("[display]\n{good}\n"), Path::new("l.toml")).unwrap();
    }
}

#[test]
fn the_limit_of_every_share_is_a_key_with_the_unit_of_its_row_and_every_group_of_the_differential_can_end_a_count() {
    for share in Share::ALL {
        let row = share.row();
        let said = refusal(&format!("[flags]\n{} = 101\n", row.limit));
        assert!(said.contains(&format!("{} = 101 is outside 0 to 100 {}", row.limit, row.unit)), "{said}");
    }
    let said = refusal("[session]\nprecision_of = \"?\"\n");
    for group in Group::ALL {
        let named = said.contains(&format!("{:?}", group.code()));
        // No network answers plasma cells, so that no count can wait for them.
        let counted = group.reported() == Reported::Percent && *group != Group::PlasmaCells;
        assert_eq!(named, counted, "{}: {said}", group.code());
    }
}

#[test]
fn every_mistake_is_told_in_one_go_in_the_order_of_the_file() {
    let said = refusal("[serial]\nbuad = 1\n[camera]\nwidth = 1\nheight = 1\n");
    let places: Vec<&str> = said.lines().filter(|line| line.starts_with("l.toml")).map(|line| &line[..9]).collect();
    assert_eq!(places, ["l.toml:2:", "l.toml:4:", "l.toml:5:"]);
}

#[test]
fn the_most_to_count_by_precision_is_not_less_than_the_target() {
    assert!(refusal("[session]\ntarget = 500\nprecision_of = \"blasts\"\nat_most = 200\n").contains(
        "l.toml:4:1: at_most = 200 is less than target = 500, which is counted first\n  4 | at_most = 200\n  \
             write: at_most = 2500"
    ));
    assert!(
        refusal("[session]\nprecision_of = \"blats\"\n").contains("write: precision_of = \"blasts\""),
        "{}",
        refusal("[session]\nprecision_of = \"blats\"\n")
    );
}

#[test]
fn two_controls_on_one_line_are_refused_at_the_second() {
    let text = "[controls]\ngpio = \"cdev\"\nstart_line = 5\nstop_line = 6\nrunning_led_line = 5\n";
    assert_eq!(
        refusal(text),
        "l.toml:5:1: running_led_line = 5 is the line of start_line in [controls] too\n  5 | running_led_line = 5\n  \
         write: running_led_line = 27, or another free line"
    );
    let panel = "[display]\nkind = \"st7789\"\n[controls]\ngpio = \"cdev\"\nstart_line = 25\n";
    assert!(
        refusal(panel).starts_with("l.toml:5:1: start_line = 25 is the line of data_command_line in [display] too")
    );
    let other_chip = panel.replace("\"cdev\"", "\"cdev\"\ngpio_chip = \"/dev/gpiochip1\"");
    parse(&other_chip, Path::new("l.toml")).unwrap();
}

#[test]
fn a_frame_interval_that_would_count_as_a_stall_is_refused() {
    let said = refusal("[camera]\nframe_rate = 0.2\n");
    assert!(said.starts_with("l.toml:2:1: frame_rate = 0.2 gives a frame every 5.0 seconds"), "{said}");
}

#[test]
fn a_png_display_needs_a_folder_that_is_there() {
    let said = refusal("[display]\nkind = \"png\"\npng = \"/nowhere/at/all/x.png\"\n");
    assert!(
        said.starts_with("l.toml:3:1: png = \"/nowhere/at/all/x.png\": there is no folder /nowhere/at/all"),
        "{said}"
    );
}
