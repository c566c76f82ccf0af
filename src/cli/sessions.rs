//! `sessions`: what this station has counted.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::counting::session::snapshot::Snapshot;
use crate::store::StoredResult;
use crate::store::records::{SessionDetail, Status};
use crate::store::told::Alarm;
use crate::system::zone;

/// Lists the sessions, oldest first, or the results as JSON; a daemon may be running. With `all` also versions that an
/// amended result replaced.
///
/// # Errors
/// With exit code 2 if the configuration is wrong, 1 if the store cannot be read, or if signed results are shown and
/// the audit trail cannot be written.
pub fn sessions(config: Option<&Path>, json: bool, all: bool) -> Result<(), Failure> {
    let Some(store) = station::to_read(config)? else {
        return if json { Ok(()) } else { output::line("nothing is kept yet") };
    };
    let mut sessions = store.all_sessions(all).blame_run()?;
    if json {
        sessions.retain(|session| session.result.is_some());
        sessions.sort_by_key(|session| session.result);
    } else if sessions.is_empty() {
        return output::line(format_args!("no session in {} yet", store.path().display()));
    }
    let signed = sessions.iter().filter(|session| session.status == Status::Final).count();
    if signed > 0 {
        // Noted before anything is shown, as with a report.
        let by = station::to_write(config)?;
        by.note("console", Timestamp::now(), "view", None, &json!({"list": "sessions", "signed": signed}))
            .blame_run()?;
    }
    for session in sessions {
        // Retention may have deleted it meanwhile.
        let Some(detail) = store.session(session.id).blame_run()? else { continue };
        let line = if json { as_json(detail).blame_run()? } else { Some(text(&detail)) };
        if let Some(line) = line {
            output::line(line)?;
        }
    }
    Ok(())
}

/// Current state of a result: signed, or with the review so far.
#[derive(Serialize)]
struct Standing {
    status: Status,
    #[serde(flatten)]
    result: StoredResult,
}

fn as_json(detail: SessionDetail) -> serde_json::Result<Option<String>> {
    let SessionDetail { summary, reviewed_result, signature, store, camera_check, .. } = detail;
    let (Some(sequence), Some(snapshot)) = (summary.result, reviewed_result) else { return Ok(None) };
    let snapshot = Snapshot { camera_check, ..snapshot };
    let replaced_by = summary.amended_by.as_ref().filter(|_| summary.is_replaced()).map(|later| later.result);
    let (session, station) = (summary.id, summary.station);
    let result = StoredResult { sequence, store, session, station, snapshot, signature, replaced_by };
    serde_json::to_string(&Standing { status: summary.status, result }).map(Some)
}

fn text(detail: &SessionDetail) -> String {
    let session = &detail.summary;
    let status = match session.status {
        Status::Counting => "counting".to_owned(),
        Status::Interrupted => "interrupted".to_owned(),
        Status::Preliminary => "preliminary".to_owned(),
        Status::Final => format!("final, signed by {}", session.signed_by.as_deref().unwrap_or("?")),
    };
    let started = zone::minute(session.started);
    let mut line = format!("{:>4}  {started}  {}  {status}", session.id, session.sample);
    // Writing to a String cannot fail.
    for mark in &session.marks {
        let _ = write!(line, "  {}", mark.short());
    }
    if let Some(first) = &session.awaits_second {
        let _ = write!(line, ", awaits a second reviewer after {first}");
    }
    if session.version > 1 {
        let _ = write!(line, ", amended: version {}", session.version);
    }
    match &session.amended_by {
        Some(later) if session.is_replaced() => {
            let _ = write!(line, ", replaced by version {} (session {})", later.version, later.session);
        }
        Some(later) => {
            let _ = write!(line, ", {} is making an amendment (session {})", later.by, later.session);
        }
        None => {}
    }
    if let Some(number) = session.result {
        let _ = write!(line, "  result {number}");
    }
    let _ = write!(line, "  {} cells", session.counted);
    let Some(result) = &detail.reviewed_result else { return line };
    for class in &result.classes {
        let _ = write!(line, "  {} {:.0} %", class.class, class.percent);
    }
    for critical in &result.critical {
        let _ = write!(line, "  CRITICAL {critical}");
    }
    if session.alarm == Some(Alarm::Open) {
        line.push_str("  ALARM OPEN");
    }
    for flag in &result.flags {
        let _ = write!(line, "  {}", flag.short());
    }
    if let Some(per_ul) = result.statistics.per_red_cell.as_ref().and_then(|red| red.estimates) {
        let (white, platelets) = (per_ul.white.value, per_ul.platelets.value);
        let _ = write!(line, "  estimates per µl: WBC {white:.0}, PLT {platelets:.0}");
    }
    line
}
