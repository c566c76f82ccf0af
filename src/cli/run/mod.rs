//! `run`: the daemon. Reads the configuration, wires the stages together, and waits for the end.

mod sinks;

use std::env;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, unbounded};

use self::sinks::{SinkPorts, start_sinks};
use crate::camera;
use crate::camera::supervise::{CameraState, CameraWatch, Outcome, Patience, Supervisor};
use crate::cli::args::RunArguments;
use crate::cli::at_device;
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::{check_size, configured};
use crate::cli::retention;
use crate::config::limits::{self, Limits};
use crate::config::load::load;
use crate::config::{CameraSource, Config, Flags, SessionConfig};
use crate::counting::session::Session;
use crate::counting::session::sample::sample_id;
use crate::counting::session::snapshot::{Command, Snapshot};
use crate::counting::statistics::confusion;
use crate::counting::statistics::per_red_cell::RedCount;
use crate::outputs::serial::port::Port;
use crate::outputs::serial::sent::SentMark;
use crate::outputs::web::{self, InForce, Timeouts, Web};
use crate::outputs::{display, serial};
use crate::station::live_view::Live;
use crate::station::pipeline::{self, Calibrator, PipelinePorts};
use crate::station::recorder::Recorder;
use crate::station::service;
use crate::station::service::watchdog::{Pulse, Watchdog};
use crate::station::trouble::{Part, Troubles};
use crate::store::Store;
use crate::store::records::Settings;
use crate::system::latest::Latest;
use crate::system::stop::Stop;
use crate::vision::Vision;
use crate::vision::box_margin::BOX_MARGIN;
use crate::vision::models::Models;
use crate::vision::optics::calibration::Calibration;

/// How long a frame may take on the slowest board before the watchdog calls the counting stuck.
const COUNTING_ALLOWANCE: Duration = Duration::from_secs(20);

/// How long the camera may make no progress: its own supervision reopens it well before.
const CAMERA_ALLOWANCE: Duration = Duration::from_secs(15);

/// How often the main thread looks whether the camera came up.
const LOOK: Duration = Duration::from_millis(100);

/// The configuration: file, environment, then flags.
///
/// # Errors
/// When any of them is wrong.
fn configuration(arguments: &RunArguments) -> Result<Config, Failure> {
    let mut config = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    let state = config.state_folder();
    if let Some(limits) = Limits::read(&state).blame_input()? {
        log::info!("limits set on the page come before [session] target and [flags]");
        // The configuration without them was checked already.
        limits.apply(&mut config).map_err(|wrong| {
            let path = state.join(limits::FILE);
            let remedy = "delete it, and set the limits on the page anew";
            Failure::input(format!("{}, where limits set on the page are kept: {wrong}\n{remedy}", path.display()))
        })?;
    }
    if let Some(camera) = &arguments.camera {
        config.camera.source.clone_from(camera);
    }
    if let Some(kind) = &arguments.display {
        // The same words as in the file, read by the same code.
        config.display.kind =
            serde::Deserialize::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(kind))
                .map_err(|error| Failure::input(format!("--display {kind}: {error}")))?;
    }
    if let Some(port) = &arguments.serial {
        config.serial.port.clone_from(port);
    }
    if let Some(models) = &arguments.models {
        config.models.folder.clone_from(models);
    }
    if let Some(prevalence) = arguments.prevalence {
        config.models.prevalence = prevalence;
    }
    if let Some(target) = arguments.target {
        config.session.target = target;
    }
    config.check().blame_input()?;
    Ok(config)
}

/// What is ready before anything is begun.
struct Prepared {
    vision: Arc<Vision>,
    confusion: confusion::ConfusionSource,
    calibration: Option<Calibration>,
    store: Store,
    settings: Settings,
    sent: SentMark,
    port: Option<Port>,
}

/// Looks at all that can be wrong at the start.
fn prepare(config: &Config) -> Result<Prepared, Failure> {
    let models = Models::read(&Models::folder(&config.models.folder)).blame_input()?;
    let state = config.state_folder();
    let (lighting, calibration) = configured(config, &state)?;
    let vision =
        Vision::new(&models, config.optics.um_per_px, config.models.unknown_below).blame_input()?.lit(lighting);
    let (sha256, unknown_below) = (&models.card.classifier.sha256, vision.unknown_below());
    let confusion =
        confusion::ConfusionSource::find(config.models.confusion.as_deref(), &models.folder, sha256, unknown_below)
            .blame_input()?;
    match camera::open(&config.camera) {
        Err(error) if error.is_final() => return Err(error).blame_input(),
        // A device may keep its first frame back for long; its size is looked at while counting.
        Ok(camera) if !matches!(config.camera.source, CameraSource::V4l(_) | CameraSource::Nokhwa(_)) => {
            check_size(camera, calibration.as_ref())?;
        }
        // One that is not plugged in is waited for.
        Ok(_) | Err(_) => {}
    }
    let store = Store::open(&state).inspect_err(|error| at_device::show(config, &error.to_string())).blame_input()?;
    let settings = settings(config, &models, unknown_below, calibration.as_ref());
    let sent = SentMark::open(&state, &store).blame_input()?;
    let port = serial::open_at_start(&config.serial).blame_input()?;
    drop(display::open(&config.display).blame_input()?);
    Ok(Prepared { vision: Arc::new(vision), confusion, calibration, store, settings, sent, port })
}

