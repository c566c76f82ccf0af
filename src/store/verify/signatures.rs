//! Signatures, compared with the lines of the trail that were written with them.

use rusqlite::Transaction;
use serde_json::Value;

use super::super::audit::signature_hash;
use super::super::records::SessionId;
use super::{Findings, Halt, named, sample_of};

pub(super) fn compare(transaction: &Transaction<'_>, findings: &mut Findings) -> Result<(), Halt> {
    let mut signed = transaction.prepare(
        "SELECT signature.audit_number, signature.audit_hash, audit.hash, audit.detail, signature.session, \
             signature.person, signature.at, comment, snapshot, sha256, audit.person, audit.at, audit.session \
             FROM signature LEFT JOIN audit ON audit.number = signature.audit_number ORDER BY signature.session",
    )?;
    let mut rows = signed.query([])?;
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        let session: SessionId = row.get(4)?;
        let (then, now): (String, Option<String>) = (row.get(1)?, row.get(2)?);
        let name = |session| Ok::<_, Halt>(named(session, sample_of(transaction, session)?.as_deref()));
        if now != Some(then) {
            let words = format!("the signature of {} holds another hash of its line", name(session)?);
            findings.add(at, words);
            continue;
        }
        let text = |column| row.get::<_, String>(column);
        let detail: Value = serde_json::from_str(&text(3)?)?;
        let (by, when, comment, snapshot) = (text(5)?, text(6)?, text(7)?, text(8)?);
        let hash = signature_hash(session, &by, &when, &comment, &snapshot);
        if hash == text(9)? && detail["sha256"] == hash {
            continue;
        }
        let (told_by, told_at, told_session): (String, String, Option<SessionId>) =
            (row.get(10)?, row.get(11)?, row.get(12)?);
        let counted = serde_json::from_str::<Value>(&snapshot).ok().map(|snapshot| snapshot["counted"].clone());
        let what = if told_session != Some(session) {
            "it is that of another session".to_owned()
        } else if told_by != by {
            format!("signed by {by}, and the trail says {told_by}")
        } else if told_at != when {
            format!("signed at {when}, and the trail says {told_at}")
        } else if detail["sha256"] == hash {
            "its SHA-256 was changed".to_owned()
        } else if counted.as_ref().is_some_and(|counted| *counted != detail["counted"]) {
            format!("of {} cells, and the trail says {}", counted.unwrap_or_default(), detail["counted"])
        } else {
            "its comment or a figure of the signed result was changed".to_owned()
        };
        let name = name(told_session.unwrap_or(session))?;
        findings.add(at, format!("{name}: the signature is not what was signed: {what}; changed after line {at}"));
    }
    let mut unsigned = transaction.prepare(
        "SELECT number, session, person FROM audit WHERE action = 'sign' \
         AND number NOT IN (SELECT audit_number FROM signature) ORDER BY number",
    )?;
    for row in unsigned.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))? {
        let (at, session, by): (i64, Option<SessionId>, String) = row?;
        let session = session.unwrap_or_default();
        let name = named(session, sample_of(transaction, session)?.as_deref());
        findings.add(at, format!("{name}: the signature of {by} that was made there is missing"));
    }
    Ok(())
}
