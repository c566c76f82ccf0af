//! A whole station: camera, counting thread, recorder and watchdog, wired together. Outputs connect to its [`Ports`].

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use jiff::Timestamp;

use crate::camera::supervise::{CameraState, CameraWatch, Outcome, Patience, Supervisor};
use crate::camera::{self, CameraError};
use crate::config::{CameraSource, Config, ListenAddress};
use crate::counting::session::Session;
use crate::counting::session::snapshot::{Command, Snapshot};
use crate::counting::statistics::confusion::ConfusionSource;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::domain::frame::Frame;
use crate::station::alarms;
use crate::station::control::{self, Controls};
use crate::station::drops::Drops;
use crate::station::in_force::InForce;
use crate::station::live_view::Live;
use crate::station::monitor::Monitor;
use crate::station::pipeline::{self, CalibrationRequest, Calibrator, PipelinePorts, WeightsRequest};
use crate::station::queues::Queues;
use crate::station::recorder::Recorder;
use crate::station::requests::{Asked, Commands, Requests};
use crate::station::retention::{self, Pace};
use crate::station::service;
use crate::station::service::watchdog::{Pulse, Watchdog};
use crate::station::tallies::Tallies;
use crate::station::trouble::{Part, Troubles};
use crate::store::Store;
use crate::system::board::Board;
use crate::system::latest::Latest;
use crate::system::stop::Stop;
use crate::system::threads::{join, thread};
use crate::vision::Vision;

/// Longest time for a frame, on the slowest board, before the watchdog calls the counting stuck.
const COUNTING_ALLOWANCE: Duration = Duration::from_secs(20);

/// Longest time without progress of the camera: its own supervision reopens it well before.
const CAMERA_ALLOWANCE: Duration = Duration::from_secs(15);

/// How often to check the camera state.
const LOOK: Duration = Duration::from_millis(100);

/// Components of a station.
#[derive(Debug)]
pub struct Parts {
    /// The checked configuration.
    pub config: Config,
    /// The networks, with the lighting in use.
    pub vision: Arc<Vision>,
    /// The classifier's confusion matrix, if known.
    pub confusion: ConfusionSource,
    /// Limits, settings and calibration in force.
    pub in_force: InForce,
    /// Stores the samples.
    pub store: Store,
    /// The red count of the first sample, if known.
    pub red_count: Option<RedCount>,
    /// Id of a sample to begin at once.
    pub sample: Option<String>,
}

/// Connections for outputs; clones lead to the same station.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Commands to the counting thread.
    pub commands: Commands,
    /// Calibration requests to the counting thread.
    pub calibration_requests: Requests<CalibrationRequest>,
    /// Requests to the counting thread to name cells with other weights.
    pub weights_requests: Requests<WeightsRequest>,
    /// State and frames for the page's live view.
    pub live: Live,
    /// Limits, settings and calibration in force, to read and change.
    pub in_force: InForce,
    /// Stored samples.
    pub store: Store,
    /// Quality control.
    pub controls: Controls,
    /// Current problems, part by part.
    pub troubles: Troubles,
    /// Counts of what was dropped to keep the count going.
    pub drops: Drops,
    /// What monitoring sees.
    pub monitor: Monitor,
    /// Stop signal of the station.
    pub stop: Stop,
}

/// A station that is not running yet. Outputs connect first, so that they see its state from the beginning.
#[derive(Debug)]
pub struct Station {
    parts: Parts,
    ports: Ports,
    supervisor: Supervisor,
    frames: Latest<Frame>,
    asked: Receiver<Asked>,
    calibrations_asked: Receiver<CalibrationRequest>,
    weights_asked: Receiver<WeightsRequest>,
    sinks: Vec<Latest<Arc<Snapshot>>>,
}