/// What is in force, for the record of each session.
fn settings(config: &Config, models: &Models, unknown_below: f64, calibration: Option<&Calibration>) -> Settings {
    let classifier = &models.card.classifier;
    let file = |name: &str, sha256: &String| (name.to_owned(), sha256.clone());
    Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        camera: config.camera.source.to_string(),
        session: config.session.clone(),
        flags: config.flags.clone(),
        models: [file("detector", &models.card.detector.sha256), file("classifier", &classifier.sha256)].into(),
        calibration: calibration.map(Calibration::in_words),
        um_per_px: Some(classifier.um_per_px * BOX_MARGIN),
        unknown_below: Some(unknown_below),
    }
}

/// Runs the daemon until a signal, a key or `--for` ends it.
///
/// # Errors
/// With exit code 2 when something it was told to use cannot be used at the start, 1 when a thread cannot be started.
pub fn run(arguments: &RunArguments) -> Result<(), Failure> {
    let config = configuration(arguments)?;
    let seconds = arguments.seconds.map(|seconds| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| Failure::input(format!("--for {seconds}: write a number of seconds such as 60")))
    });
    let seconds = seconds.transpose()?;
    let sample = arguments.sample.as_deref().map(sample_id).transpose();
    let sample = sample.map_err(|problem| Failure::input(format!("--sample: {problem}")))?;

    let Prepared { vision, confusion, calibration, store, settings, sent, port } = prepare(&config)?;

    let stop = Stop::new();
    // The sinks outlive the counting, so that its last result still gets out.
    let sinks_stop = Stop::new();
    let troubles = Troubles::default();
    let watchdog = Watchdog::default();
    let (commands, asked) = unbounded();
    let (new_limits, limits) = unbounded();
    let (calibration_requests, requested_calibrations) = unbounded();
    let in_force = InForce::new(settings.clone());
    let _signals = service::listen(stop.clone(), {
        let (arguments, running) = (arguments.clone(), config.clone());
        let (in_force, new_limits) = (in_force.clone(), new_limits.clone());
        move || reload(&arguments, &running, &in_force, &new_limits)
    })
    .blame_run()?;

    let newest: [Latest<Arc<Snapshot>>; 4] = Default::default();
    let ends = SinkPorts { commands, stop: stop.clone(), sinks_stop: sinks_stop.clone(), troubles: troubles.clone() };
    // Said where a person looks for it: before the display takes the terminal.
    if let Some(port) = &port {
        println!("serial on {}", port.path().display());
    }
    let live = Live::default();
    let kept = store.clone();
    let page = start_page(Web {
        config: config.web.clone(),
        state: config.state_folder(),
        station: config.station.name.clone(),
        store: store.clone(),
        vision: Some(Arc::clone(&vision)),
        settings: in_force.clone(),
        limits: new_limits.clone(),
        live: live.clone(),
        commands: ends.commands.clone(),
        calibration_requests,
        timeouts: Timeouts::default(),
        stop: sinks_stop.clone(),
    })?;
    // After the page, which may find its port taken: keys take the terminal's echo away.
    let sinks = start_sinks(&config, &newest, &store, sent, port, &ends)?;

    let frames = Latest::default();
    let supervisor = {
        let camera = config.camera.clone();
        Supervisor::new(
            move || camera::open(&camera),
            Patience::with_stall(config.camera.stall_seconds),
            frames.clone(),
        )
    };
    let camera = supervisor.watch();
    let capturing = capture(supervisor, stop.clone(), troubles.teller(Part::Camera))?;
    let counting = thread("counting", {
        let connections = PipelinePorts {
            frames,
            camera: camera.clone(),
            recording: !config.camera.paced && matches!(config.camera.source, CameraSource::Replay(_)),
            commands: asked,
            sinks: newest.to_vec(),
            recorder: Recorder::start(store, troubles.clone()).blame_run()?,
            settings,
            live,
            troubles: troubles.clone(),
            pulse: watchdog.watch("counting", COUNTING_ALLOWANCE),
            stop: stop.clone(),
            limits,
            gate: config.quality.gate,
            calibration,
            calibrator: calibrator(&config),
            calibration_requests: requested_calibrations,
        };
        let station = config.station.name.clone();
        let (session, first) = first_session(&config, arguments.red_count, sample, &vision, confusion);
        move || pipeline::count(&station, vision, session, first, connections)
    })?;
    let watching = thread("watchdog", {
        let (watchdog, stop) = (watchdog.clone(), stop.clone());
        move || watchdog.run(&stop)
    })?;

    let keeping = retention::start(kept, config.store.clone(), stop.clone(), &troubles).blame_run()?;

    let pulse = watchdog.watch("camera", CAMERA_ALLOWANCE);
    watch_over(&camera, &pulse, &troubles, &stop, seconds);
    service::stopping();
    stop.tell();
    for thread in [counting, capturing, watching, keeping] {
        join(thread);
    }
    sinks_stop.tell();
    sinks.into_iter().chain(page).for_each(join);
    Ok(())
}

