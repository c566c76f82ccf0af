//! The watchdog notifies systemd only while every part makes progress.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

use leukoscope::station::service::watchdog::{Beat, Watchdog, alive};
use leukoscope::station::service::{self, Hangup};
use leukoscope::system::stop::Stop;
use proptest::prelude::*;

const NAMES: [&str; 4] = ["camera", "vision", "session", "serial"];

proptest! {
    #[test]
    fn the_program_is_alive_exactly_when_no_part_is_silent_beyond_its_allowance(
        parts in prop::collection::vec((0u64..10_000, 0u64..10_000), 0..4)
    ) {
        let base = Instant::now();
        let now = base + Duration::from_secs(10);
        let beats: Vec<Beat> = parts.iter().zip(NAMES).map(|((silent, allowance), part)| Beat {
            part,
            allowance: Duration::from_millis(*allowance),
            last: now.checked_sub(Duration::from_millis(*silent)).unwrap(),
        }).collect();
        let over: Vec<i64> = parts.iter().map(|(silent, allowance)| silent.cast_signed() - allowance.cast_signed()).collect();
        match alive(now, &beats) {
            Ok(()) => prop_assert!(over.iter().all(|over| *over <= 0)),
            Err(named) => {
                let index = NAMES.iter().position(|name| *name == named).unwrap();
                prop_assert!(over[index] > 0);
                prop_assert_eq!(over[index], *over.iter().max().unwrap());
            }
        }
    }
}

#[test]
fn a_part_is_watched_from_its_registration_and_alive_after_a_beat() {
    let watchdog = Watchdog::default();
    let camera = watchdog.watch("camera", Duration::from_secs(5));
    let later = Instant::now() + Duration::from_secs(6);
    assert_eq!(alive(Instant::now(), &watchdog.beats()), Ok(()));
    assert_eq!(alive(later, &watchdog.beats()), Err("camera"));
    camera.beat();
    assert_eq!(alive(Instant::now() + Duration::from_secs(4), &watchdog.beats()), Ok(()));
}

/// Runs one of the tests below in its own process, with a notification socket.
fn under_systemd(test: &str) -> (std::process::ExitStatus, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("service::{test}"), "--ignored", "--test-threads=1"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "40000")
        .status()
        .unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut told = String::new();
    let mut buffer = [0; 4096];
    while let Ok(length) = socket.recv(&mut buffer) {
        told.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    (status, told)
}

#[test]
fn systemd_hears_ready_alive_and_which_part_is_stuck() {
    let (status, told) = under_systemd("as_a_service_whose_vision_stops");
    assert!(status.success());
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "READY=1");
    assert_eq!(lines[1], "RELOADING=1");
    assert!(lines[2].strip_prefix("MONOTONIC_USEC=").unwrap().parse::<u64>().unwrap() > 0);
    assert!(lines.contains(&"WATCHDOG=1"), "{told}");
    assert_eq!(&lines[lines.len() - 2..], ["STATUS=vision is stuck", "STOPPING=1"], "{told}");
}

#[test]
#[ignore = "runs as a process of its own, started by the test above"]
fn as_a_service_whose_vision_stops() {
    service::ready();
    service::reloading();
    let (watchdog, stop) = (Watchdog::default(), Stop::new());
    let camera = watchdog.watch("camera", Duration::from_mins(1));
    let _vision = watchdog.watch("vision", Duration::from_millis(100));
    let (watched, told) = (watchdog.clone(), stop.clone());
    let thread = std::thread::spawn(move || watched.run(&told));
    while alive(Instant::now(), &watchdog.beats()).is_ok() {
        camera.beat();
        std::thread::yield_now();
    }
    assert!(!stop.wait(Duration::from_millis(200)));
    stop.request();
    thread.join().unwrap();
    service::stopping();
}

#[test]
fn sigterm_stops_sighup_reloads_and_a_second_sigterm_ends_at_once() {
    let (status, _) = under_systemd("as_a_program_that_gets_signals");
    assert_eq!(status.code(), Some(1), "the second signal ended it before its own end");
}

#[test]
#[ignore = "runs as a process of its own, started by the test above"]
fn as_a_program_that_gets_signals() {
    let stop = Stop::new();
    let (reloaded, heard) = std::sync::mpsc::channel();
    let _listener = service::listen(stop.clone(), Hangup::Reloads, move || reloaded.send(()).unwrap()).unwrap();
    signal_hook::low_level::raise(signal_hook::consts::SIGHUP).unwrap();
    heard.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(!stop.requested());
    signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
    assert!(stop.wait(Duration::from_secs(10)));
    signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
    // Not reached; a test that got here would exit with code 0.
}
