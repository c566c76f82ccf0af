//! `model`: networks from a signed bundle, tried before they are used, and back to those before.

pub mod bundle;
mod shelf;
pub(crate) mod trust;

use std::env;
use std::io::Cursor;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::bundle::{BundleError, Reference, Tried};
use self::shelf::{Record, Shelf};
use self::trust::{TrustError, Trusted};
use crate::cli::args::{ModelArguments, ModelCommand};
use crate::cli::failure::{Blame, Failure};
use crate::cli::run;
use crate::cli::{output, station};
use crate::config::Config;
use crate::config::load::load;
use crate::station::adapt::kept::Choice;
use crate::store::{Store, hexadecimal};
use crate::system::{file, zone};
use crate::vision::models::Models;

/// Name in the audit trail.
const CONSOLE: &str = "console";

/// What is in the trail for networks that were taken into use, refused, or taken back.
const INSTALL: &str = "install models";
const REFUSED: &str = "models refused";
const BACK: &str = "models back";

/// Installs, lists, takes back or bundles networks. A running station goes on with its own until it is started again.
///
/// # Errors
/// With exit code 2 if a file, a key or the configuration is wrong, 1 if a bundle is refused or a disk fails.
pub fn model(arguments: &ModelArguments) -> Result<(), Failure> {
    let config = arguments.config.as_deref();
    match &arguments.command {
        ModelCommand::Install { file } => install(config, file),
        ModelCommand::List => list(config),
        ModelCommand::Back => back(config),
        ModelCommand::Bundle { folder, reference, right, um_per_px, output } => {
            let wanted = Reference { right: *right, um_per_px: *um_per_px };
            let (bytes, tried) = bundle::make(folder, reference, wanted).map_err(blamed)?;
            file::replace(output, &bytes).map_err(|problem| {
                Failure::input(format!(
                    "--output {}: {problem}; name a file in a folder that is there",
                    output.display()
                ))
            })?;
            output::line(format_args!(
                "{}: {:.1} MB, {} of {} reference cells right, SHA-256 {}",
                output.display(),
                bytes.len() as f64 / 1e6,
                tried.right,
                tried.cells,
                hexadecimal(&Sha256::digest(&bytes))
            ))?;
            output::aside(format_args!("sign it before you send it: minisign -Sm {}", output.display()));
            Ok(())
        }
    }
}

/// The configuration with what `run` would take from the state folder, for a station whose networks can be changed.
fn changeable(config: Option<&Path>) -> Result<(Config, std::path::PathBuf), Failure> {
    let state = station::own_folder(config)?;
    let mut config = load(config, env::vars()).blame_input()?;
    let refused = |by: &str, what: &str| {
        Failure::input(format!(
            "{by} names the folder of the networks, which comes before installed ones: {what} first"
        ))
    };
    if config.models.folder.is_some() {
        return Err(refused("[models] folder", "write folder = \"\""));
    }
    if env::var_os("LEUKOSCOPE_MODELS").is_some() {
        return Err(refused("LEUKOSCOPE_MODELS", "unset it"));
    }
    if let Some(choice) = Choice::read(&state).blame_input()? {
        config.models.profile = choice.file(&state);
    }
    Ok((config, state))
}

/// Refuses networks that the station could not start with: those that its profile was not learned with.
fn fits(config: &Config, folder: Option<&Path>) -> anyhow::Result<Models> {
    let config = Config {
        models: crate::config::ModelsConfig { folder: folder.map(Path::to_owned), ..config.models.clone() },
        ..config.clone()
    };
    run::models(&config).map_err(|failure| {
        failure.error.context(
            "the station would not start with these networks: choose \"none\" under Settings, This laboratory on the page, or \
             clear [models] profile, and learn the profile anew after they are installed",
        )
    })
}

fn install(config: Option<&Path>, path: &Path) -> Result<(), Failure> {
    let (config, state) = changeable(config)?;
    let trusted = Trusted::read(config.models.trusted_keys.as_deref()).blame_input()?;
    let bytes = trust::read(path).blame_input()?;
    let sha256 = hexadecimal(&Sha256::digest(&bytes));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let shelf = Shelf::of(&state);
    let _lock = shelf.lock().blame_run()?;
    let installed = trusted.check(path, &bytes).map_err(untrusted).and_then(|()| {
        let record = |classifier_sha256: String, tried: Tried| Record {
            installed: Timestamp::now(),
            by: CONSOLE.to_owned(),
            bundle: name.clone(),
            sha256: sha256.clone(),
            classifier_sha256,
            tried,
            former: shelf.current(),
        };
        put_to_use(&config, &shelf, &bytes, record)
    });
    match installed {
        Ok((models, tried, former)) => {
            let detail = json!({
                "bundle": name, "sha256": sha256, "card": models.card.card_sha256,
                "classifier": models.card.classifier.sha256, "detector": models.card.detector.sha256,
                "reference": {"cells": tried.cells, "right": tried.right}, "former": former,
            });
            note(&state, INSTALL, &detail)?;
            output::line(format_args!(
                "installed {name}: {} of {} reference cells right, classifier {}",
                tried.right,
                tried.cells,
                short(&models.card.classifier.sha256)
            ))?;
            restart()
        }
        Err(failure) => {
            // Whatever is wrong with the bundle, who tried what is in the trail.
            let detail = json!({"bundle": name, "sha256": sha256, "why": failure.words()});
            note(&state, REFUSED, &detail)?;
            Err(failure)
        }
    }
}