/// Captures frames until the stop.
fn capture(
    supervisor: Supervisor,
    stop: Stop,
    trouble: impl Fn(Option<String>) + Send + 'static,
) -> Result<JoinHandle<()>, Failure> {
    thread("camera", move || {
        if let Outcome::Failed(error) = supervisor.run(&stop) {
            log::error!("{error}");
            trouble(Some(error.to_string()));
        }
    })
}

/// What a calibration asked for on the page is of.
fn calibrator(config: &Config) -> Calibrator {
    Calibrator { state: config.state_folder(), camera: config.camera.clone(), optics: config.optics.clone() }
}

/// Waits for the end. On the way tells systemd "ready" once the camera gives frames (models and sinks are up already),
/// shows the camera's trouble, and passes its signs of life on to the watchdog.
fn watch_over(camera: &CameraWatch, pulse: &Pulse, troubles: &Troubles, stop: &Stop, seconds: Option<Duration>) {
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
        let trouble = if let CameraState::Lost(words) = &state { Some(words.clone()) } else { None };
        if let (false, Some(words)) = (ready, &trouble) {
            service::status(words);
        }
        // Why a camera ended for good was said by the thread that ran it.
        if state != CameraState::Ended {
            troubles.set(Part::Camera, trouble);
        }
        let left = seconds.map_or(LOOK, |seconds| seconds.saturating_sub(began.elapsed()).min(LOOK));
        if left.is_zero() || stop.wait(left) {
            return;
        }
    }
}

/// The session that the first sample is counted in, and what begins it.
fn first_session(
    config: &Config,
    red_count: Option<RedCount>,
    sample: Option<String>,
    vision: &Vision,
    confusion: confusion::ConfusionSource,
) -> (Session, Option<Command>) {
    let mut session =
        Session::new(config.session.clone(), config.flags.clone(), vision.correction(Some(config.models.prevalence)))
            .with_confusion(confusion);
    if let Some(count) = red_count {
        // Nothing is counted yet, so it is the first sample's.
        session.command(Command::RedCount(count), jiff::Timestamp::now());
    }
    let first = match sample {
        Some(id) => Some(Command::NewSample(Some(id))),
        None => config.session.autostart.then_some(Command::Start),
    };
    (session, first)
}

/// Serves the page, if there is to be one, and says where.
fn start_page(web: Web) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(page) = web::start(web).blame_input()? else { return Ok(None) };
    println!("page on {}", page.url());
    Ok(Some(page.thread))
}

/// Reads the configuration again. Limits and flags change at once; what else changed is named, since it needs a restart.
fn reload(arguments: &RunArguments, running: &Config, in_force: &InForce, limits: &Sender<(SessionConfig, Flags)>) {
    service::reloading();
    match configuration(arguments) {
        Ok(config) => {
            let rest = Config { session: running.session.clone(), flags: running.flags.clone(), ..config.clone() };
            if rest != *running {
                log::warn!("only [session] and [flags] were read again; restart for the other changes");
            }
            log::info!("read again: target {}, {:?}", config.session.target, config.flags);
            {
                let mut now = in_force.now();
                (now.session, now.flags) = (config.session.clone(), config.flags.clone());
            }
            // Nobody listens only when the program is ending.
            let _ = limits.send((config.session, config.flags));
        }
        Err(failure) => log::error!("the configuration stays as it was: {:#}", failure.error),
    }
    service::ready();
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Failure> {
    thread::Builder::new().name(name.into()).spawn(body).blame_run()
}

fn join(thread: JoinHandle<()>) {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    if thread.join().is_err() {
        log::error!("the {name} thread ended by a bug; its words are above");
    }
}
