//! The daemon as a whole: started, counting, stopped.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{models_folder, real};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::store::{FILE, Store};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

/// A running daemon; dropping it ends the process.
pub(crate) struct Daemon {
    child: Child,
    serial: BufReader<fs::File>,
    pub(crate) state: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments)
    }

    /// The same with a state folder that has been used before.
    pub(crate) fn start_in(state: tempfile::TempDir, arguments: &[&str]) -> Self {
        Self::start_with_page(state, arguments, "none")
    }

    /// The same with the page at an address.
    pub(crate) fn start_with_page(state: tempfile::TempDir, arguments: &[&str], listen: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(["run", "--display", "none", "--serial", "pty"])
            .args(arguments)
            .env("LEUKOSCOPE_MODELS", models_folder())
            .env("LEUKOSCOPE_STATION_STATE", state.path())
            .env("LEUKOSCOPE_WEB_LISTEN", listen)
            .env("LEUKOSCOPE_SERIAL_INTERVAL_SECONDS", "0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let path = first.trim().strip_prefix("serial on ").unwrap_or_else(|| panic!("no serial port in {first:?}"));
        let serial = BufReader::new(fs::File::options().read(true).write(true).open(path).unwrap());
        Self { child, serial, state }
    }

    /// Reads serial lines until one matches.
    pub(crate) fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_mins(4);
        let mut line = String::new();
        while Instant::now() < until {
            if self.serial.buffer().is_empty() {
                // Without a timeout, a read would block for ever when nothing arrives.
                let second = Timespec { tv_sec: 1, tv_nsec: 0 };
                let mut port = [PollFd::new(self.serial.get_ref(), PollFlags::IN)];
                if poll(&mut port, Some(&second)).unwrap() == 0 {
                    continue;
                }
            }
            line.clear();
            self.serial.read_line(&mut line).unwrap();
            if let Ok(value) = serde_json::from_str::<Value>(line.trim())
                && wanted(&value)
            {
                return value;
            }
        }
        panic!("no line with {what}; the last was {line}");
    }

    /// Takes the state folder, so that another daemon can go on with it.
    pub(crate) fn give_state(&mut self) -> tempfile::TempDir {
        std::mem::replace(&mut self.state, tempfile::tempdir().unwrap())
    }

    pub(crate) fn send(&mut self, words: &str) {
        use std::io::Write as _;
        writeln!(self.serial.get_mut(), "{words}").unwrap();
    }

    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    fn store(&self) -> Store {
        Store::open_to_read(self.state.path()).unwrap().unwrap()
    }

    pub(crate) fn kept_results(&self) -> Vec<Value> {
        let listed = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
            .args(["sessions", "--json"])
            .env("LEUKOSCOPE_STATION_STATE", self.state.path())
            .output()
            .unwrap();
        assert!(listed.status.success(), "{listed:?}");
        String::from_utf8(listed.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub(crate) fn counted(line: &Value) -> u64 {
    line["WBC"].as_u64().unwrap_or(0)
}

#[test]
fn a_count_rises_and_sigterm_ends_it_with_its_result_sent_and_kept() {
    let mut daemon = Daemon::start(&["--camera", "simulated", "--target", "100000"]);
    let early = daemon.wait_for("a white cell", |line| counted(line) > 0);
    assert_eq!(early["phase"], "counting");
    daemon.wait_for("more white cells", |line| counted(line) > counted(&early) + 3);
    daemon.terminate();
    let last = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!(daemon.exit_code(), Some(0));
    assert_eq!(last["ending"], "shutdown");
    let kept = daemon.kept_results();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["kinds"]["WBC"].as_u64().unwrap(), counted(&last));
}

#[test]
fn the_cells_that_are_kept_are_those_that_the_result_counts_each_with_its_picture() {
    let mut daemon = Daemon::start(&["--camera", "simulated", "--target", "12"]);
    daemon.wait_for("the result", |line| line["type"] == "preliminary");
    daemon.terminate();
    assert_eq!(daemon.exit_code(), Some(0));
    let store = daemon.store();
    let result = store.find(1).unwrap().unwrap();
    let mut kept: BTreeMap<CellClass, u32> = BTreeMap::new();
    for cell in store.cells(result.session, Some(Kind::Wbc), None).unwrap() {
        assert!(cell.has_crop, "{cell:?}");
        let picture = store.crop(result.session, cell.number).unwrap().unwrap();
        assert!(image::load_from_memory(&picture).is_ok(), "{cell:?}");
        *kept.entry(cell.class.unwrap()).or_default() += 1;
    }
    // A cell detected as white but classified as a platelet counts as a platelet.
    kept.remove(&CellClass::Plt);
    let counted = result.snapshot.classes.iter().map(|line| (line.class, line.count));
    assert_eq!(kept, counted.collect());
    assert_eq!(kept.values().sum::<u32>(), result.snapshot.kinds.wbc);
    assert!(result.snapshot.counted >= 12);
}

#[test]
fn a_result_that_cannot_be_kept_is_shown_to_nobody_until_it_is() {
    let mut daemon = Daemon::start(&["--camera", "simulated", "--target", "100000", "--sample", "A1"]);
    daemon.wait_for("a white cell", |line| counted(line) > 0);
    let file = rusqlite::Connection::open(daemon.state.path().join(FILE)).unwrap();
    file.execute_batch("CREATE TRIGGER no_room BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'no room'); END")
        .unwrap();
    daemon.send("stop");
    let shown = |line: &Value| {
        assert!(line["phase"] != "done" && line["type"] != "preliminary", "{line}");
        line["trouble"].as_str().is_some_and(|trouble| trouble.contains("no room"))
    };
    let before = daemon.wait_for("the trouble", shown);
    // Nothing changes, so nothing is sent unprompted; a status request must get the same answer.
    let asked = Instant::now();
    let again = loop {
        daemon.send("status");
        let answer = daemon.wait_for("the trouble again", shown);
        if answer["time"] != before["time"] {
            break answer;
        }
        assert!(asked.elapsed() < Duration::from_mins(1), "{answer}");
    };
    assert_eq!((&again["phase"], counted(&again)), (&Value::from("counting"), counted(&before)));
    file.execute_batch("DROP TRIGGER no_room").unwrap();
    let last = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!((&last["sample"], &last["ending"]), (&Value::from("A1"), &Value::from("stopped")));
    assert_eq!(
        (&last["phase"], counted(&last)),
        (&Value::from("done"), u64::from(daemon.store().find(1).unwrap().unwrap().snapshot.kinds.wbc))
    );
}

#[test]
fn a_store_that_cannot_be_used_is_told_of_on_the_display() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("leukoscope.lock"), "a store was made here\n").unwrap();
    let (code, complaint) = run_to_end(&["--display", "png"], state.path());
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("is gone, although results were kept there"), "{complaint}");
    let shown = image::open(state.path().join("display.png")).unwrap().to_rgb8();
    assert!(shown.pixels().any(|pixel| pixel != shown.get_pixel(0, 0)), "the picture is empty");
}

