//! `audit`: who changed or viewed what.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::cli::args::{AuditArguments, AuditCommand, Which};
use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::config::load::load;
use crate::outputs::trail::{self, CsvLines};
use crate::outputs::words::{Catalogues, Words};
use crate::store::records::AuditEntry;
use crate::store::{AuditVerdict, Finding, Store, TrailQuery};
use crate::system::zone;

/// Prints, exports or verifies the audit trail; the daemon may be running.
///
/// # Errors
/// With exit code 1 if a line is missing, or it or what it speaks of was changed, or the store cannot be read; 2 if
/// the configuration is wrong.
pub fn audit(arguments: &AuditArguments) -> Result<(), Failure> {
    let Some(store) = station::to_read(arguments.config.as_deref())? else {
        if let AuditCommand::Verify { known: Some(_) } = &arguments.command {
            return Err(broken("nothing is kept any more, although a hash of it was written down"));
        }
        output::aside("nothing is kept yet, so there is no trail");
        return Ok(());
    };
    match &arguments.command {
        AuditCommand::List { which, json } => list(&store, arguments.config.as_deref(), which, *json),
        AuditCommand::Export { file, which } => export(&store, arguments.config.as_deref(), which, file),
        AuditCommand::Verify { known } => {
            let found = store.verify_audit().blame_run()?;
            if let (AuditVerdict::Whole { .. }, Some(known)) = (&found, known)
                && !store.has_line(known).blame_run()?
            {
                return Err(broken("no line has the hash that was written down: the trail was replaced"));
            }
            verdict(&found)
        }
    }
}

/// Lines that are read at once.
const AT_ONCE: u32 = 1000;

/// Gives the lines to `take`, oldest first.
fn each(
    store: &Store,
    query: &TrailQuery,
    mut take: impl FnMut(&AuditEntry) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let (mut query, mut count) = (TrailQuery { after: Some(0), ..query.clone() }, 0);
    loop {
        let entries = store.trail(&query, AT_ONCE).blame_run()?;
        let Some(last) = entries.last() else { return Ok(count) };
        query.after = Some(last.number);
        for entry in &entries {
            take(entry)?;
        }
        count += entries.len();
    }
}

fn list(store: &Store, config: Option<&Path>, which: &Which, json: bool) -> Result<(), Failure> {
    let (query, words) = wanted(config, which)?;
    each(store, &query, |entry| {
        if json {
            return output::line(serde_json::to_string(entry).blame_run()?);
        }
        let session = entry.session.map(|session| format!("  session {session}")).unwrap_or_default();
        let (at, said) = (zone::second(entry.at), trail::sentence(entry, &words));
        output::line(format_args!("{:>6}  {at}  {}  {}{session}  {said}", entry.number, entry.by, entry.action))
    })
    .map(drop)
}

fn export(store: &Store, config: Option<&Path>, which: &Which, path: &Path) -> Result<(), Failure> {
    let (query, words) = wanted(config, which)?;
    let Some(form @ ("csv" | "jsonl")) = path.extension().and_then(OsStr::to_str) else {
        return Err(Failure::input(format!("{}: name a file that ends with .csv or .jsonl", path.display())));
    };
    let failed = |problem: io::Error| Failure {
        code: 1,
        error: anyhow::anyhow!(
            "{}: {problem}; choose a new file on a disk with room that you may write to",
            path.display()
        ),
    };
    // Without the line of the export itself.
    let newest = store.audit(None, None, 1).blame_run()?.first().map_or(0, |entry| entry.number);
    let query = TrailQuery { before: Some(newest + 1), ..query };
    // Before any line leaves, as with a report.
    let by = station::to_write(config)?;
    let detail =
        json!({"trail": form, "lines": store.count_lines(&query).blame_run()?, "file": path.display().to_string()});
    let file = BufWriter::new(File::create_new(path).map_err(failed)?);
    by.note("console", Timestamp::now(), "export", None, &detail).blame_run()?;
    let count = if form == "csv" {
        let mut lines = CsvLines::new(file).map_err(failed)?;
        let count = each(store, &query, |entry| lines.line(entry, &words).map_err(failed))?;
        lines.end().and_then(|mut file| file.flush()).map_err(failed)?;
        count
    } else {
        let mut file = file;
        let count = each(store, &query, |entry| {
            writeln!(file, "{}", trail::json_line(entry, &words).blame_run()?).map_err(failed)
        })?;
        file.flush().map_err(failed)?;
        count
    };
    output::line(format_args!("{count} lines in {}", path.display()))
}

/// The lines that are asked for, and the words for their sentences.
fn wanted(config: Option<&Path>, which: &Which) -> Result<(TrailQuery, Words), Failure> {
    let Which { session, sample, person, action, from, to, language } = which;
    let config = load(config, env::vars()).blame_input()?;
    let catalogues = Catalogues::new(config.web.catalogues.clone());
    let language = language.as_deref().unwrap_or(&config.web.language);
    if !catalogues.has(language) {
        let known = catalogues.languages().join(", ");
        return Err(Failure::input(format!("there is no language `{language}`; choose one of {known}")));
    }
    let begins = |day: Date| day.to_zoned(TimeZone::system()).map(|midnight| midnight.timestamp());
    let from = from.map(begins).transpose().blame_input()?;
    let to = to.map(|day| day.tomorrow().and_then(begins)).transpose().blame_input()?;
    let [sample, person, action] = [sample, person, action].map(Clone::clone);
    let query = TrailQuery { session: *session, sample, person, action, from, to, before: None, after: None };
    Ok((query, catalogues.words(language)))
}

/// Prints what verifying the trail found.
///
/// # Errors
/// With exit code 1 if the trail is not whole.
pub(crate) fn verdict(found: &AuditVerdict) -> Result<(), Failure> {
    let (entries, hash, unhashed, notes) = match found {
        AuditVerdict::Whole { entries, hash, unhashed, notes } => (entries, hash, unhashed, notes),
        AuditVerdict::Broken { number, why, more } => {
            for Finding { number, why } in more {
                output::line(format_args!("also, line {number}: {why}"))?;
            }
            return Err(broken(&format!("line {number}: {why}")));
        }
    };
    output::line(format_args!("whole: {entries} lines, the last with hash {hash}"))?;
    if *unhashed > 0 {
        output::line(format_args!(
            "of {unhashed} sessions only the lines and signatures were verified: they are from versions whose lines do not \
             hash what they speak of"
        ))?;
    }
    notes.iter().try_for_each(output::line)
}

fn broken(why: &str) -> Failure {
    let words = "the audit trail and the store are not whole";
    let remedy = "keep a copy of the store as it is, and find out who had access to it";
    Failure { code: 1, error: anyhow::anyhow!("{words}: {why}; {remedy}") }
}