impl Station {
    /// Wires the parts without starting any thread.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let drops = Drops::default();
        let (commands, asked) = Commands::new(drops.clone());
        let (live, troubles) = (Live::default(), Troubles::default());
        let commands = commands.limited_by(parts.in_force.clone()).telling(troubles.clone());
        let (calibration_requests, calibrations_asked) = CalibrationRequest::requests(drops.clone());
        let (weights_requests, weights_asked) = WeightsRequest::requests(drops.clone());
        // The page may look at cells before the counting thread runs.
        parts.in_force.look_with(Arc::clone(&parts.vision));
        let frames = Latest::default();
        let supervisor = {
            let camera = parts.config.camera.clone();
            let patience = Patience::with_stall(camera.stall_seconds);
            let page = page_of(&parts.config);
            let open = move || match camera.source {
                CameraSource::Choose => Err(CameraError::NotChosen(page.clone())),
                _ => camera::open(&camera),
            };
            Supervisor::new(open, patience, frames.clone())
        };
        let controls = Controls::new(parts.config.quality_control.clone(), parts.store.clone(), parts.in_force.clone());
        let monitor = Monitor {
            station: parts.config.station.name.clone(),
            began: Timestamp::now(),
            watchdog: Watchdog::default(),
            camera: supervisor.watch(),
            in_force: parts.in_force.clone(),
            controls: controls.clone(),
            live: live.clone(),
            troubles: troubles.clone(),
            tallies: Tallies::default(),
            drops: drops.clone(),
            queues: queues(&commands, &calibration_requests, &weights_requests),
            store: parts.store.clone(),
            board: Board::default(),
        };
        let ports = Ports {
            commands,
            calibration_requests,
            weights_requests,
            live,
            in_force: parts.in_force.clone(),
            store: parts.store.clone(),
            controls,
            troubles,
            drops,
            monitor,
            stop: Stop::new(),
        };
        Self { parts, ports, supervisor, frames, asked, calibrations_asked, weights_asked, sinks: Vec::new() }
    }

    /// Connections for outputs.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// A new slot for the newest snapshot, for one more output.
    #[must_use]
    pub fn sink(&mut self) -> Latest<Arc<Snapshot>> {
        let place = Latest::default();
        self.sinks.push(place.clone());
        place
    }

    /// Starts every thread of the station.
    ///
    /// # Errors
    /// If a thread cannot be started; those already running get the stop signal.
    pub fn start(self) -> io::Result<RunningStation> {
        let stop = self.ports.stop.clone();
        self.started().inspect_err(|_| stop.request())
    }

    fn started(self) -> io::Result<RunningStation> {
        let Self { parts, ports, supervisor, frames, asked, calibrations_asked, weights_asked, sinks } = self;
        let Parts { config, vision, confusion, in_force, store, red_count, sample } = parts;
        let Ports { live, troubles, drops, stop, commands, monitor, controls, .. } = ports;
        let Monitor { watchdog, camera, tallies, queues, .. } = monitor;
        let mut threads = vec![capture(supervisor, stop.clone(), troubles.reporter(Part::Camera))?];
        threads.push(thread("counting", {
            let recorder = Recorder::start(store.clone(), troubles.clone(), drops)?;
            queues.queue("recorder", recorder.backlog());
            let connections = PipelinePorts {
                frames,
                camera: camera.clone(),
                recording: !config.camera.paced && matches!(config.camera.source, CameraSource::Replay(_)),
                commands: asked,
                running: commands.running(),
                sinks,
                recorder,
                store: Some(store.clone()),
                in_force,
                live,
                troubles: troubles.clone(),
                tallies,
                pulse: watchdog.watch("counting", COUNTING_ALLOWANCE),
                stop: stop.clone(),
                gate: config.quality.gate,
                fields: config.store.fields,
                calibrator: Calibrator {
                    state: config.state_folder(),
                    camera: config.camera.clone(),
                    optics: config.optics.clone(),
                },
                calibration_requests: calibrations_asked,
                weights_requests: weights_asked,
            };
            let (session, first) = first_session(&config, red_count, sample, &vision, confusion);
            let first = first.filter(|first| *first != Command::Start || !waits_for_a_person(&config, &store));
            let station = config.station.name.clone();
            move || pipeline::count(&station, vision, session, first, connections)
        })?);
        threads.push(thread("watchdog", {
            let (watchdog, stop) = (watchdog.clone(), stop.clone());
            move || watchdog.run(&stop)
        })?);
        threads.push(control::start(controls, &troubles, stop.clone())?);
        threads.push(alarms::start(store.clone(), stop.clone(), troubles.clone())?);
        threads.push(retention::start(store, config.store, Pace::default(), stop.clone(), &troubles)?);
        let pulse = watchdog.watch("camera", CAMERA_ALLOWANCE);
        Ok(RunningStation { camera, pulse, troubles, stop, threads })
    }
}