#[test]
fn a_host_stops_a_count_and_begins_the_next_sample() {
    let mut daemon = Daemon::start(&["--camera", "simulated", "--target", "100000", "--sample", "A1"]);
    daemon.wait_for("sample A1", |line| line["sample"] == "A1" && counted(line) > 0);
    daemon.send("stop");
    let first = daemon.wait_for("the result of A1", |line| line["type"] == "preliminary");
    assert_eq!((&first["sample"], &first["ending"]), (&Value::from("A1"), &Value::from("stopped")));
    daemon.send("new B2");
    let next = daemon.wait_for("sample B2", |line| line["sample"] == "B2" && line["phase"] == "counting");
    assert!(counted(&next) <= 2, "the new sample begins from zero: {next}");
    daemon.terminate();
    assert_eq!(daemon.exit_code(), Some(0));
    let samples: Vec<_> = daemon.kept_results().into_iter().map(|result| result["sample"].clone()).collect();
    assert_eq!(samples, ["A1", "B2"]);
    let mut trail = Store::open(daemon.state.path()).unwrap().audit(None, None, 100).unwrap();
    trail.reverse();
    let told: Vec<_> = trail.iter().map(|line| (line.by.as_str(), line.action.as_str(), line.session)).collect();
    let by_host = [("device:serial", "stop", Some(1)), ("device:serial", "begin", Some(2))];
    let expected = [("device", "begin", Some(1)), by_host[0], ("device", "result", Some(1)), by_host[1]];
    assert_eq!(told[..4], expected);
    assert_eq!(told[4..], [("device", "result", Some(2))], "nobody stopped it: the program ended");
}

#[test]
fn the_target_ends_a_count_by_itself() {
    let mut daemon = Daemon::start(&["--camera", "simulated", "--target", "5"]);
    let last = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!(last["ending"], "target-reached");
    assert!(last["counted"].as_u64().unwrap() >= 5);
    let listed = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(["sessions", "--json"])
        .env("LEUKOSCOPE_STATION_STATE", daemon.state.path())
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .output()
        .unwrap();
    let result: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(result["sample"], last["sample"]);
}

#[test]
fn sighup_reads_a_new_target_and_refuses_a_wrong_one() {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let write = |target: &str| fs::write(file.path(), format!("[session]\ntarget = {target}\n")).unwrap();
    write("100000");
    let config = file.path().to_str().unwrap();
    let mut daemon = Daemon::start(&["--camera", "simulated", "--reload-on-hangup", "--config", config]);
    let early = daemon.wait_for("a white cell", |line| counted(line) > 0);
    write("\"many\"");
    daemon.signal("-HUP");
    let later = daemon.wait_for("more white cells", |line| counted(line) > counted(&early) + 1);
    assert_eq!((&later["phase"], &later["target"]), (&Value::from("counting"), &Value::from(100_000)));
    write("3");
    daemon.signal("-HUP");
    let last = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!((&last["ending"], &last["target"]), (&Value::from("target-reached"), &Value::from(3)));
    let limits = daemon.store().session(1).unwrap().unwrap().settings.unwrap().session;
    assert_eq!(limits.target, 3, "what a review goes by is what ended the count");
}

