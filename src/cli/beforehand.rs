//! What can be known of a configuration before its devices are there: every reason for which `run` would refuse it, and
//! what it would accept although it cannot be meant.

use std::fs;
use std::io;
use std::path::Path;

use crate::camera;
use crate::cli::lighting::{check_size, configured};
use crate::cli::model::trust::Trusted;
use crate::config::limits::{self, Limits};
use crate::config::{
    Broker, BrokerAddress, CameraSource, Config, DisplayKind, FlatFieldChoice, GpioBackend, ListenAddress, SerialPort,
};
use crate::counting::statistics::confusion::ConfusionSource;
use crate::domain::flag::Share;
use crate::outputs::fhir::{self, FhirError};
use crate::outputs::hl7;
use crate::outputs::metrics::token::ScrapeToken;
use crate::outputs::report::letterhead::Letterhead;
use crate::outputs::serial::port;
use crate::outputs::words::Catalogues;
use crate::outputs::{mqtt, web};
use crate::station::adapt::kept::{self, Choice, ChoiceError};
use crate::station::practice::exported;
use crate::vision::Vision;
use crate::vision::models::Models;
use crate::vision::profile::ProfileError;

/// A setting that is wrong, or probably not meant.
#[derive(Clone, Debug)]
pub struct Finding {
    pub section: &'static str,
    pub key: &'static str,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub write: String,
    /// Whether the configuration is refused; else this is a warning.
    pub refused: bool,
}

fn refused(section: &'static str, key: &'static str, what: String, write: impl Into<String>) -> Finding {
    Finding { section, key, what, write: write.into(), refused: true }
}

fn warning(section: &'static str, key: &'static str, what: String, write: impl Into<String>) -> Finding {
    Finding { refused: false, ..refused(section, key, what, write) }
}

/// Everything that can be said of a configuration that [`Config::check`] accepts, without touching a device.
#[must_use]
pub fn findings(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(state(config));
    found.extend(choice(config));
    found.extend(camera_and_calibration(config));
    found.extend(models(config));
    found.extend(trusted_keys(config));
    found.extend(flags(config));
    found.extend(outputs(config));
    found.extend(letterhead(config));
    found.extend(connections(config));
    found.extend(broker(config));
    found.extend(practice(config));
    found
}

fn state(config: &Config) -> Option<Finding> {
    // Without the key the folder depends on who runs the program.
    let state = config.station.state.as_deref()?;
    let write = "state = \"/var/lib/leukoscope\", or a path that may become a folder";
    if let Some(problem) = no_folder(state) {
        return Some(refused("station", "state", format!("state = \"{}\": {problem}", state.display()), write));
    }
    let limits = match Limits::read(state, config) {
        Ok(limits) => limits?,
        Err(problem) => return Some(refused("station", "state", problem.to_string(), "the same, without that file")),
    };
    let problem = limits.apply(&mut config.clone()).err()?;
    let what = format!("the limits set on the page and kept in {} do not fit this file: {problem}", limits::FILE);
    Some(refused("station", "state", what.replace('\n', " "), "the same, without that file"))
}

/// The profile that was chosen on the page.
fn choice(config: &Config) -> Option<Finding> {
    let state = config.station.state.as_deref()?;
    let wrong = |problem: ChoiceError| refused("station", "state", problem.to_string(), "the same, without that file");
    let choice = match Choice::read(state) {
        Ok(choice) => choice?,
        Err(problem) => return Some(wrong(problem)),
    };
    // Models that cannot be read are told of by themselves.
    let models = Models::read(&Models::folder(config.models.folder.as_deref(), state)).ok()?;
    choice.models(state, models, &config.camera, &config.optics).err().map(wrong)
}

/// Why this cannot be a folder, nor become one.
fn no_folder(path: &Path) -> Option<String> {
    let mut above = path.ancestors().filter(|path| !path.as_os_str().is_empty());
    above.find_map(|path| match fs::metadata(path) {
        Ok(found) if found.is_dir() => Some(None),
        Ok(_) => Some(Some(format!("{} is no folder", path.display()))),
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => {
            // A link that leads nowhere is there, and no folder can be made in its place.
            fs::symlink_metadata(path).is_ok().then(|| Some(format!("{} is a link that leads nowhere", path.display())))
        }
        // Another user, such as that of the service, may be allowed to look.
        Err(problem) if problem.kind() == io::ErrorKind::PermissionDenied => Some(None),
        Err(problem) => Some(Some(problem.to_string())),
    })?
}

