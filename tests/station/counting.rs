//! The counting thread driven through its ports: commands and frames in, snapshots and stored results out.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::common::stored;
use image::RgbImage;
use jiff::Timestamp;
use leukoscope::camera;
use leukoscope::camera::simulated::{SimulatedMicroscope, SimulatedSettings, TruthCell};
use leukoscope::camera::supervise::{Patience, Supervisor};
use leukoscope::config::{CameraConfig, Flags, Optics, SessionConfig};
use leukoscope::counting::session::Session;
use leukoscope::counting::session::snapshot::{Command, Ending, Phase, Snapshot};
use leukoscope::counting::statistics::absolute::Entered;
use leukoscope::counting::statistics::per_red_cell::RedCount;
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::flag::must_be_looked_at;
use leukoscope::domain::frame::Frame;
use leukoscope::station::drops::Drops;
use leukoscope::station::in_force::InForce;
use leukoscope::station::live_view::Live;
use leukoscope::station::pipeline::{self, CalibrationRequest, Calibrator, PipelinePorts, WeightsRequest};
use leukoscope::station::recorder::Recorder;
use leukoscope::station::requests::{Asked, Commands, NotPassedOn};
use leukoscope::station::service::watchdog::Watchdog;
use leukoscope::station::tallies::Tallies;
use leukoscope::station::trouble::Troubles;
use leukoscope::store::records::Settings;
use leukoscope::store::{FILE, Store};
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;

/// A counting thread and its connections.
struct Thread {
    commands: Commands,
    frames: Latest<Frame>,
    newest: Latest<Arc<Snapshot>>,
    store: Store,
    stop: Stop,
    running: Option<JoinHandle<()>>,
}

impl Thread {
    /// Starts a station that waits for its first sample, and counts each one to `target` cells.
    fn start(state: &Path, target: u32) -> Self {
        let (stop, troubles) = (Stop::new(), Troubles::default());
        let (frames, newest) = (Latest::default(), Latest::default());
        let camera = CameraConfig::default();
        let supervisor = {
            let camera = camera.clone();
            Supervisor::new(move || camera::open(&camera), Patience::with_stall(1.0), frames.clone())
        };
        let drops = Drops::default();
        let (commands, asked) = Commands::new(drops.clone());
        let store = Store::open(state).unwrap();
        let vision = crate::common::vision();
        let limits = SessionConfig { target, autostart: false, ..SessionConfig::default() };
        let session = Session::new(limits.clone(), Flags::default(), vision.correction(None));
        let ports = PipelinePorts {
            frames: frames.clone(),
            camera: supervisor.watch(),
            recording: false,
            commands: asked,
            running: commands.running(),
            sinks: vec![newest.clone()],
            recorder: Recorder::start(store.clone(), troubles.clone(), drops.clone()).unwrap(),
            store: Some(store.clone()),
            in_force: InForce::new(Settings { session: limits, ..stored::settings() }, None),
            live: Live::default(),
            troubles,
            tallies: Tallies::default(),
            pulse: Watchdog::default().watch("counting", Duration::from_mins(1)),
            stop: stop.clone(),
            gate: false,
            fields: 10,
            calibrator: Calibrator { state: state.to_owned(), camera, optics: Optics::default() },
            calibration_requests: CalibrationRequest::requests(drops.clone()).1,
            weights_requests: WeightsRequest::requests(drops).1,
        };
        let thread = thread::spawn(move || pipeline::count("bench", vision, session, None, ports));
        Self { commands, frames, newest, store, stop, running: Some(thread) }
    }

    fn ask(&self, command: Command) {
        self.commands.ask(Asked::by("otto", command)).unwrap();
    }

    /// Waits for a matching state.
    fn wait_for(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let until = Instant::now() + Duration::from_mins(3);
        let mut last = None;
        while Instant::now() < until {
            let Some(state) = self.newest.take(Duration::from_secs(1)) else { continue };
            if wanted(&state) {
                return state;
            }
            last = Some(state);
        }
        panic!("no state with {what}; the last was {last:?}");
    }

