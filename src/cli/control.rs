//! `control`: quality control at the console.

use jiff::Timestamp;
use std::fmt::Write as _;

use crate::cli::args::{ControlArguments, ControlCommand, RunArguments};
use crate::cli::failure::{Blame, Failure};
use crate::cli::lighting::configured;
use crate::cli::{output, run, station};
use crate::counting::quality_control::{ControlKind, ControlRun, NewLot, Outcome, named};
use crate::outputs::report::control_runs;
use crate::station::control::{Controls, NotControlled};
use crate::station::in_force::InForce;
use crate::store::Store;
use crate::system::stop::Stop;
use crate::system::zone;
use crate::vision::Vision;

/// Name in the audit trail.
const CONSOLE: &str = "console";

/// Checks reference cells or lists the runs; the daemon may be running.
///
/// # Errors
/// With exit code 2 if the configuration or the lot is wrong, 1 if the control failed or the store cannot be used.
pub fn control(arguments: &ControlArguments) -> Result<(), Failure> {
    match &arguments.command {
        ControlCommand::Run { lot, new_lot } => check(arguments, lot.as_deref(), new_lot.as_deref()),
        ControlCommand::List { json, csv } => {
            let store = station::to_read(arguments.config.as_deref())?;
            let runs = store.map_or(Ok(Vec::new()), |store| store.control_runs(None, u32::MAX)).blame_run()?;
            if *csv {
                return output::text(String::from_utf8_lossy(&control_runs(&runs).blame_run()?));
            }
            if runs.is_empty() {
                output::aside("no control was run yet");
            }
            runs.iter().try_for_each(|run| {
                let line = if *json { serde_json::to_string(run).blame_run()? } else { words(run) };
                output::line(line)
            })
        }
    }
}

fn check(arguments: &ControlArguments, lot: Option<&str>, new_lot: Option<&str>) -> Result<(), Failure> {
    let config = run::configuration(&RunArguments { config: arguments.config.clone(), ..RunArguments::default() })?;
    let models = run::models(&config)?;
    // As the station sees them: with the calibrated colour of red cells.
    let (lighting, calibration) = configured(&config, &config.state_folder())?;
    let red_cells = calibration.as_ref().and_then(|calibration| calibration.red_cells);
    let vision = Vision::new(&models, config.optics.um_per_px, config.models.unknown_below).blame_input()?;
    let vision = vision.lit(lighting).calibrated(red_cells);
    let store = station::to_write(arguments.config.as_deref())?;
    let in_force = InForce::new(run::settings(&config, &models, vision.unknown_below()), None);
    let controls = Controls::new(config.quality_control.clone(), store.clone(), in_force);
    let stop = Stop::new();
    let lot = match new_lot {
        Some(name) => {
            let targets = controls.cell_targets(&vision, &stop).map_err(blamed)?;
            let lot = NewLot { kind: ControlKind::Cells, name: name.to_owned(), level: 1, expires: None, targets };
            store.add_control_lot(&lot, CONSOLE, Timestamp::now()).blame_input()?
        }
        None => in_use(&store, lot)?,
    };
    let run = controls.check_cells(lot, CONSOLE, &vision, Timestamp::now(), &stop).map_err(blamed)?;
    output::line(words(&run))?;
    if run.outcome == Outcome::Failed {
        let why = "the control failed; docs/quality-control.md says what to do";
        return Err(Failure { code: 1, error: anyhow::anyhow!(why) });
    }
    Ok(())
}

/// Number of the lot of cells that is meant.
fn in_use(store: &Store, name: Option<&str>) -> Result<i64, Failure> {
    let lots = store.control_lots().blame_run()?;
    let cells = lots.iter().filter(|lot| lot.retired.is_none() && lot.lot.kind == ControlKind::Cells);
    let meant: Vec<_> = cells.filter(|lot| name.is_none_or(|name| lot.lot.name == name)).collect();
    match meant.as_slice() {
        [one] => Ok(one.id),
        [] => Err(Failure::input(
            "no such lot of cells is in use; make one with `leukoscope control run --new-lot NAME`. A slide's control is begun on \
             the page",
        )),
        _ => Err(Failure::input("several lots of cells are in use; name one")),
    }
}

fn blamed(problem: NotControlled) -> Failure {
    match problem {
        NotControlled::Store(problem) => Failure { code: 1, error: problem.into() },
        problem => Failure::input(problem),
    }
}

fn words(run: &ControlRun) -> String {
    let said = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let outcome = serde_json::to_value(run.outcome).map(said).unwrap_or_default();
    let again = if run.try_number > 1 { format!("  run {} since it was due", run.try_number) } else { String::new() };
    let (at, lot) = (zone::minute(run.at), named(&run.lot_name, run.level));
    let mut line = format!("{:>4}  {at}  lot {lot}  {outcome}  {}{again}", run.id, run.by);
    // Writing to a String cannot fail.
    for (rule, chart) in run.broken() {
        let _ = write!(line, "  {} {chart}", rule.code());
    }
    for cause in &run.causes {
        let _ = write!(line, "  {}", serde_json::to_value(cause).map(said).unwrap_or_default());
    }
    for value in &run.values {
        let _ = write!(line, "  {} {}/{}", value.chart, value.count, value.of);
    }
    if let Some(words) = &run.words {
        let _ = write!(line, "  ({words})");
    }
    line
}
