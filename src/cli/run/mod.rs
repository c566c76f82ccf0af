//! `run`: the daemon. Reads the configuration, starts the station and its outputs, and waits for the end.

mod connections;
mod outputs;

use std::env;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use self::connections::Connections;
use self::outputs::{Outboxes, start_outputs};
use crate::camera;
use crate::camera::program::end_programs;
use crate::cli::args::RunArguments;
use crate::cli::at_device;
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::{check_size, configured};
use crate::config::limits::{self, Limits};
use crate::config::load::load;
use crate::config::{CameraSource, Config, ReviewConfig, whole_pattern};
use crate::counting::session::sample::{check_rules, sample_id};
use crate::counting::statistics::confusion;
use crate::outputs::report::letterhead::Letterhead;
use crate::outputs::serial::port::Port;
use crate::outputs::web::{self, Timeouts, Web};
use crate::outputs::{display, mqtt, serial};
use crate::station::adapt::Laboratory;
use crate::station::adapt::kept::{self, Choice};
use crate::station::camera_choice::{CameraChoice, CameraChooser};
use crate::station::in_force::InForce;
use crate::station::service::{self, Hangup, last_resort};
use crate::station::wiring::{Parts, Station};
use crate::store::Store;
use crate::store::records::Settings;
use crate::system::memory::keep_little;
use crate::system::stop::Stop;
use crate::system::threads::join;
use crate::vision::Vision;
use crate::vision::crop::CropForm;
use crate::vision::models::Models;
use crate::vision::profile::Profile;