/// A folder for practice that has no cells. The page says so as well, so that the station starts.
fn practice(config: &Config) -> Option<Finding> {
    let folder = config.practice.cells.as_deref()?;
    let what = match exported(folder) {
        Ok(cells) if cells.is_empty() => format!("{} holds no cells in folders named by class", folder.display()),
        Ok(_) => return None,
        Err(problem) => problem.to_string(),
    };
    Some(warning(
        "practice",
        "cells",
        what,
        "the folder that `leukoscope export` wrote, or cells = \"\" for drawn cells only",
    ))
}

fn camera_and_calibration(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let calibration = match configured(config, &config.state_folder()) {
        Ok((_, calibration)) => calibration,
        Err(failure) => {
            let write = match config.optics.flat_field {
                FlatFieldChoice::Stored => "flat_field = \"auto\", or take a calibration",
                _ => "the same, and take the calibration anew: leukoscope calibrate",
            };
            found.push(Finding {
                // Without the key, the calibrations of another user's folder count.
                refused: config.station.state.is_some(),
                ..refused("optics", "flat_field", failure.words(), write)
            });
            None
        }
    };
    let no_build = |library: &str| {
        let what = format!("this build of the program has no {library} cameras");
        warning("camera", "source", what, "the same, for a program built with `--features device`")
    };
    match &config.camera.source {
        CameraSource::Replay(_) | CameraSource::Pan(_) => match camera::open(&config.camera) {
            Ok(camera) => found.extend(
                check_size(camera, calibration.as_ref())
                    .err()
                    .map(|failure| refused("optics", "flat_field", failure.words(), "flat_field = \"learned\"")),
            ),
            Err(problem) => found.push(refused("camera", "source", problem.to_string(), "a path that is there")),
        },
        CameraSource::V4l(_) if !cfg!(feature = "camera-v4l") => found.push(no_build("V4L2")),
        CameraSource::Nokhwa(_) if !cfg!(feature = "camera-nokhwa") => found.push(no_build("nokhwa")),
        _ => {}
    }
    found
}

fn models(config: &Config) -> Option<Finding> {
    let asked = config.models.folder.as_deref();
    let wrong = |problem: &dyn ToString| {
        refused("models", "folder", problem.to_string(), "folder = \"\", for the models that came with the program")
    };
    let models = match Models::read(&Models::folder(asked, &config.state_folder())) {
        Ok(models) => models,
        Err(problem) => return Some(wrong(&problem)),
    };
    // The networks that came with the program run; others are tried.
    if asked.is_some()
        && let Err(problem) = Vision::new(&models, config.optics.um_per_px, config.models.unknown_below)
    {
        return Some(wrong(&problem));
    }
    let models = match profiled(config, models) {
        Ok(models) => models,
        Err(finding) => return Some(finding),
    };
    let classifier = &models.card.classifier;
    let unknown_below = config.models.unknown_below.unwrap_or(classifier.unknown_below);
    let asked = config.models.confusion.as_deref();
    let confusion = ConfusionSource::find(asked, &models, unknown_below);
    let write = "confusion = \"none\", for that of the models' folder";
    confusion.err().map(|problem| refused("models", "confusion", problem.to_string(), write))
}

/// The keys whose networks may be installed: without them counting goes on.
fn trusted_keys(config: &Config) -> Option<Finding> {
    let path = config.models.trusted_keys.as_deref()?;
    let problem = Trusted::read(Some(path)).err()?;
    let write = "trusted_keys = \"/etc/leukoscope/model-keys.pub\", with a public key of minisign in it";
    Some(warning("models", "trusted_keys", problem.to_string(), write))
}

/// The models with the configured profile, if there is one.
fn profiled(config: &Config, models: Models) -> Result<Models, Finding> {
    let Some(path) = &config.models.profile else { return Ok(models) };
    let write = "profile = \"none\", or a file that `leukoscope adapt` wrote for this camera and objective";
    let wrong = |problem: ProfileError| refused("models", "profile", problem.to_string(), write);
    kept::put_to_use(models, path, &config.camera, &config.optics).map_err(wrong)
}

