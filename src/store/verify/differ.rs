//! What differs, in words, once a hash says that something does.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Transaction};
use serde_json::Value;

use super::super::cell_hash::{self, Differing};
use super::super::digest::{self, PARTS};
use super::super::records::{CellNumber, SessionId};
use super::Halt;
use super::sessions::{Stored, Told};

/// Cells that are named, at most.
const MOST: usize = 10;

/// What differs in a part of a session, such as `its sample id is A-9, and was A-2`.
pub(super) fn in_words(
    transaction: &Transaction<'_>,
    id: SessionId,
    told: &Told,
    stored: &Stored,
    part: usize,
) -> Result<String, Halt> {
    match part {
        digest::SESSION => Ok(of_session(told, stored)),
        digest::RESULT => of_result(transaction, id, told),
        digest::CELLS | digest::PICTURES => of_cells(transaction, id, told, part),
        digest::CLASSES => of_classes(transaction, id, told),
        digest::REVIEW => of_review(transaction, id, told),
        _ => Ok(format!("{} was changed", PARTS[part].what)),
    }
}

fn of_session(told: &Told, stored: &Stored) -> String {
    let at = |time: &Option<super::Since>| time.as_ref().map(|since| since.at.clone());
    let differs = |name: &str, now: Option<&str>, before: Option<&str>| {
        let words = |text: Option<&str>| text.map_or_else(|| "not there".to_owned(), str::to_owned);
        (now != before).then(|| format!("{name} is {}, and was {}", words(now), words(before)))
    };
    let (begun, ended) = (at(&told.begun), at(&told.ended));
    told.sample
        .as_deref()
        .and_then(|sample| differs("its sample id", Some(&stored.sample), Some(sample)))
        .or_else(|| begun.as_deref().and_then(|begun| differs("its begin", Some(&stored.started), Some(begun))))
        .or_else(|| differs("its end", stored.ended.as_deref(), ended.as_deref()))
        .or_else(|| told.state.and_then(|state| differs("its state", Some(&stored.state), Some(state))))
        .unwrap_or_else(|| "its station or its settings are not what was written".to_owned())
}

fn of_result(transaction: &Transaction<'_>, id: SessionId, told: &Told) -> Result<String, Halt> {
    let mut select = transaction.prepare_cached("SELECT sequence, snapshot FROM result WHERE session = ?1")?;
    let row: Option<(i64, String)> = select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let number = told.result.unwrap_or_default();
    let Some((sequence, snapshot)) = row else { return Ok(format!("its result {number} is gone")) };
    let Some(before) = told.result else { return Ok(format!("result {sequence} was added to it")) };
    if sequence != before {
        return Ok(format!("its result has the number {sequence}, and had {before}"));
    }
    let Ok(snapshot) = serde_json::from_str::<Value>(&snapshot) else {
        return Ok(format!("its result {number} cannot be read any more"));
    };
    if snapshot["counted"] != told.counted {
        return Ok(format!("its result is of {} cells, and was of {}", snapshot["counted"], told.counted));
    }
    if let Some(flags) = told.flags.as_ref().filter(|flags| snapshot["flags"] != **flags) {
        return Ok(format!("the flags of its result are {}, and were {}", listed(&snapshot["flags"]), listed(flags)));
    }
    if let Some(sample) = told.sample.as_deref().filter(|sample| snapshot["sample"] != **sample) {
        return Ok(format!("the sample id in its result is {}, and was \"{sample}\"", snapshot["sample"]));
    }
    Ok("a figure of its result is not what was counted".to_owned())
}

fn listed(flags: &Value) -> String {
    let flags: Vec<&str> = flags.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if flags.is_empty() { "none".to_owned() } else { flags.join(", ") }
}

fn of_cells(transaction: &Transaction<'_>, id: SessionId, told: &Told, part: usize) -> Result<String, Halt> {
    let unknown = if part == digest::CELLS { "a cell" } else { "a picture" };
    let unknown = || format!("{unknown} was changed, removed or added, and it is not known which");
    let marks = told.hashes[digest::MARKS].as_ref().and_then(|(_, hash)| hash.as_ref());
    if marks.is_none() || marks != Some(&PARTS[digest::MARKS].hash(transaction, id)?) {
        return Ok(unknown());
    }
    let Some(Differing { changed, gone, added }) = cell_hash::differing(transaction, id, part)? else {
        return Ok(unknown());
    };
    let picture = if part == digest::CELLS { "" } else { "the picture of " };
    let said = [(changed, "changed"), (gone, "removed"), (added, "added")].into_iter().filter_map(|(numbers, done)| {
        let (first, rest) = numbers.split_at(numbers.len().min(MOST));
        let names: Vec<String> = first.iter().map(u32::to_string).collect();
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let (cells, was) = if numbers.len() == 1 { ("cell", "was") } else { ("cells", "were") };
        (!numbers.is_empty()).then(|| format!("{picture}{cells} {}{more} {was} {done}", names.join(", ")))
    });
    let said: Vec<String> = said.collect();
    Ok(if said.is_empty() { unknown() } else { said.join("; ") })
}

fn of_classes(transaction: &Transaction<'_>, id: SessionId, told: &Told) -> Result<String, Halt> {
    let mut select = transaction.prepare_cached(
        "SELECT number, person_class FROM cell WHERE session = ?1 AND person_class IS NOT NULL ORDER BY number",
    )?;
    let rows = select.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let now: BTreeMap<CellNumber, String> = rows.collect::<Result<_, _>>()?;
    let cells = now.keys().chain(told.given.keys());
    let differing = cells.map(|cell| (cell, now.get(cell), told.given.get(cell).and_then(Option::as_ref)));
    let words = |class: Option<&String>| class.map_or_else(|| "none".to_owned(), Clone::clone);
    let found = differing.into_iter().find(|(_, now, then)| now != then);
    Ok(found.map_or_else(
        || "who gave a cell its class, or when, is not what was written".to_owned(),
        |(cell, now, then)| {
            format!("the class from a person of cell {cell} is {}, and was {}", words(now), words(then))
        },
    ))
}

fn of_review(transaction: &Transaction<'_>, id: SessionId, told: &Told) -> Result<String, Halt> {
    let mut select =
        transaction.prepare_cached("SELECT cell, class FROM reclassification WHERE session = ?1 ORDER BY id")?;
    let rows = select.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let now: Vec<(CellNumber, Option<String>)> = rows.collect::<Result<_, _>>()?;
    let then = &told.reviewed;
    if now.len() != then.len() {
        return Ok(format!(
            "the record of its review has {} entries, and the trail tells of {}",
            now.len(),
            then.len()
        ));
    }
    let words = |class: &Option<String>| class.clone().unwrap_or_else(|| "none".to_owned());
    let found = now.iter().zip(then).find(|(now, then)| now != then);
    Ok(found.map_or_else(
        || "an entry of the record of its review is not what was written".to_owned(),
        |(now, then)| {
            format!(
                "the record of its review says {} for cell {}, and the trail {} for cell {}",
                words(&now.1),
                now.0,
                words(&then.1),
                then.0
            )
        },
    ))
}