/// Loads the configuration: file, then environment, then flags.
///
/// # Errors
/// If any of them is invalid.
pub(crate) fn configuration(arguments: &RunArguments) -> Result<Config, Failure> {
    let mut config = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    let state = config.state_folder();
    if let Some(limits) = Limits::read(&state, &config).blame_input()? {
        log::info!("limits set on the page come before [session] target and [flags]");
        // The configuration without the stored limits is already checked.
        limits.apply(&mut config).map_err(|wrong| {
            let path = state.join(limits::FILE);
            let remedy = "delete it, and set the limits on the page anew";
            let kept = format!("{}, where limits set on the page are kept ({remedy})", path.display());
            Failure { code: 2, error: anyhow::Error::new(wrong).context(kept) }
        })?;
    }
    if let Some(choice) = Choice::read(&state).blame_input()? {
        log::info!("the profile chosen on the page comes before [models] profile");
        config.models.profile = choice.file(&state);
    }
    CameraChoice::apply(&mut config).blame_input()?;
    if let Some(camera) = &arguments.camera {
        config.camera.source.clone_from(camera);
    }
    if let Some(kind) = arguments.display {
        config.display.kind = kind;
    }
    if let Some(port) = &arguments.serial {
        config.serial.port.clone_from(port);
    }
    if arguments.models.is_some() {
        config.models.folder.clone_from(&arguments.models);
    }
    if arguments.profile.is_some() {
        config.models.profile.clone_from(&arguments.profile);
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

/// Everything opened and checked before any thread starts.
#[expect(missing_debug_implementations, reason = "a display has none")]
pub struct Prepared {
    vision: Arc<Vision>,
    letterhead: Letterhead,
    confusion: confusion::ConfusionSource,
    in_force: InForce,
    store: Store,
    outboxes: Outboxes,
    port: Option<Port>,
    connections: Connections,
}

/// Checks everything that can be wrong at the start.
///
/// # Errors
/// With exit code 2 if a file or a device cannot be used.
pub fn prepare(config: &Config) -> Result<Prepared, Failure> {
    let models = models(config).inspect_err(|failure| at_device::show(config, &failure.words()))?;
    let vision = Vision::new(&models, config.optics.um_per_px, config.models.unknown_below).blame_input()?;
    prepare_with(config, &models, vision)
}

/// The configured models, with the profile of this laboratory if there is one.
///
/// # Errors
/// With exit code 2 if a file is missing or damaged, or the profile was learned with another camera or objective.
pub(crate) fn models(config: &Config) -> Result<Models, Failure> {
    let models =
        Models::read(&Models::folder(config.models.folder.as_deref(), &config.state_folder())).blame_input()?;
    let Some(path) = &config.models.profile else { return Ok(models) };
    let (state, camera, optics) = (config.state_folder(), &config.camera, &config.optics);
    // The command line may name another file.
    let choice = Choice::read(&state).blame_input()?.filter(|choice| choice.file(&state).as_ref() == Some(path));
    let models = match choice {
        // One that cannot be used is refused rather than passed over: results would be named by other weights than the
        // page says.
        Some(choice) => choice.models(&state, models, camera, optics).blame_input()?,
        None => kept::put_to_use(models, path, camera, optics).blame_input()?,
    };
    if let Some(profile) = &models.profile {
        log::info!("cells are named with the profile {}", profile.mark());
    }
    Ok(models)
}

/// The same with networks that run already, which take a while to begin.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with(config: &Config, models: &Models, vision: Vision) -> Result<Prepared, Failure> {
    let letterhead = Letterhead::read(&config.laboratory).blame_input()?;
    let state = config.state_folder();
    let (lighting, calibration) = configured(config, &state)?;
    let red_cells = calibration.as_ref().and_then(|calibration| calibration.red_cells);
    let vision = vision.lit(lighting).calibrated(red_cells);
    let vision = if config.red_cells.grade { vision.naming_red_cells(models).blame_input()? } else { vision };
    let unknown_below = vision.unknown_below();
    let confusion =
        confusion::ConfusionSource::find(config.models.confusion.as_deref(), models, unknown_below).blame_input()?;
    match camera::open(&config.camera) {
        Err(error) if error.is_final() => return Err(error).blame_input(),
        // A device may take long to deliver its first frame; its size is checked while counting.
        Ok(camera) if !matches!(config.camera.source, CameraSource::V4l(_) | CameraSource::Nokhwa(_)) => {
            check_size(camera, calibration.as_ref())?;
        }
        // A camera that is not plugged in may still come.
        Ok(_) | Err(_) => {}
    }
    let store = Store::open(&state).inspect_err(|error| at_device::show(config, &error.to_string())).blame_input()?;
    let ReviewConfig { second_reviewer, patient_key, delta_points, fastest_ms: _, own_classes: _ } = &config.review;
    store.ask_two_for(&second_reviewer.0);
    // Checked with the file, so it is a pattern.
    let key = Some(patient_key).filter(|key| !key.is_empty()).and_then(|key| whole_pattern(key).ok());
    store.compare_by(key, *delta_points);
    store.of_training_station(config.station.training);
    let in_force = InForce::new(settings(config, models, unknown_below), calibration);
    let outboxes = Outboxes::open(config, &state, &store)?;
    mqtt::check(&config.mqtt).blame_input()?;
    let port = serial::open_at_start(&config.serial).blame_input()?;
    drop(display::open(&config.display).blame_input()?);
    let connections = Connections::open(config, &state, &store)?;
    let vision = Arc::new(vision);
    Ok(Prepared { vision, letterhead, confusion, in_force, store, outboxes, port, connections })
}

/// Settings in force at the start, apart from the calibration.
pub(crate) fn settings(config: &Config, models: &Models, unknown_below: f64) -> Settings {
    let classifier = &models.card.classifier;
    let file = |name: &str, sha256: &String| (name.to_owned(), sha256.clone());
    Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        camera: config.camera.source.to_string(),
        source: Some(config.camera.source.kind()),
        training: config.station.training,
        taken_with: None,
        session: config.session.clone(),
        sample: config.sample.clone(),
        flags: config.flags.clone(),
        red_cells: config.red_cells.clone(),
        critical: config.critical.clone(),
        models: [
            file("card", &models.card.card_sha256),
            file("detector", &models.card.detector.sha256),
            file("classifier", &classifier.sha256),
        ]
        .into(),
        calibration: None,
        um_per_px: Some(CropForm::of(&models.card).um_per_px),
        unknown_below: Some(unknown_below),
        profile: models.profile.as_ref().map(Profile::mark),
    }
}

