//! What a line of the audit trail says, as a sentence in the reader's language.
//!
//! The catalogues hold one sentence per action, `audit.said.ACTION`, with the names of values from the line's detail in braces. A line of
//! an action that they lack is told by its detail, word for word.

use jiff::Timestamp;
use serde_json::Value;

use crate::outputs::words::Words;
use crate::store::records::AuditEntry;
use crate::system::zone;

/// Cells of a review that a sentence names, at most.
const MOST_CELLS: usize = 8;

/// Every action that has a sentence, in the order of a filter.
pub(crate) const ACTIONS: [&str; 59] = [
    "begin",
    "stop",
    "red count",
    "result",
    "interrupted",
    "reclassify",
    "undo",
    "sign",
    "view",
    "export",
    "order",
    "cancel order",
    "forget orders",
    "limits",
    "calibrate",
    "adapt",
    "profile",
    "install models",
    "models back",
    "models refused",
    "login",
    "logout",
    "wrong password",
    "login held up",
    "add user",
    "change user",
    "add token",
    "remove token",
    "first use",
    "remove pictures",
    "remove cells",
    "remove result",
    "backup",
    "restore",
    "copy",
    "lines lost",
    "take in",
    "confirm clock",
    "white count",
    "group",
    "remove fields",
    "camera",
    "acknowledge",
    "critical",
    "critical no more",
    "critical told before",
    "control lot",
    "control lot out of use",
    "control limits",
    "control run",
    "control override",
    "amend",
    "withdraw amendment",
    "first sign",
    "hand back",
    "compare",
    "resume",
    "close",
    "support bundle",
];

/// What a line says.
pub(crate) fn sentence(entry: &AuditEntry, words: &Words) -> String {
    let AuditEntry { action, detail, .. } = entry;
    let by = person(&entry.by, words);
    let said = |more: &str, values: &[(&str, String)]| said(action, more, &by, entry, values, words);
    let text = |name: &str| plain(&detail[name], words);
    match action.as_str() {
        "red count" => said("", &[("count", text("red_count"))]),
        "white count" => said("", &[("count", text("white_count"))]),
        "group" => said("", &[("group", text("group"))]),
        "result" => said("", &[("result", text("result")), ("counted", text("counted"))]),
        "reclassify" | "undo" => reviewed(detail, words, said),
        "sign" => {
            let looked_at = &detail["looked_at"];
            let (seen, of) = (plain(&looked_at["cells"], words), plain(&looked_at["of"], words));
            let more = if looked_at.is_null() { "" } else { "seen" };
            said(more, &[("counted", text("counted")), ("seen", seen), ("of", of)])
        }
        "view" => said(if detail["list"].is_null() { "" } else { "list" }, &[("form", text("form"))]),
        "export" => said(
            if detail["trail"].is_null() { "" } else { "trail" },
            &[("to", text("cells")), ("n", text("lines")), ("form", text("trail"))],
        ),
        "order" | "cancel order" => said("", &[("sample", text("sample"))]),
        "forget orders" => said("", &[("n", detail["orders"].as_array().map_or(0, Vec::len).to_string())]),
        "limits" => limits(detail, words, said),
        "calibrate" => said(
            if detail["found"].is_null() { "" } else { "done" },
            &[("step", text("step")), ("found", text("found"))],
        ),
        "adapt" => said("", &[("name", plain(&detail["profile"]["name"], words))]),
        "profile" => {
            let after = &detail["profile"][1];
            said(if after.is_null() { "shipped" } else { "" }, &[("name", plain(&after["name"], words))])
        }
        "install models" | "models refused" => said("", &[("bundle", text("bundle")), ("why", text("why"))]),
        "login" | "logout" | "wrong password" | "login held up" => {
            let times = detail["times"].as_u64().unwrap_or(1);
            let more = match (detail["user"].is_null(), times > 1) {
                (true, _) => "nobody",
                (false, true) => "times",
                (false, false) => "",
            };
            said(more, &[("user", text("user")), ("from", text("from")), ("times", times.to_string())])
        }
        "change user" => changed_user(detail, words, said),
        "add user" | "add token" | "remove token" => {
            let name = if detail["user"].is_null() { text("token") } else { text("user") };
            said("", &[("user", name), ("role", role(&detail["role"], words))])
        }
        "first use" => said("", &[("from", text("from"))]),
        "remove pictures" | "remove fields" | "remove cells" | "remove result" => {
            let more = detail["why"].as_str().unwrap_or_default();
            let limit = if more == "size" { text("megabytes") } else { text("days") };
            let n = ["pictures", "fields", "cells"]
                .into_iter()
                .find(|of| !detail[of].is_null())
                .map_or_else(String::new, text);
            let limited = !detail["days"].is_null() || !detail["megabytes"].is_null();
            let more = if limited { more } else { "" };
            said(more, &[("n", n), ("limit", limit), ("result", text("result")), ("sample", text("sample"))])
        }
        "backup" => said("", &[("file", text("file"))]),
        "restore" => said(
            "",
            &[
                ("made", time(&detail["backup"]["made"], words)),
                ("station", plain(&detail["backup"]["station"], words)),
            ],
        ),
        "lines lost" => said("", &[("last", text("last")), ("line", text("line"))]),
        "take in" => {
            let of = |name: &str| detail[name].as_u64().unwrap_or(0);
            let controls = of("lots") + of("runs") + of("overrides");
            let (more, n) = match (entry.session, of("orders"), controls) {
                (Some(_), ..) => ("", 0),
                (None, orders, 0) => ("orders", orders),
                (None, 0, controls) => ("controls", controls),
                (None, orders, controls) => ("both", orders + controls),
            };
            said(more, &[("n", n.to_string())])
        }
        "amend" => {
            let more = if detail["was"].is_null() { "" } else { "sample" };
            said(more, &[("reason", text("reason")), ("was", text("was"))])
        }
        _ if ACTIONS.contains(&action.as_str()) => said("", &[("reason", text("reason"))]),
        _ => unknown(&by, entry, words),
    }
}

