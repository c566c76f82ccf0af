//! `audit`: who changed or viewed what.

use crate::cli::args::{AuditArguments, AuditCommand};
use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::store::AuditVerdict;

/// Prints or verifies the audit trail; the daemon may be running.
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
        AuditCommand::List { session, json } => {
            let mut entries = store.audit(*session, None, u32::MAX).blame_run()?;
            entries.reverse();
            for entry in entries {
                let line = if *json {
                    serde_json::to_string(&entry).blame_run()?
                } else {
                    let at = entry.at.strftime("%Y-%m-%d %H:%M:%S UTC");
                    let session = entry.session.map(|session| format!("  session {session}")).unwrap_or_default();
                    format!("{:>6}  {at}  {}  {}{session}  {}", entry.number, entry.by, entry.action, entry.detail)
                };
                output::line(line)?;
            }
        }
        AuditCommand::Verify { known } => {
            let found = store.verify_audit().blame_run()?;
            if let (AuditVerdict::Whole { .. }, Some(known)) = (&found, known)
                && !store.audit(None, None, u32::MAX).blame_run()?.iter().any(|entry| entry.hash == *known)
            {
                return Err(broken("no line has the hash that was written down: the trail was replaced"));
            }
            verdict(&found)?;
        }
    }
    Ok(())
}

/// Prints what verifying the trail found.
///
/// # Errors
/// With exit code 1 if the trail is not whole.
pub(crate) fn verdict(found: &AuditVerdict) -> Result<(), Failure> {
    let (entries, hash, unhashed, notes) = match found {
        AuditVerdict::Whole { entries, hash, unhashed, notes } => (entries, hash, unhashed, notes),
        AuditVerdict::Broken { number, why } => return Err(broken(&format!("line {number}: {why}"))),
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
