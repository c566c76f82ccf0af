//! `sessions`: what this station counted.

use std::path::Path;

use crate::cli::failure::{Blame, Failure};
use crate::cli::station;
use crate::store::records::{Query, SessionSummary, Status};
use crate::store::{Store, StoreError};

/// Sessions read at once.
const PAGE: u32 = 500;

/// Lists the sessions, oldest first, or the results as JSON; a daemon may be running.
///
/// # Errors
/// With exit code 2 when the configuration is wrong, 1 when the store cannot be read.
pub fn sessions(config: Option<&Path>, json: bool) -> Result<(), Failure> {
    let Some(store) = station::to_read(config)? else {
        if !json {
            println!("nothing is kept yet");
        }
        return Ok(());
    };
    if json {
        for result in store.all().blame_run()? {
            println!("{}", serde_json::to_string(&result).blame_run()?);
        }
        return Ok(());
    }
    let sessions = all(&store).blame_run()?;
    if sessions.is_empty() {
        println!("no session in {} yet", store.path().display());
    }
    for session in sessions {
        println!("{}", text(&store, &session).blame_run()?);
    }
    Ok(())
}

/// Oldest first.
fn all(store: &Store) -> Result<Vec<SessionSummary>, StoreError> {
    let mut sessions = Vec::new();
    loop {
        let offset = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
        let page = store.sessions(&Query { offset, limit: PAGE, ..Query::default() })?;
        if page.is_empty() {
            sessions.reverse();
            return Ok(sessions);
        }
        sessions.extend(page);
    }
}

fn text(store: &Store, session: &SessionSummary) -> Result<String, StoreError> {
    let status = match session.status {
        Status::Counting => "counting".to_owned(),
        Status::Interrupted => "interrupted".to_owned(),
        Status::Preliminary => "preliminary".to_owned(),
        Status::Final => format!("signed by {}", session.signed_by.as_deref().unwrap_or("?")),
    };
    let started = session.started.strftime("%Y-%m-%d %H:%M UTC");
    let mut line = format!("{:>4}  {started}  {}  {status}  {} cells", session.id, session.sample, session.counted);
    let Some(result) = store.result_of(session.id)? else { return Ok(line) };
    let snapshot = &result.snapshot;
    for class in &snapshot.classes {
        line = format!("{line}  {} {:.0} %", class.class, class.percent);
    }
    for flag in &session.flags {
        line = format!("{line}  {}", flag.short());
    }
    if let Some(per_ul) = snapshot.statistics.per_red_cell.as_ref().and_then(|red| red.estimates) {
        let (white, platelets) = (per_ul.white.value, per_ul.platelets.value);
        line = format!("{line}  estimates per µl: WBC {white:.0}, PLT {platelets:.0}");
    }
    Ok(line)
}