/// A picture whose end is missing, as a loose cable leaves it.
fn torn_picture(folder: &Path, number: usize) {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let field = image::RgbImage::from_fn(320, 240, |x, y| image::Rgb([(x ^ y) as u8, x as u8, y as u8]));
    field.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    let bytes = bytes.into_inner();
    fs::write(folder.join(format!("{number:02}.jpg")), &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_camera_that_gives_only_damaged_frames_is_a_trouble_on_the_serial_line() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..12 {
        torn_picture(folder.path(), number);
    }
    // One good picture, so that the recording is played again and again.
    image::RgbImage::from_pixel(320, 240, image::Rgb([220, 210, 225])).save(folder.path().join("99.png")).unwrap();
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(file.path(), "[camera]\npaced = true\nrepeat = true\nframe_rate = 20\n").unwrap();
    let camera = format!("replay:{}", folder.path().display());
    let mut daemon =
        Daemon::start(&["--camera", &camera, "--config", file.path().to_str().unwrap(), "--target", "100000"]);
    let line = daemon.wait_for("the trouble", |line| line["trouble"].is_string());
    let trouble = line["trouble"].as_str().unwrap();
    assert!(trouble.starts_with("the camera's frames cannot be read (") && trouble.contains(".jpg"), "{trouble}");
    assert_eq!(line["phase"], "counting");
}

#[test]
fn a_program_that_writes_h264_is_a_trouble_with_the_option_it_lacks_and_ends_with_the_station() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let camera = format!(
        "command:setsid sh -c 'echo $$ > {0}; exec sleep 600' & until [ -s {0} ]; do sleep 0.05; done; \
         while printf '\\000\\000\\000\\001\\147\\144'; do sleep 0.1; done",
        pid.display()
    );
    let mut daemon = Daemon::start(&["--camera", &camera]);
    let line = daemon.wait_for("the trouble", |line| line["trouble"].is_string());
    let trouble = line["trouble"].as_str().unwrap();
    assert!(trouble.contains("H.264") && trouble.contains("--codec mjpeg"), "{trouble}");
    daemon.terminate();
    assert_eq!(daemon.exit_code(), Some(0));
    let left = fs::read_to_string(&pid).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn a_recording_of_real_fields_is_counted_to_its_end() {
    let Some(folder) = real("fields/txl/test") else { return };
    // The first BCCD fields: a few seconds of work, one or two white cells each.
    let pattern = format!("replay:{}/bccd_*0*", folder.display());
    let mut daemon = Daemon::start(&["--camera", &pattern, "--target", "100000"]);
    let last = daemon.wait_for("the result", |line| line["type"] == "preliminary");
    assert_eq!(last["ending"], "recording-over");
    assert!(counted(&last) > 0, "{last}");
}

#[test]
fn what_cannot_be_used_at_the_start_is_named_with_exit_code_2() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let regular = file.path().to_str().unwrap();
    let cases = [
        (vec!["--serial", regular], regular),
        (vec!["--camera", "replay:/nowhere/at/all"], "/nowhere/at/all"),
        (vec!["--camera", "webcam"], "webcam"),
        (vec!["--display", "hologram"], "hologram"),
        (vec!["--display", "ssd1306"], "/dev/i2c-leukoscope"),
        (vec!["--target", "0"], "target"),
        (vec!["--for", "-3"], "-3"),
        (vec!["--config", "/nowhere/leukoscope.toml"], "/nowhere/leukoscope.toml"),
    ];
    for (arguments, named) in cases {
        let state = tempfile::tempdir().unwrap();
        let output = run_to_end(&arguments, state.path());
        assert_eq!(output.0, Some(2), "{arguments:?}: {}", output.1);
        assert!(output.1.contains(named), "{arguments:?}: {}", output.1);
        assert!(!output.1.contains("panicked"), "{}", output.1);
    }
}

#[test]
fn for_ends_the_program_by_itself() {
    let state = tempfile::tempdir().unwrap();
    let (code, complaint) = run_to_end(&["--for", "1", "--serial", "none"], state.path());
    assert_eq!(code, Some(0), "{complaint}");
}

fn run_to_end(arguments: &[&str], state: &Path) -> (Option<i32>, String) {
    let mut base = vec!["run"];
    for (flag, value) in [("--display", "none"), ("--camera", "simulated"), ("--serial", "pty")] {
        if !arguments.contains(&flag) {
            base.extend([flag, value]);
        }
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_leukoscope"))
        .args(base)
        .args(arguments)
        .env("LEUKOSCOPE_MODELS", models_folder())
        .env("LEUKOSCOPE_STATION_STATE", state)
        .env("LEUKOSCOPE_WEB_LISTEN", "none")
        .env("LEUKOSCOPE_DISPLAY_I2C_BUS", "/dev/i2c-leukoscope")
        .env("LEUKOSCOPE_DISPLAY_PNG", state.join("display.png"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    (child.wait().unwrap().code(), complaint)
}
