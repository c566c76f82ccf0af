//! `report`: the report of a session as a file.

use std::env;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::args::ReportArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::output::line;
use crate::cli::station;
use crate::config::load::load;
use crate::outputs::report::letterhead::Letterhead;
use crate::outputs::report::{self, ReportFormat};
use crate::outputs::words::Catalogues;
use crate::store::Store;
use crate::store::records::{SessionId, Status};
use crate::system::file;

/// Writes a report; the daemon may be running.
///
/// # Errors
/// With exit code 2 if there is no such session, format or language, 1 if something cannot be read or written.
pub fn report(arguments: &ReportArguments) -> Result<(), Failure> {
    let config = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    let letterhead = Letterhead::read(&config.laboratory).blame_input()?;
    let store = station::to_read(arguments.config.as_deref())?;
    let id = store.as_ref().map(|store| session(store, &arguments.session)).transpose()?.flatten();
    let (Some(store), Some(id)) = (store, id) else {
        let asked = arguments.session.trim();
        let what = if asked.parse::<SessionId>().is_ok() { "session" } else { "session of a sample" };
        return Err(Failure::input(format!("there is no {what} {asked}; `leukoscope sessions` lists them")));
    };
    let form = match &arguments.output {
        _ if arguments.label => ReportFormat::Label,
        Some(output) => {
            let ending = output.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            ending.parse::<ReportFormat>().blame_input()?
        }
        None => ReportFormat::Pdf,
    };
    let language = arguments.language.as_deref().unwrap_or(&config.web.language);
    let catalogues = Catalogues::new(config.web.catalogues.clone());
    if !catalogues.has(language) {
        let there = catalogues.languages().join(", ");
        return Err(Failure::input(format!("there is no language {language}; there are {there}")));
    }
    let words = catalogues.words(language);
    let Some(detail) = store.session(id).blame_run()? else {
        return Err(Failure::input(format!("there is no session {id}; `leukoscope sessions` lists them")));
    };
    if detail.summary.status == Status::Final {
        // Noted before anything is shown, as on the page.
        let by = station::to_write(arguments.config.as_deref())?;
        by.note("console", Timestamp::now(), "view", Some(id), &json!({"form": form.ending()})).blame_run()?;
    }
    let cells = report::cells(&store, id, form).blame_run()?;
    let bytes = report::make(form, &detail, &cells, &words, &letterhead).blame_run()?;
    let named = || PathBuf::from(report::file_name(id, &detail.summary.sample, form));
    let output = arguments.output.clone().unwrap_or_else(named);
    file::replace(&output, &bytes).map_err(|problem| Failure {
        code: 1,
        error: anyhow::anyhow!("{}: {problem}; choose another place with --output", output.display()),
    })?;
    line(output.display())
}

/// The session of this number, else the newest one of this sample that has a result, else the newest one of it.
fn session(store: &Store, asked: &str) -> Result<Option<SessionId>, Failure> {
    let asked = asked.trim();
    if let Ok(number) = asked.parse()
        && store.session(number).blame_run()?.is_some()
    {
        return Ok(Some(number));
    }
    let sessions = store.all_sessions(false).blame_run()?;
    // While an amendment is made, the version before it is in force.
    let of_sample = || sessions.iter().rev().filter(|session| session.sample == asked && !session.is_open_amendment());
    let found = of_sample().find(|session| session.result.is_some()).or_else(|| of_sample().next());
    Ok(found.map(|session| session.id))
}