/// A running station. Dropping it without [`RunningStation::end`] signals the stop but does not wait for the threads.
#[derive(Debug)]
pub struct RunningStation {
    camera: CameraWatch,
    pulse: Pulse,
    troubles: Troubles,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

impl RunningStation {
    /// Waits for the stop, or at most `time`. Meanwhile it tells systemd "ready" once the camera delivers frames
    /// (models and sinks are up already), reports camera problems, and passes the camera's progress on to the watchdog.
    pub(crate) fn watch_over(&self, time: Option<Duration>) {
        let Self { camera, pulse, troubles, stop, .. } = self;
        let began = Instant::now();
        let mut ready = false;
        let mut progress = camera.last_progress();
        loop {
            let state = camera.state();
            if camera.last_progress() > progress || state == CameraState::Ended {
                progress = camera.last_progress();
                pulse.beat();
            }
            if !ready && !matches!(state, CameraState::Opening | CameraState::Lost(_)) {
                ready = true;
                service::ready();
            }
            let trouble = camera.unreadable().or(match &state {
                CameraState::Lost(words) => Some(words.clone()),
                _ => None,
            });
            if let (false, Some(words)) = (ready, &trouble) {
                service::status(words);
            }
            // The camera thread has already reported why it ended for good.
            if state != CameraState::Ended || trouble.is_some() {
                troubles.set(Part::Camera, trouble);
            }
            let left = time.map_or(LOOK, |time| time.saturating_sub(began.elapsed()).min(LOOK));
            if left.is_zero() || stop.wait(left) {
                return;
            }
        }
    }

    /// Ends a running count and stores its result; returns once every thread has ended.
    pub fn end(mut self) {
        self.stop.request();
        self.threads.drain(..).for_each(join);
    }
}

impl Drop for RunningStation {
    fn drop(&mut self) {
        self.stop.request();
    }
}

/// Where the page is, as a person at the device finds it.
fn page_of(config: &Config) -> String {
    match config.web.listen {
        ListenAddress::None => "the configuration, since this station has no page,".to_owned(),
        ListenAddress::At(address) if address.ip().is_loopback() => format!("http://{address}"),
        ListenAddress::At(address) => format!("https://(this board):{}", address.port()),
    }
}

/// The queues of requests, for monitoring.
fn queues(
    commands: &Commands,
    calibration_requests: &Requests<CalibrationRequest>,
    weights_requests: &Requests<WeightsRequest>,
) -> Queues {
    let queues = Queues::default();
    let (commands, calibrations, weights) = (commands.clone(), calibration_requests.clone(), weights_requests.clone());
    queues.queue("commands", move || commands.waiting());
    queues.queue("calibration_requests", move || calibrations.waiting());
    queues.queue("weights_requests", move || weights.waiting());
    queues
}

/// Captures frames until the stop.
fn capture(
    supervisor: Supervisor,
    stop: Stop,
    trouble: impl Fn(Option<String>) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    thread("camera", move || {
        if let Outcome::Failed(error) = supervisor.run(&stop) {
            log::error!("{error}");
            trouble(Some(error.to_string()));
        }
    })
}

/// Whether the latest count broke off and a person at the page can say what becomes of it: a count that began by itself
/// would stand in its way.
fn waits_for_a_person(config: &Config, store: &Store) -> bool {
    let page = config.web.listen != ListenAddress::None;
    let waits = page && store.last_was_interrupted().unwrap_or(false);
    if waits {
        log::warn!(
            "the latest count was interrupted: go on with it or close it on the page; none begins by itself until then"
        );
    }
    waits
}

/// Creates the session and the command, if any, that begins the first sample.
fn first_session(
    config: &Config,
    red_count: Option<RedCount>,
    sample: Option<String>,
    vision: &Vision,
    confusion: ConfusionSource,
) -> (Session, Option<Command>) {
    let correction = vision.correction(Some(config.models.prevalence));
    let mut session = Session::new(config.session.clone(), config.flags.clone(), correction)
        .with_first_red_count(red_count)
        .grading_red_cells(config.red_cells.clone(), vision.scale_is_stated());
    session.correct_by(confusion);
    session.alarm_at(&config.critical);
    let first = match sample {
        Some(id) => Some(Command::NewSample(Some(id))),
        None => config.session.autostart.then_some(Command::Start),
    };
    (session, first)
}