/// Runs the daemon until a signal, a key or `--for` ends it.
///
/// # Errors
/// With exit code 2 if the configuration, a file or a device cannot be used at the start; 1 if a thread cannot be
/// started.
pub fn run(arguments: &RunArguments) -> Result<(), Failure> {
    keep_little();
    let config = configuration(arguments)?;
    let seconds = arguments.seconds.map(|seconds| {
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| Failure::input(format!("--for {seconds}: write a number of seconds such as 60")))
    });
    let seconds = seconds.transpose()?;
    let sample = arguments.sample.as_deref().map(sample_id).transpose();
    let formed = sample.and_then(|sample| {
        sample.as_deref().map(|id| check_rules(id, &config.sample)).transpose()?;
        Ok(sample)
    });
    let sample = formed.map_err(|problem| Failure::input(format!("--sample: {problem}")))?;

    let Prepared { vision, letterhead, confusion, in_force, store, outboxes, port, connections } = prepare(&config)?;

    let mut station = Station::new(Parts {
        config: config.clone(),
        vision,
        confusion,
        in_force: in_force.clone(),
        store,
        red_count: arguments.red_count,
        sample,
    });
    let ports = station.ports().clone();
    // The outputs outlive the counting thread, so that its last result still gets out.
    let outputs_stop = Stop::new();
    last_resort::arm(ports.stop.clone(), ports.store.clone()).blame_run()?;
    let hangup = Hangup::of_this_process(arguments.reload_on_hangup);
    let _signals = service::listen(ports.stop.clone(), hangup, {
        let (arguments, running) = (arguments.clone(), config.clone());
        move || reload(&arguments, &running, &in_force)
    })
    .blame_run()?;
    // Printed before the display takes over the terminal.
    if let Some(port) = &port {
        say(&format!("serial on {}", port.path().display()));
    }
    for address in connections.called_at() {
        say(&format!("astm on {address}"));
    }
    if let Some(address) = connections.orders_at() {
        say(&format!("hl7 orders on {address}"));
    }
    let chooser = CameraChooser::new(asks_for_camera(arguments)?, ports.stop.clone());
    let page = start_page(Web {
        letterhead,
        camera: chooser.clone(),
        config: config.web.clone(),
        review: config.review.clone(),
        state: config.state_folder(),
        station: config.station.name.clone(),
        store: ports.store.clone(),
        keep: config.store.clone(),
        in_force: ports.in_force.clone(),
        live: ports.live.clone(),
        commands: ports.commands.clone(),
        calibration_requests: ports.calibration_requests.clone(),
        laboratory: Laboratory::of(&config),
        weights_requests: ports.weights_requests.clone(),
        controls: ports.controls.clone(),
        monitor: ports.monitor.clone(),
        configured: config.clone(),
        scrape_token: config.metrics.token.clone(),
        timeouts: Timeouts::default(),
        stop: outputs_stop.clone(),
    })?;
    let receivers = connections.start(&config, station.ports(), &outputs_stop)?;
    // After the page, which may fail on a port in use: the key reader switches off the terminal's echo.
    let outputs = start_outputs(&config, &mut station, outboxes, port, &outputs_stop)?;

    let running = station.start().blame_run()?;
    running.watch_over(seconds);
    // For systemd the program that begins anew goes on.
    if chooser.begins_anew() {
        service::reloading();
    } else {
        service::stopping();
    }
    running.end();
    outputs_stop.request();
    outputs.into_iter().chain(receivers).chain(page).for_each(join);
    end_programs();
    if chooser.begins_anew() { Err(begin_anew()) } else { Ok(()) }
}

/// Whether the camera is chosen on the page: the configuration says so, and no flag names one.
fn asks_for_camera(arguments: &RunArguments) -> Result<bool, Failure> {
    let written = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    Ok(arguments.camera.is_none() && written.camera.source == CameraSource::Choose)
}

/// Replaces this process by the same program with the same arguments; returns only if that fails.
fn begin_anew() -> Failure {
    log::info!("beginning anew, with the camera that was chosen");
    let program = env::current_exe().unwrap_or_else(|_| "leukoscope".into());
    let problem = Command::new(&program).args(env::args_os().skip(1)).exec();
    Failure { code: 1, error: anyhow::anyhow!("{}: {problem}; start the program again", program.display()) }
}

/// Starts the web page, if configured, and prints its address.
fn start_page(web: Web) -> Result<Option<JoinHandle<()>>, Failure> {
    let Some(page) = web::start(web).blame_input()? else { return Ok(None) };
    say(&format!("page on {}", page.url()));
    Ok(Some(page.thread))
}

/// Reloads the configuration. Limits and flags change at once; other changes are logged as needing a restart.
fn reload(arguments: &RunArguments, running: &Config, in_force: &InForce) {
    service::reloading();
    let reread = in_force.change_limits(|_| {
        let config = configuration(arguments)?;
        let mut rest = Config {
            session: running.session.clone(),
            sample: running.sample.clone(),
            flags: running.flags.clone(),
            ..config.clone()
        };
        // The page puts its choice in force itself.
        if Choice::read(&rest.state_folder()).blame_input()?.is_some() {
            rest.models.profile.clone_from(&running.models.profile);
        }
        if rest != *running {
            log::warn!("only [session], [sample] and [flags] were read again; restart for the other changes");
        }
        log::info!("read again: target {}, {:?}", config.session.target, config.flags);
        in_force.set_rules(config.sample);
        Ok::<_, Failure>((config.session, config.flags))
    });
    if let Err(failure) = reread {
        log::error!("the configuration stays as it was: {}", format!("{:#}", failure.error).replace('\n', " |"));
    }
    service::ready();
}

/// Prints a line to standard output. A closed reader must not stop the count.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
