//! What the trail says of users and tokens, compared with what is stored.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction};
use serde_json::Value;

use super::super::audit::AuditLine;
use super::super::digest;
use super::{Findings, Halt, Since, hashes};

/// What the trail says of one of them.
struct Told {
    since: Since,
    hash: Option<String>,
    removed: bool,
    role: Option<String>,
    enabled: Option<bool>,
}

#[derive(Default)]
pub(super) struct Accounts {
    users: BTreeMap<String, Told>,
    tokens: BTreeMap<String, Told>,
}

impl Accounts {
    pub(super) fn take(&mut self, line: &AuditLine) -> Result<(), Halt> {
        let detail = || serde_json::from_str::<Value>(&line.detail);
        match line.action.as_str() {
            "add user" | "change user" => account(&mut self.users, line, &detail()?, "user"),
            "add token" => account(&mut self.tokens, line, &detail()?, "token"),
            "remove token" => {
                if let Some(told) = self.tokens.get_mut(detail()?["token"].as_str().unwrap_or_default()) {
                    (told.since, told.removed) = (Since::of(line), true);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn compare(
        &self,
        transaction: &Transaction<'_>,
        next: i64,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        compare(transaction, "user", &self.users, next, digest::of_user, findings)?;
        compare(transaction, "token", &self.tokens, next, digest::of_token, findings)
    }
}

fn account(told: &mut BTreeMap<String, Told>, line: &AuditLine, detail: &Value, kind: &str) -> Result<(), Halt> {
    let hash = hashes(line)?.and_then(|rows| Some(rows.get(kind)?.as_str()?.to_owned()));
    let name = detail[kind].as_str().unwrap_or_default().to_owned();
    let before = told.remove(&name);
    let role = detail["role"].as_str().map(str::to_owned).or_else(|| before.as_ref()?.role.clone());
    let added = line.action.starts_with("add");
    let enabled = detail["enabled"].as_bool().or_else(|| before?.enabled).or(added.then_some(true));
    told.insert(name, Told { since: Since::of(line), hash, removed: false, role, enabled });
    Ok(())
}

/// Compares users or tokens with the trail.
fn compare(
    transaction: &Transaction<'_>,
    kind: &str,
    told: &BTreeMap<String, Told>,
    next: i64,
    hash: impl Fn(&Connection, &str) -> rusqlite::Result<String>,
    findings: &mut Findings,
) -> Result<(), Halt> {
    let enabled = if kind == "user" { "enabled" } else { "NULL" };
    let mut select = transaction.prepare(&format!("SELECT name, role, {enabled} FROM \"{kind}\" ORDER BY name"))?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows: Vec<(String, String, Option<bool>)> = rows.collect::<Result<_, _>>()?;
    for (name, role, enabled) in &rows {
        match told.get(name).filter(|told| !told.removed) {
            None => findings
                .add(next, format!("the {kind} {name}, with the role {role}, is not in the trail: it was added")),
            Some(held) if held.hash.is_some() && held.hash != Some(hash(transaction, name)?) => {
                let what = match (&held.role, held.enabled) {
                    (Some(before), _) if before != role => format!("has the role {role}, and the trail says {before}"),
                    (_, Some(before)) if enabled.is_some_and(|now| now != before) => {
                        let words = |may| if may { "may log in" } else { "is shut out" };
                        format!("{}, and the trail says: {}", words(!before), words(before))
                    }
                    _ if kind == "user" => "has another password, or other logins".to_owned(),
                    _ => "has another secret".to_owned(),
                };
                findings
                    .add(held.since.number, format!("the {kind} {name} {what}; changed after {}", held.since.words()));
            }
            Some(_) => {}
        }
    }
    for (name, told) in told.iter().filter(|(_, told)| !told.removed) {
        if !rows.iter().any(|(found, ..)| found == name) {
            let words = format!("the {kind} {name} is gone; it was there at {}", told.since.words());
            findings.add(told.since.number, words);
        }
    }
    Ok(())
}
