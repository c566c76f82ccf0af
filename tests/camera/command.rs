//! Frames from another program are read live, and a failing program is named in the error.

use std::path::Path;
use std::time::{Duration, Instant};

use leukoscope::camera::{self, Capture};
use leukoscope::config::CameraConfig;

fn config(words: &str) -> CameraConfig {
    // Long enough for a busy machine to start a shell.
    CameraConfig { source: format!("command:{words}").parse().unwrap(), stall_seconds: 20.0, ..CameraConfig::default() }
}

fn jpeg(folder: &Path, name: &str, shade: u8) -> String {
    let path = folder.join(name);
    image::RgbImage::from_pixel(80, 60, image::Rgb([shade; 3])).save(&path).unwrap();
    path.display().to_string()
}

fn shade(capture: &Capture) -> u8 {
    let Capture::Frame(frame) = capture else { panic!("{capture:?}") };
    assert_eq!(frame.pixels.dimensions(), (80, 60));
    frame.pixels.get_pixel(40, 30).0[0]
}

fn until(reached: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !reached() {
        assert!(Instant::now() < deadline, "it did not come to pass");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_newest_frame_of_a_program_is_read_and_then_the_next_ones() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (jpeg(folder.path(), "a.jpg", 40), jpeg(folder.path(), "b.jpg", 200));
    let go = folder.path().join("go");
    let words =
        format!("cat {first} {first}; until [ -e {} ]; do sleep 0.02; done; cat {second}; sleep 9", go.display());
    let mut camera = camera::open(&config(&words)).unwrap();
    assert!(camera.describe().contains("cat") && !camera.waits_for_reader());
    let one = camera.next_frame().unwrap();
    assert!(shade(&one).abs_diff(40) < 4);
    std::fs::write(&go, "").unwrap();
    // The first pair may arrive in one read or in two.
    let next = (0..2).map(|_| shade(&camera.next_frame().unwrap())).find(|shade| *shade > 150);
    assert!(next.is_some());
}

#[test]
fn a_program_that_ends_is_named_with_what_it_said_last() {
    let mut camera = camera::open(&config("echo starting >&2; echo no cameras available >&2; exit 3")).unwrap();
    let error = camera.next_frame().unwrap_err();
    assert!(!error.is_final(), "it is started again");
    let words = error.to_string();
    assert!(words.contains("no cameras available") && words.contains('3') && words.contains("command:echo"), "{words}");
}

#[test]
fn a_program_that_says_nothing_is_given_up_in_time_and_ended_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let hurried = config(&format!("sleep 60 & echo $! > {}; wait", pid.display()));
    let mut camera = camera::open(&CameraConfig { stall_seconds: 0.5, ..hurried }).unwrap();
    until(|| std::fs::read_to_string(&pid).is_ok_and(|line| line.ends_with('\n')));
    let began = Instant::now();
    let error = camera.next_frame().unwrap_err().to_string();
    assert!(error.contains("no frame for 0.5 s"), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(500));
    let started = std::fs::read_to_string(&pid).unwrap().trim().to_owned();
    drop(camera);
    let state = std::fs::read_to_string(format!("/proc/{started}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[test]
fn an_image_cut_short_costs_itself_only_and_words_that_are_no_image_are_damage() {
    let folder = tempfile::tempdir().unwrap();
    let whole = jpeg(folder.path(), "a.jpg", 90);
    let mut camera = camera::open(&config(&format!("head -c 300 {whole}; sleep 0.1; cat {whole}; sleep 9"))).unwrap();
    assert!(shade(&camera.next_frame().unwrap()).abs_diff(90) < 4);
    let mut camera = camera::open(&config("printf '\\377\\330\\377\\300\\000\\001 no image'; sleep 9")).unwrap();
    assert!(matches!(camera.next_frame().unwrap(), Capture::Damaged(_)));
}