/// The sentence of an action, or of one of its kinds.
fn said(action: &str, kind: &str, by: &str, entry: &AuditEntry, values: &[(&str, String)], words: &Words) -> String {
    let key = if kind.is_empty() { format!("audit.said.{action}") } else { format!("audit.said.{action}.{kind}") };
    let session = entry.session.map(|session| session.to_string()).unwrap_or_default();
    let sample = plain(&entry.detail["sample"], words);
    // In one pass: what people typed may hold braces.
    fill(words.say(&key), |name| match name {
        "by" => Some(by),
        "session" => Some(session.as_str()),
        _ => values
            .iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.as_str())
            .or_else(|| (name == "sample").then_some(sample.as_str())),
    })
}

/// Replaces `{name}` by values; what is in a value is not replaced again.
fn fill<'a>(text: &'a str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            filled.push('{');
            rest = after;
            continue;
        };
        if let Some(value) = value(name) {
            filled.push_str(value);
        } else {
            filled.push('{');
            filled.push_str(name);
            filled.push('}');
        }
        rest = after;
    }
    filled + rest
}

/// Who did something: the station and the command line by words, persons and programs by their names.
pub(super) fn person(by: &str, words: &Words) -> String {
    let key = format!("audit.by.{by}");
    let found = words.say(&key);
    if found == key { by.to_owned() } else { found.to_owned() }
}

fn reviewed(detail: &Value, words: &Words, said: impl Fn(&str, &[(&str, String)]) -> String) -> String {
    let cells: Vec<i64> =
        detail["cells"].as_array().into_iter().flatten().filter_map(|change| change["cell"].as_i64()).collect();
    let class = |code: &Value| code.as_str().map(|code| words.say(&format!("class.{code}")).to_owned());
    // Who gives an own class says more than the program.
    let confirmed = detail["own"].is_null()
        && detail["cells"].as_array().is_some_and(|cells| {
            !cells.is_empty() && cells.iter().all(|change| change.get("program") == detail.get("to"))
        });
    let mut named: Vec<String> = cells.iter().take(MOST_CELLS).map(i64::to_string).collect();
    if cells.len() > MOST_CELLS {
        named.push("…".to_owned());
    }
    let own = &detail["own"];
    let to = class(&detail["to"]).map(|class| match (own["name"].as_str(), own["code"].as_str()) {
        (Some(name), Some(code)) => {
            words.with("audit.ownClass", &[("code", &code), ("class", &class), ("name", &name)])
        }
        _ => class,
    });
    let mut kinds = match &to {
        Some(_) if confirmed => vec!["confirmed"],
        None if detail.get("to").is_some() => vec!["program"],
        _ => Vec::new(),
    };
    kinds.extend((cells.len() == 1).then_some("one"));
    said(
        &kinds.join("."),
        &[("n", cells.len().to_string()), ("cells", named.join(", ")), ("class", to.unwrap_or_default())],
    )
}

fn limits(detail: &Value, words: &Words, said: impl Fn(&str, &[(&str, String)]) -> String) -> String {
    let change = |before: &Value, after: &Value| format!("{} → {}", plain(before, words), plain(after, words));
    let mut changes = Vec::new();
    let target = &detail["target"];
    if target[0] != target[1] {
        changes.push(format!("{} {}", words.say("settings.target"), change(&target[0], &target[1])));
    }
    let (before, after) = (&detail["flags"][0], &detail["flags"][1]);
    for (name, value) in after.as_object().into_iter().flatten() {
        if before[name] != *value {
            changes.push(format!("{name} {}", change(&before[name], value)));
        }
    }
    let kind = if changes.is_empty() { "same" } else { "" };
    said(kind, &[("changes", changes.join("; "))])
}

