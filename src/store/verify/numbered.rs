//! What the trail says of rows that have a number of their own, orders and those of quality control, compared with what is stored.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};
use serde_json::Value;

use super::super::audit::AuditLine;
use super::super::numbered::{ORDERS, TABLES};
use super::super::worklist;
use super::{Findings, Halt, Since, hashes};

/// By table and number: the last line that speaks of a row, and its hash there.
#[derive(Default)]
pub(super) struct NumberedRows([BTreeMap<i64, (Since, String)>; TABLES.len()]);

impl NumberedRows {
    pub(super) fn take(&mut self, line: &AuditLine) -> Result<(), Halt> {
        if line.action == worklist::FORGOTTEN {
            let detail: Value = serde_json::from_str(&line.detail)?;
            for number in detail[ORDERS.name].as_array().into_iter().flatten().filter_map(Value::as_i64) {
                self.0[0].remove(&number);
            }
        }
        // Of the lines of sessions only these speak of such a row.
        if line.rows.is_none() || (line.session.is_some() && line.action != "control run") {
            return Ok(());
        }
        let rows = hashes(line)?.unwrap_or_default();
        for (table, told) in TABLES.into_iter().zip(&mut self.0) {
            for (number, hash) in rows.get(table.name).and_then(Value::as_object).into_iter().flatten() {
                if let (Ok(number), Some(hash)) = (number.parse(), hash.as_str()) {
                    told.insert(number, (Since::of(line), hash.to_owned()));
                }
            }
        }
        Ok(())
    }

    pub(super) fn compare(
        &self,
        transaction: &Transaction<'_>,
        next: i64,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        for (table, told) in TABLES.into_iter().zip(&self.0) {
            if !table.is_hashed(transaction)? {
                continue;
            }
            let mut select = transaction.prepare(table.all)?;
            let mut present = 0;
            for row in select.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))? {
                let (number, name) = row?;
                let Some((since, hash)) = told.get(&number) else {
                    findings.add(next, format!("{name} is not in the trail: it was added"));
                    continue;
                };
                present += 1;
                if table.hash(transaction, number)? != *hash {
                    findings.add(since.number, format!("{name} was changed after {}", since.words()));
                }
            }
            if present == told.len() {
                continue;
            }
            let mut row = transaction.prepare(table.row)?;
            for (number, (since, _)) in told {
                if !row.exists(params![number])? {
                    let name = table.gone.replace("{}", &number.to_string());
                    findings.add(since.number, format!("{name} is gone; it was there at {}", since.words()));
                }
            }
        }
        Ok(())
    }
}