    /// Shows a frame; returns while it is being analysed, before its cells count.
    fn show(&self, picture: &Arc<RgbImage>) {
        self.frames.put(Frame::new((**picture).clone(), 0, Timestamp::now()));
        assert!(self.frames.wait_until_free(Duration::from_mins(3)));
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(Err(panic)) = self.running.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// A field with whole white cells of the differential, more than enough for a target of one.
fn field_of_white_cells() -> Arc<RgbImage> {
    let microscope = SimulatedMicroscope::new(SimulatedSettings { step_px: 400.0, ..SimulatedSettings::default() });
    let white = |index: &u64| {
        let named = |cell: &TruthCell| cell.whole && cell.class.is_some_and(CellClass::in_differential);
        microscope.truth(*index).iter().filter(|cell| named(cell)).count()
    };
    let richest = (0..30).max_by_key(white).unwrap();
    assert!(white(&richest) > 1);
    Arc::new(microscope.draw(richest).0)
}

fn results_fail(state: &Path, fail: bool) {
    let file = rusqlite::Connection::open(state.join(FILE)).unwrap();
    file.execute_batch(if fail {
        "CREATE TRIGGER no_room BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'no room'); END"
    } else {
        "DROP TRIGGER no_room"
    })
    .unwrap();
}

/// The stored samples, oldest first, each with the sample id of its result if it has one.
fn kept(store: &Store) -> Vec<(String, Option<String>)> {
    let (mut found, mut id) = (Vec::new(), 1);
    while let Some(session) = store.session(id).unwrap() {
        let result = store.result_of(id).unwrap().map(|result| result.snapshot.sample);
        found.push((session.summary.sample, result));
        id += 1;
    }
    found
}

#[test]
fn a_result_that_the_store_refused_is_never_filed_under_the_next_sample() {
    let state = tempfile::tempdir().unwrap();
    let field = field_of_white_cells();
    let counting = Thread::start(state.path(), 1);
    counting.ask(Command::NewSample(Some("A".into())));
    counting.wait_for("A being counted", |now| now.sample == "A" && now.phase == Phase::Counting);
    results_fail(state.path(), true);
    counting.show(&field);
    // The field being analysed reaches the target, and the store refuses the result.
    counting.ask(Command::NewSample(Some("B".into())));
    counting.wait_for("the store's refusal", |now| now.trouble.as_ref().is_some_and(|words| words.contains("no room")));
    assert_eq!(kept(&counting.store), [("A".to_owned(), None)], "B waits until the result of A is safe");

    results_fail(state.path(), false);
    let next = counting.wait_for("B being counted", |now| now.sample == "B" && now.phase == Phase::Counting);
    assert_eq!((next.counted, next.trouble.as_deref()), (0, None));
    let first = counting.store.find(1).unwrap().expect("the result of A");
    assert_eq!((first.session, first.snapshot.ending), (1, Some(Ending::TargetReached)));
    counting.ask(Command::Stop);
    counting.wait_for("the end of B", |now| now.sample == "B" && now.phase == Phase::Done);
    let of = |sample: &str| (sample.to_owned(), Some(sample.to_owned()));
    assert_eq!(kept(&counting.store), [of("A"), of("B")]);
}

#[test]
fn a_stop_or_a_new_sample_means_the_same_where_the_last_field_reaches_the_target() {
    let state = tempfile::tempdir().unwrap();
    let field = field_of_white_cells();
    let counting = Thread::start(state.path(), 1);
    counting.ask(Command::NewSample(Some("A".into())));
    counting.wait_for("A being counted", |now| now.phase == Phase::Counting);
    counting.show(&field);
    counting.ask(Command::Stop);
    let stopped = counting.wait_for("the end of A", |now| now.phase == Phase::Done);
    assert_eq!((stopped.sample.as_str(), stopped.ending), ("A", Some(Ending::TargetReached)));

    counting.ask(Command::NewSample(Some("B".into())));
    counting.wait_for("B being counted", |now| now.sample == "B" && now.phase == Phase::Counting);
    counting.show(&field);
    counting.ask(Command::NewSample(Some("C".into())));
    let next = counting.wait_for("C being counted", |now| now.sample == "C" && now.phase == Phase::Counting);
    assert_eq!(next.counted, 0);
    let of = |sample: &str| (sample.to_owned(), Some(sample.to_owned()));
    assert_eq!(kept(&counting.store)[..2], [of("A"), of("B")]);
}

#[test]
fn what_an_operator_asks_for_stands_under_the_operators_name() {
    let state = tempfile::tempdir().unwrap();
    let counting = Thread::start(state.path(), 100);
    let red = |count| Command::Enter(Entered::Red(RedCount::new(count).unwrap()));
    counting.ask(Command::NewSample(Some("A".into())));
    counting.ask(red(4.5));
    counting.ask(red(4.5));
    counting.ask(Command::Stop);
    counting.wait_for("the end of A", |now| now.phase == Phase::Done);
    let mut lines = counting.store.audit(None, None, 100).unwrap();
    lines.reverse();
    let told: Vec<_> = lines.iter().map(|line| (line.by.as_str(), line.action.as_str(), line.session)).collect();
    let expected = [
        ("otto", "begin", Some(1)),
        ("otto", "red count", Some(1)),
        ("otto", "stop", Some(1)),
        ("device", "result", Some(1)),
    ];
    assert_eq!(told, expected);
    assert_eq!(lines[1].detail["red_count"], 4.5);
}

#[test]
fn samples_that_nobody_named_have_different_ids_however_fast_they_follow_each_other() {
    let state = tempfile::tempdir().unwrap();
    let counting = Thread::start(state.path(), 100);
    for _ in 0..5 {
        counting.ask(Command::NewSample(None));
    }
    counting.ask(Command::NewSample(Some("last".into())));
    counting.wait_for("the last one", |now| now.sample == "last");
    let store = counting.store.clone();
    drop(counting);
    let samples: std::collections::BTreeSet<String> = kept(&store).into_iter().map(|(sample, _)| sample).collect();
    assert_eq!(samples.len(), 6, "{samples:?}");
}

#[test]
fn a_signed_sample_that_is_counted_again_shows_its_earlier_result_and_the_next_one_does_not() {
    let state = tempfile::tempdir().unwrap();
    {
        let store = Store::open(state.path()).unwrap();
        let id = stored::session(&store, "A");
        store.sign(id, "rita", Timestamp::now(), "").unwrap();
    }
    let counting = Thread::start(state.path(), 1000);
    counting.ask(Command::NewSample(Some("A".into())));
    let again = counting.wait_for("the sample", |now| now.sample == "A");
    assert_eq!(again.earlier.as_ref().map(|earlier| (earlier.session, earlier.by.as_str())), Some((1, "rita")));
    counting.ask(Command::NewSample(Some("B".into())));
    assert_eq!(counting.wait_for("the next", |now| now.sample == "B").earlier, None);
    assert_eq!(counting.store.find(2).unwrap().unwrap().snapshot.earlier, again.earlier, "it is kept with the result");
}

#[test]
fn a_red_count_after_the_end_of_its_sample_is_nobodys() {
    let state = tempfile::tempdir().unwrap();
    let counting = Thread::start(state.path(), 1000);
    let red = || Command::Enter(Entered::Red("3.9".parse().unwrap()));
    assert_eq!(counting.commands.ask(Asked::by("otto", red())), Err(NotPassedOn::NoCount));
    counting.ask(Command::NewSample(Some("A".into())));
    counting.ask(red());
    counting.wait_for("the sample", |now| now.sample == "A");
    counting.ask(Command::Stop);
    counting.wait_for("the end", |now| now.phase == Phase::Done);
    assert_eq!(counting.commands.ask(Asked::by("otto", red())), Err(NotPassedOn::NoCount));
}

#[test]
fn a_red_count_that_another_sample_overtook_is_nobodys() {
    let state = tempfile::tempdir().unwrap();
    let counting = Thread::start(state.path(), 1000);
    let red = |sample: &str| Command::EnterFor(sample.into(), Entered::Red("3.9".parse().unwrap()));
    counting.ask(Command::NewSample(Some("A".into())));
    counting.ask(red("A"));
    counting.ask(Command::NewSample(Some("B".into())));
    let refused = counting.commands.ask(Asked::by("otto", red("A")));
    assert_eq!(refused, Err(NotPassedOn::OtherSample("A".into())));
    counting.wait_for("the next", |now| now.sample == "B");
    counting.ask(Command::Stop);
    counting.wait_for("the end", |now| now.phase == Phase::Done);
    let told = |session| counting.store.audit(Some(session), None, 100).unwrap().into_iter().map(|line| line.action);
    assert_eq!(told(1).filter(|action| action == "red count").count(), 1);
    assert_eq!(told(2).filter(|action| action == "red count").count(), 0);
}

#[test]
fn the_field_of_a_blast_is_kept_with_a_box_at_the_cell() {
    let microscope = SimulatedMicroscope::new(SimulatedSettings { step_px: 400.0, ..SimulatedSettings::default() });
    let whole = |class: CellClass| move |cell: &TruthCell| cell.whole && cell.class == Some(class);
    let shows = |index: &u64| microscope.truth(*index).iter().any(whole(CellClass::Myo));
    let blasts: Vec<u64> = (0..2000).filter(shows).take(3).collect();
    let state = tempfile::tempdir().unwrap();
    let counting = Thread::start(state.path(), 1000);
    counting.ask(Command::NewSample(Some("A".into())));
    counting.wait_for("A being counted", |now| now.phase == Phase::Counting);
    for index in blasts {
        counting.show(&Arc::new(microscope.draw(index).0));
    }
    counting.ask(Command::Stop);
    counting.wait_for("the end", |now| now.phase == Phase::Done);
    let cells = counting.store.cells(1, Some(Kind::Wbc), None).unwrap();
    let urgent: Vec<_> =
        cells.iter().filter(|cell| cell.class_in_force().is_some_and(|class| must_be_looked_at(class, &[]))).collect();
    assert!(!urgent.is_empty(), "the drawn blasts are found");
    let mut boxes = 0;
    for cell in &urgent {
        let Some(shown) = counting.store.field_of(1, cell.number).unwrap() else { continue };
        let own = shown.field.cells.iter().find(|one| one.number == cell.number).unwrap();
        // The same size as on the slide, and whole.
        assert!((own.w - cell.w).abs() < 8.0 && own.x >= 0.0 && own.x + own.w <= f64::from(shown.field.width));
        let jpeg = counting.store.field_picture(1, shown.number).unwrap().unwrap();
        let picture = image::load_from_memory(&jpeg).unwrap();
        assert_eq!((picture.width(), picture.height()), (shown.field.width, shown.field.height));
        boxes += 1;
    }
    // A cell that the composition of the sample renamed later has none.
    assert!(boxes * 2 > urgent.len(), "{boxes} of {}", urgent.len());
}