fn flags(config: &Config) -> impl Iterator<Item = Finding> {
    let percent = Share::ALL.iter().map(|share| (share.row(), config.flags.limit(*share)));
    let never = percent.filter(|(row, limit)| row.unit == "percent" && *limit >= 100.0);
    never.map(|(row, limit)| {
        let what =
            format!("{} = {limit}: the flag is raised only where every cell is one of these, so never", row.limit);
        warning("flags", row.limit, what, format!("{} = 10.0, or another limit below 100", row.limit))
    })
}

fn outputs(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let Config { display, serial, astm, metrics, controls, web, .. } = config;
    if display.kind == DisplayKind::Png && display.png.is_dir() {
        let what = format!("png = \"{}\" is a folder", display.png.display());
        found.push(refused("display", "png", what, "png = \"leukoscope.png\""));
    }
    for (section, port, example) in [("serial", &serial.port, "/dev/ttyUSB0"), ("astm", &astm.port, "/dev/ttyUSB1")] {
        if let SerialPort::Device(path) = port
            && let Some(problem) = port::is_none(path)
        {
            let write = format!("port = \"{example}\", or another that `leukoscope devices` lists");
            found.push(refused(section, "port", problem.to_string(), write));
        }
    }
    if let Some(file) = &metrics.file {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        if file.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
            let what = format!("file = \"{}\": its folder must be there when the program runs", file.display());
            found.push(warning("metrics", "file", what, "the same, and make the folder"));
        }
    }
    if let Some(Err(problem)) = metrics.token.as_deref().map(ScrapeToken::read) {
        found.push(refused("metrics", "token", problem.to_string(), "token = \"\""));
    }
    if controls.gpio == GpioBackend::Rppal && !cfg!(feature = "gpio-rppal") {
        let what = "this build of the program cannot reach a Raspberry Pi's registers".to_owned();
        found.push(warning("controls", "gpio", what, "gpio = \"cdev\", which works on any board"));
    }
    if let ListenAddress::At(address) = web.listen {
        if let Err(problem) = web::check_certificate(web, address) {
            found.push(refused(
                "web",
                "certificate",
                problem.to_string(),
                "certificate = \"\", and key too: the station makes its own",
            ));
        }
        let catalogues = Catalogues::new(web.catalogues.clone());
        if !catalogues.has(&web.language) {
            let there = catalogues.languages().join(", ");
            let what = format!("language = \"{}\": there is no such language; there are {there}", web.language);
            found.push(refused("web", "language", what, "language = \"en\""));
        }
    }
    found
}

/// What stands on reports.
fn letterhead(config: &Config) -> Option<Finding> {
    let problem = Letterhead::read(&config.laboratory).err()?;
    let key = problem.key();
    Some(refused("laboratory", key, problem.to_string(), format!("{key} = \"\", or a file as this key's comment says")))
}

/// Files and folders of the connections to laboratory systems.
fn connections(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Err(problem) = hl7::check(&config.hl7) {
        found.push(refused("hl7", "tls", problem.to_string(), "tls = false, or files that are there"));
    }
    if let Err(problem) = fhir::Receiver::open(&config.fhir) {
        let key = match &problem {
            FhirError::Token { .. } => "token_file",
            FhirError::NoFolder { .. } => "folder",
            FhirError::Tls(_) if config.fhir.ca.is_some() => "ca",
            FhirError::Tls(_) | FhirError::Both(_) => "url",
        };
        found.push(refused("fhir", key, problem.to_string(), "the same, with a file or folder that is there"));
    }
    found
}

/// Files that the broker needs, and what would pass in clear text.
fn broker(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Err(problem) = mqtt::check(&config.mqtt) {
        let (key, words) = (problem.key(), problem.to_string());
        found.push(refused("mqtt", key, words, format!("{key} = \"\", or a file as docs/interfaces.md describes it")));
    }
    if let (Some(words), Broker::At(address)) = (mqtt::in_clear(&config.mqtt), &config.mqtt.broker) {
        let tls = BrokerAddress { tls: true, port: 8883, ..address.clone() };
        found.push(warning("mqtt", "broker", words, format!("broker = \"{tls}\"")));
    }
    found
}
