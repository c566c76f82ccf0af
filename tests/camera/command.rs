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

#[test]
fn a_program_that_writes_h264_is_told_from_a_broken_camera() {
    // What `rpicam-vid -o -` writes without `--codec mjpeg`: a sequence parameter set, then more.
    let words = "while printf '\\000\\000\\000\\001\\147\\144\\000\\050more'; do sleep 0.05; done";
    let mut camera = camera::open(&config(words)).unwrap();
    let began = Instant::now();
    let error = camera.next_frame().unwrap_err();
    assert!(!error.is_final() && began.elapsed() < Duration::from_secs(10));
    let words = error.to_string();
    assert!(words.contains("writes H.264 video, not Motion JPEG") && words.contains("--codec mjpeg"), "{words}");
}

#[test]
fn a_program_that_never_writes_an_image_is_given_up_in_time_although_it_writes() {
    let endless = config("cat /dev/zero");
    let mut camera = camera::open(&CameraConfig { stall_seconds: 0.5, ..endless }).unwrap();
    let began = Instant::now();
    let words = camera.next_frame().unwrap_err().to_string();
    assert!(words.contains("no JPEG image") && words.contains("--codec mjpeg"), "{words}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

/// Whether a process runs.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn whatever_a_program_started_ends_with_it_however_it_detached_itself() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    // A session of its own; a daemon that nobody is the parent of; one that ignores SIGTERM; one without our variables.
    let words = format!(
        "setsid sh -c 'echo $$ > {}; exec sleep 600' & \
         (setsid sh -c 'echo $$ > {}; exec sleep 600' &) & \
         setsid sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 1; done' & \
         env -i setsid sh -c 'echo $$ > {}; exec sleep 600' & wait",
        place("session"),
        place("daemon"),
        place("stubborn"),
        place("bare")
    );
    let camera = camera::open(&config(&words)).unwrap();
    let pid = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let names = ["session", "daemon", "stubborn", "bare"];
    until(|| names.iter().all(|name| pid(name).ends_with('\n')));
    let pids = names.map(|name| pid(name).trim().to_owned());
    assert!(pids.iter().all(|pid| runs(pid)));
    drop(camera);
    for (name, pid) in names.iter().zip(&pids) {
        assert!(!runs(pid), "{name} still runs");
    }
}

#[test]
fn a_program_that_complains_without_ever_ending_the_line_takes_no_memory() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    let words = format!("head -c 200000000 /dev/zero >&2; touch {}; sleep 600", done.display());
    let before = resident();
    let _camera = camera::open(&config(&words)).unwrap();
    until(|| done.exists());
    // Other tests of this process run at the same time.
    assert!(resident() < before + 100_000, "{before} kB, then {} kB", resident());
}