fn changed_user(detail: &Value, words: &Words, said: impl Fn(&str, &[(&str, String)]) -> String) -> String {
    let values = [("user", plain(&detail["user"], words)), ("role", role(&detail["role"], words))];
    let mut kinds = Vec::new();
    if !detail["role"].is_null() {
        kinds.push("role");
    }
    match detail["enabled"].as_bool() {
        Some(true) => kinds.push("in"),
        Some(false) => kinds.push("out"),
        None => {}
    }
    if detail["password"] == true {
        kinds.push("password");
    }
    let parts: Vec<String> = kinds.into_iter().map(|kind| said(kind, &values)).collect();
    if parts.is_empty() { said("", &values) } else { parts.join(" ") }
}

fn role(role: &Value, words: &Words) -> String {
    role.as_str().map(|role| words.say(&format!("role.{role}")).to_owned()).unwrap_or_default()
}

fn time(text: &Value, words: &Words) -> String {
    let time = text.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    time.map_or_else(|| plain(text, words), zone::minute)
}

/// A value without the marks of JSON; a dash where there is none.
fn plain(value: &Value, words: &Words) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => words.say(if *yes { "audit.yes" } else { "audit.no" }).to_owned(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (None, Some(number)) => number.to_string().replace('.', words.say("number.decimal")),
            _ => number.to_string(),
        },
        Value::Array(values) => values.iter().map(|value| plain(value, words)).collect::<Vec<_>>().join(", "),
        Value::Object(values) => {
            values.iter().map(|(name, value)| format!("{name} {}", plain(value, words))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A line of an action without a sentence.
fn unknown(by: &str, entry: &AuditEntry, words: &Words) -> String {
    let key = format!("audit.action.{}", entry.action);
    let action = words.say(&key);
    let action = if action == key { entry.action.as_str() } else { action };
    let detail = match &entry.detail {
        Value::Object(values) if values.is_empty() => String::new(),
        detail => format!(" ({})", plain(detail, words)),
    };
    format!("{by}: {action}{detail}.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::outputs::words::Catalogues;

    fn entry(action: &str, detail: Value) -> AuditEntry {
        AuditEntry {
            number: 1,
            at: Timestamp::UNIX_EPOCH,
            by: "rita".to_owned(),
            action: action.to_owned(),
            session: Some(7),
            detail,
            rows: None,
            hash: String::new(),
        }
    }

    #[test]
    fn every_action_has_a_sentence_in_every_language() {
        for language in ["en", "es", "fr"] {
            let words = Catalogues::new(None).words(language);
            for action in ACTIONS {
                let said = sentence(&entry(action, json!({})), &words);
                assert!(!said.contains("audit.") && !said.contains(['{', '}']), "{language}: {said}");
                assert_ne!(
                    words.say(&format!("audit.action.{action}")),
                    format!("audit.action.{action}"),
                    "{language}"
                );
            }
        }
    }

    #[test]
    fn a_line_is_told_as_a_person_would() {
        let words = Catalogues::new(None).words("en");
        let said = |action, detail| sentence(&entry(action, detail), &words);
        assert_eq!(said("begin", json!({"sample": "A-1"})), "rita began to count sample A-1.");
        let cells = json!([{"cell": 3, "from": "NGS", "program": "NGS"}, {"cell": 5, "from": "NGS", "program": "NGS"}]);
        assert_eq!(
            said("reclassify", json!({"to": "NGS", "cells": cells})),
            "rita confirmed the class Neutrophil (segmented) of 2 cells: 3, 5."
        );
        let own = json!({"to": "NGS", "own": {"code": "HYP", "name": "hypersegmented {by}"}, "cells": cells});
        assert_eq!(
            said("reclassify", own),
            "rita gave 2 cells the class hypersegmented {by} (HYP), counted as Neutrophil (segmented): 3, 5."
        );
        assert!(said("reclassify", json!({"to": "LYT", "cells": cells})).contains("gave 2 cells the class Lymphocyte"));
        let signed = json!({"sha256": "ab", "counted": 100, "looked_at": {"cells": 60, "of": 104}});
        assert_eq!(
            said("sign", signed),
            "rita signed the result of 100 cells; a person had looked at 60 of 104 cells."
        );
        let out = json!({"user": "otto", "role": null, "enabled": false, "password": false});
        assert_eq!(said("change user", out), "rita shut the user otto out.");
        let size = json!({"pictures": 165, "why": "size", "megabytes": 2000, "sample": "A-1", });
        assert!(said("remove pictures", size).contains("larger than 2000 MB"));
    }

    #[test]
    fn an_action_of_another_version_is_told_by_its_detail() {
        let words = Catalogues::new(None).words("en");
        assert_eq!(
            sentence(&entry("weigh", json!({"reason": "typing", "version": 2})), &words),
            "rita: weigh (reason typing, version 2)."
        );
    }

    #[test]
    fn what_a_person_typed_is_not_taken_for_a_name_in_braces() {
        let words = Catalogues::new(None).words("en");
        assert_eq!(sentence(&entry("begin", json!({"sample": "{by}"})), &words), "rita began to count sample {by}.");
    }
}
