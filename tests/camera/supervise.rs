//! The supervisor with cameras that fail the way real ones do.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use image::RgbImage;
use jiff::Timestamp;
use leukoscope::camera::supervise::{CameraState, CameraWatch, MOST_STUCK, Outcome, Patience, Supervisor};
use leukoscope::camera::{Camera, CameraError, Capture};
use leukoscope::domain::frame::Frame;
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;

const LONG: Duration = Duration::from_secs(20);
const QUICK: Patience = Patience {
    stall: Duration::from_millis(200),
    first_wait: Duration::from_millis(5),
    longest_wait: Duration::from_millis(20),
};

/// What the stand-in camera does at one read.
#[derive(Clone)]
enum Act {
    Frame(u64),
    Damaged,
    End,
    Vanish,
    /// Blocks like a driver whose cable was pulled until the gate opens, then delivers a late frame.
    Hang(Stop),
    Panic,
}

struct StandIn {
    acts: VecDeque<Act>,
    recording: bool,
}

impl Camera for StandIn {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        match self.acts.pop_front() {
            Some(Act::Frame(sequence)) => Ok(frame(sequence)),
            Some(Act::Damaged) => Ok(Capture::Damaged("torn in two".to_owned())),
            Some(Act::End) => Ok(Capture::End),
            Some(Act::Panic) => panic!("a driver library gives up"),
            Some(Act::Hang(gate)) => {
                let _ = gate.wait(LONG);
                Ok(frame(666))
            }
            Some(Act::Vanish) | None => Err(gone()),
        }
    }

    fn waits_for_reader(&self) -> bool {
        self.recording
    }

    fn describe(&self) -> String {
        "stand-in".to_owned()
    }
}

fn frame(sequence: u64) -> Capture {
    Capture::Frame(Frame::new(RgbImage::new(16, 16), sequence, Timestamp::UNIX_EPOCH))
}

fn gone() -> CameraError {
    CameraError::Lost { source_name: "stand-in".to_owned(), problem: "No such device".to_owned() }
}

/// A supervisor on its own thread; each opening plays the next script, and after the last one the camera is missing.
struct Rig {
    slot: Latest<Frame>,
    watch: CameraWatch,
    stop: Stop,
    opened: Arc<AtomicUsize>,
    thread: JoinHandle<Outcome>,
}

fn rig(recording: bool, scripts: Vec<Option<Vec<Act>>>) -> Rig {
    let (slot, stop, opened) = (Latest::default(), Stop::new(), Arc::new(AtomicUsize::new(0)));
    let scripts = Mutex::new(VecDeque::from(scripts));
    let count = Arc::clone(&opened);
    let open = move || {
        count.fetch_add(1, Ordering::SeqCst);
        let script = scripts.lock().unwrap().pop_front().flatten().ok_or_else(gone)?;
        Ok(Box::new(StandIn { acts: script.into(), recording }) as Box<dyn Camera>)
    };
    let supervisor = Supervisor::new(open, QUICK, slot.clone());
    let watch = supervisor.watch();
    let thread = thread::spawn({
        let stop = stop.clone();
        move || supervisor.run(&stop)
    });
    Rig { slot, watch, stop, opened, thread }
}

impl Rig {
    fn take(&self) -> u64 {
        self.slot.take(LONG).expect("a frame in time").sequence
    }