/// Unpacks a trusted bundle, tries it, takes it into use, and tries it again as it lies on the disk. Returns the networks, how
/// they did, and what was in use before.
fn put_to_use(
    config: &Config,
    shelf: &Shelf,
    bytes: &[u8],
    record: impl FnOnce(String, Tried) -> Record,
) -> Result<(Models, Tried, Option<String>), Failure> {
    let staged = shelf.stage().blame_run()?;
    bundle::unpack(Cursor::new(bytes), staged.path()).map_err(blamed)?;
    let (models, tried) = bundle::check(staged.path()).map_err(blamed)?;
    fits(config, Some(staged.path())).blame_run()?;
    let record = record(models.card.classifier.sha256.clone(), tried);
    let former = record.former.clone();
    let name = shelf.put(staged, &record).blame_run()?;
    shelf.switch(Some(&name)).inspect_err(|_| shelf.discard(&name)).blame_run()?;
    // A card that gives back other bytes than it took shows here, and not when somebody counts.
    if let Err(problem) = bundle::check(&shelf.path(&name)) {
        shelf.switch(former.as_deref()).blame_run()?;
        shelf.discard(&name);
        let context = "the networks were taken into use, failed, and those before are in use again";
        return Err(Failure { code: 1, error: anyhow::Error::new(problem).context(context) });
    }
    shelf.tidy();
    Ok((models, tried, former))
}

fn back(config: Option<&Path>) -> Result<(), Failure> {
    let (config, state) = changeable(config)?;
    let shelf = Shelf::of(&state);
    let _lock = shelf.lock().blame_run()?;
    let Some(current) = shelf.current() else {
        return Err(Failure::input("the networks that came with the program are in use; there are none before them"));
    };
    let former = shelf.record(&current).blame_run()?.former;
    let folder = former.as_ref().map_or_else(Models::shipped, |name| shelf.path(name));
    if !folder.exists() {
        return Err(Failure::input(format!("{}, which was in use before, is kept no more", folder.display())));
    }
    let models = fits(&config, Some(&folder)).blame_run()?;
    shelf.switch(former.as_deref()).blame_run()?;
    let classifier = &models.card.classifier.sha256;
    note(&state, BACK, &json!({"from": current, "to": former, "classifier": classifier}))?;
    let name = former.as_deref().unwrap_or(SHIPPED);
    output::line(format_args!("{name} again instead of {current}: classifier {}", short(classifier)))?;
    restart()
}

/// How the networks that came with the program are called in a list.
const SHIPPED: &str = "shipped";

fn list(config: Option<&Path>) -> Result<(), Failure> {
    let config = load(config, env::vars()).blame_input()?;
    let state = config.state_folder();
    let shelf = Shelf::of(&state);
    let current = shelf.current();
    let former = current.as_ref().and_then(|current| shelf.record(current).ok().map(|record| record.former));
    let mark = |name: Option<&str>| {
        if current.as_deref() == name {
            "in use"
        } else if former.as_ref().is_some_and(|former| former.as_deref() == name) {
            "before"
        } else {
            "kept"
        }
    };
    let shipped = Models::shipped();
    let classifier = match Models::read(&shipped) {
        Ok(models) => format!("classifier {}", short(&models.card.classifier.sha256)),
        Err(problem) => problem.to_string(),
    };
    output::line(format_args!("{:<7} {SHIPPED}  {classifier}  {}", mark(None), shipped.display()))?;
    for (name, record) in shelf.installed() {
        let Tried { cells, right } = record.tried;
        output::line(format_args!(
            "{:<7} {name}  classifier {}  {}, installed by {} on {}, {right} of {cells} reference cells right",
            mark(Some(&name)),
            short(&record.classifier_sha256),
            record.bundle,
            record.by,
            zone::minute(record.installed)
        ))?;
    }
    let used = Models::folder(config.models.folder.as_deref(), &state);
    if used != shelf.path(crate::vision::models::CURRENT) && used != shipped {
        output::aside(format_args!(
            "none of these counts: [models] folder or LEUKOSCOPE_MODELS names {}",
            used.display()
        ));
    }
    Ok(())
}

fn restart() -> Result<(), Failure> {
    output::line("a running station goes on with its own until it is started again: sudo systemctl restart leukoscope")
}

/// The first digits of a SHA-256, which tell networks apart.
fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn note(state: &Path, action: &str, detail: &Value) -> Result<(), Failure> {
    Store::open_beside(state).and_then(|store| store.note(CONSOLE, Timestamp::now(), action, None, detail)).blame_run()
}

fn untrusted(error: TrustError) -> Failure {
    Failure { code: 1, error: error.into() }
}

fn blamed(error: BundleError) -> Failure {
    Failure { code: 1, error: error.into() }
}