    fn end(self) -> Outcome {
        self.stop.request();
        self.thread.join().unwrap()
    }
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LONG, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn every_frame_of_a_recording_comes_once_and_in_order_and_then_it_ends() {
    let acts = (0..200).map(Act::Frame).chain([Act::End]).collect();
    let rig = rig(true, vec![Some(acts)]);
    let got: Vec<u64> = (0..200).map(|_| rig.take()).collect();
    assert_eq!(got, (0..200).collect::<Vec<_>>());
    assert!(matches!(rig.thread.join().unwrap(), Outcome::RecordingOver));
    assert_eq!(rig.watch.state(), CameraState::Ended);
    assert_eq!((rig.watch.counts().frames, rig.watch.counts().skipped), (200, 0));
}

#[test]
fn a_recording_is_not_over_before_its_last_frame_was_taken() {
    let rig = rig(true, vec![Some(vec![Act::Frame(0), Act::End])]);
    until("the frame waits", || rig.watch.counts().frames == 1);
    // Longer than a stall: a busy reader is not a camera fault.
    thread::sleep(QUICK.stall * 4);
    assert!(!rig.thread.is_finished());
    assert_eq!(rig.opened.load(Ordering::SeqCst), 1);
    assert_eq!(rig.take(), 0);
    assert!(matches!(rig.thread.join().unwrap(), Outcome::RecordingOver));
}

#[test]
fn a_live_camera_keeps_the_newest_frame_and_counts_what_was_skipped() {
    let acts = (0..50).map(Act::Frame).chain([Act::End]).collect();
    let rig = rig(false, vec![Some(acts)]);
    until("all frames were read", || rig.watch.counts().frames == 50);
    assert_eq!(rig.take(), 49);
    assert_eq!(rig.watch.counts().skipped, 49);
    assert!(matches!(rig.end(), Outcome::RecordingOver | Outcome::Stopped));
}

#[test]
fn torn_frames_are_counted_and_passed_over() {
    let acts = vec![Act::Damaged, Act::Frame(1), Act::Damaged, Act::Damaged, Act::Frame(4), Act::End];
    let rig = rig(true, vec![Some(acts)]);
    assert_eq!((rig.take(), rig.take()), (1, 4));
    assert_eq!(rig.watch.counts().damaged, 3);
    assert_eq!(rig.opened.load(Ordering::SeqCst), 1, "a torn frame is no reason to open the camera again");
    rig.end();
}

#[test]
fn a_camera_of_which_most_frames_are_torn_is_told_of_until_its_frames_can_be_read_again() {
    let torn = (0..30).map(|_| Act::Damaged).chain([Act::Frame(1)]);
    let whole = (2..80).map(Act::Frame);
    let rig = rig(true, vec![Some(torn.chain(whole).chain([Act::End]).collect())]);
    assert_eq!(rig.take(), 1);
    let words = rig.watch.unreadable().expect("30 of 31 frames are torn");
    assert_eq!(words, "the camera's frames cannot be read (torn in two); check the camera's cable and its settings");
    assert_eq!(rig.opened.load(Ordering::SeqCst), 1);
    for _ in 2..80 {
        rig.take();
    }
    until("the trouble is over", || rig.watch.unreadable().is_none());
    rig.end();
}

#[test]
fn a_recording_without_a_single_good_picture_is_told_of_when_it_is_over() {
    let rig = rig(true, vec![Some(vec![Act::Damaged, Act::Damaged, Act::End])]);
    until("it is over", || rig.watch.state() == CameraState::Ended);
    assert!(rig.watch.unreadable().is_some_and(|words| words.contains("torn in two")));
    rig.end();
}

#[test]
fn a_camera_that_vanishes_is_picked_up_again_when_it_is_back() {
    let first = vec![Act::Frame(0), Act::Vanish];
    let rig = rig(true, vec![Some(first), None, None, None, Some(vec![Act::Frame(10), Act::Frame(11), Act::End])]);
    assert_eq!(rig.take(), 0);
    assert_eq!((rig.take(), rig.take()), (10, 11));
    until("it is counted", || rig.watch.counts().reopened == 1);
    assert_eq!(rig.opened.load(Ordering::SeqCst), 5);
    rig.end();
}

#[test]
fn while_no_camera_is_there_the_state_says_so_and_the_heartbeat_goes_on() {
    let rig = rig(false, vec![]);
    until("three tries", || rig.opened.load(Ordering::SeqCst) > 3);
    assert_eq!(rig.watch.state(), CameraState::Lost("stand-in stopped giving frames: No such device".to_owned()));
    let then = rig.watch.last_progress();
    until("the heartbeat moves on", || rig.watch.last_progress() > then);
    assert!(matches!(rig.end(), Outcome::Stopped));
}

#[test]
fn a_camera_that_hangs_is_opened_again_and_its_late_frames_are_never_seen() {
    let gate = Stop::new();
    let after: Vec<Act> = (1..4).map(Act::Frame).chain([Act::End]).collect();
    let rig = rig(true, vec![Some(vec![Act::Frame(0), Act::Hang(gate.clone())]), Some(after)]);
    assert_eq!((rig.take(), rig.take()), (0, 1));
    assert_eq!(rig.watch.stuck_readers(), 1);
    gate.request();
    until("the stuck reader came free", || rig.watch.stuck_readers() == 0);
    assert_eq!((rig.take(), rig.take()), (2, 3), "no late frame among them");
    assert!(matches!(rig.thread.join().unwrap(), Outcome::RecordingOver));
    assert_eq!(rig.watch.counts().reopened, 1);
}

#[test]
fn only_so_many_readers_may_hang_then_it_waits_and_says_so_and_the_heartbeat_stands_still() {
    let gate = Stop::new();
    let hang = || Some(vec![Act::Hang(gate.clone())]);
    let scripts = (0..MOST_STUCK).map(|_| hang()).chain([Some(vec![Act::Frame(7), Act::End])]).collect();
    let rig = rig(true, scripts);
    until("the limit is reached", || rig.watch.stuck_readers() == MOST_STUCK);
    until("it says what to do", || matches!(rig.watch.state(), CameraState::Lost(words) if words.contains("unplug")));
    let then = rig.watch.last_progress();
    thread::sleep(QUICK.stall * 4);
    assert_eq!(rig.opened.load(Ordering::SeqCst), MOST_STUCK, "no more threads than the limit");
    assert_eq!(rig.watch.last_progress(), then);
    gate.request();
    assert_eq!(rig.take(), 7);
    rig.end();
}

#[test]
fn the_stop_signal_ends_it_at_once_even_while_a_reader_hangs() {
    let gate = Stop::new();
    let rig = rig(false, vec![Some(vec![Act::Frame(0), Act::Hang(gate.clone())])]);
    assert_eq!(rig.take(), 0);
    let told = Instant::now();
    assert!(matches!(rig.end(), Outcome::Stopped));
    assert!(told.elapsed() < Duration::from_secs(1));
    gate.request();
}

#[test]
fn a_driver_library_that_panics_is_a_camera_lost_and_found_again() {
    let rig = rig(true, vec![Some(vec![Act::Panic]), Some(vec![Act::Frame(3), Act::End])]);
    assert_eq!(rig.take(), 3);
    assert!(matches!(rig.thread.join().unwrap(), Outcome::RecordingOver));
}

#[test]
fn a_recording_that_is_not_there_fails_at_once_with_its_path() {
    let open = || leukoscope::camera::open(&config("replay:/nowhere/at/all"));
    match Supervisor::new(open, QUICK, Latest::default()).run(&Stop::new()) {
        Outcome::Failed(error) => {
            assert!(error.to_string().contains("/nowhere/at/all: there is no such file or folder"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

fn config(source: &str) -> leukoscope::config::CameraConfig {
    leukoscope::config::CameraConfig { source: source.parse().unwrap(), ..Default::default() }
}

#[test]
fn a_stall_is_always_noticed_within_five_seconds() {
    for seconds in [0.0, 4.0, 60.0, f64::NAN, f64::INFINITY, -1.0] {
        assert!(Patience::with_stall(seconds).stall < Duration::from_secs(5));
        assert!(Patience::with_stall(seconds).stall > Duration::ZERO);
    }
}
