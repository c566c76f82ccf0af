//! The manual in the page: whatever the program can show, ask or be pressed for is explained, in each language.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use leukoscope::domain::flag::Flag;
use leukoscope::station::trouble::Part;
use regex::Regex;

use crate::station::Station;

const LANGUAGES: [&str; 3] = ["en", "es", "fr"];

fn manual(station: &Station, language: &str) -> String {
    let answer = station.get(&format!("/assets/manual/{language}.html"), &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")), "{language}");
    String::from_utf8(answer.body).unwrap()
}

fn anchors(text: &str) -> Vec<String> {
    let id = Regex::new(r#" id="([^"]+)""#).unwrap();
    id.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Every script of the page.
fn scripts(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            scripts(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "js") {
            into.push_str(&fs::read_to_string(&entry).unwrap());
        }
    }
}

/// The keys that the page's scripts ask for, by their names in the manual.
fn bound_keys() -> BTreeSet<String> {
    let mut source = String::new();
    scripts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outputs/web/page"), &mut source);
    let compared = Regex::new(r#"key [!=]== "([^"]+)""#).unwrap();
    let set = Regex::new(r"BOUND = new Set\(\[([^\]]*)\]").unwrap();
    let listed = set
        .captures_iter(&source)
        .flat_map(|found| found[1].split(',').map(|key| key.trim().trim_matches('"').to_owned()).collect::<Vec<_>>());
    let named = |key: &str| match key.to_lowercase().as_str() {
        " " | "" => "space".to_owned(),
        "?" => "question".to_owned(),
        key => key.to_owned(),
    };
    let keys: BTreeSet<String> =
        compared.captures_iter(&source).map(|found| found[1].to_owned()).chain(listed).map(|key| named(&key)).collect();
    assert!(
        keys.contains("enter") && keys.contains("z") && keys.contains("question") && keys.contains("space"),
        "{keys:?}"
    );
    if source.contains("arrowright") { keys.into_iter().chain(["arrows".to_owned()]).collect() } else { keys }
}

#[test]
fn every_flag_trouble_advice_and_key_is_explained_in_each_language() {
    let station = Station::at_device();
    let english: serde_json::Value = station.get("/assets/languages/en.json", &[]).json();
    let advice =
        english.as_object().unwrap().keys().filter(|key| key.starts_with("verdict.")).map(|key| key.replace('.', "-"));
    let needed: Vec<String> = Flag::ALL
        .iter()
        .map(|flag| format!("flag-{}", flag.code()))
        .chain(Part::ALL.iter().map(|part| format!("trouble-{}", part.name())))
        .chain(advice)
        .chain(bound_keys().into_iter().map(|key| format!("key-{key}")))
        .collect();
    assert!(needed.len() > 35, "{needed:?}");
    for language in LANGUAGES {
        let text = manual(&station, language);
        let there: BTreeSet<String> = anchors(&text).into_iter().collect();
        let missing: Vec<&String> = needed.iter().filter(|anchor| !there.contains(*anchor)).collect();
        assert!(missing.is_empty(), "{language}: {missing:?}");
        assert!(
            text.contains("data-list=\"class-keys\""),
            "{language}: the letters of the classes come from the program"
        );
    }
}

#[test]
fn the_languages_have_the_same_parts_and_every_link_leads_somewhere() {
    let station = Station::at_device();
    let english = anchors(&manual(&station, "en"));
    let once: BTreeSet<&String> = english.iter().collect();
    assert_eq!(once.len(), english.len(), "no anchor twice");
    let link = Regex::new(r##"href="#/([a-z]+)(?:/([a-z0-9-]+))?""##).unwrap();
    for language in LANGUAGES {
        let text = manual(&station, language);
        assert_eq!(anchors(&text), english, "{language}");
        for found in link.captures_iter(&text) {
            let (view, anchor) = (&found[1], found.get(2).map(|anchor| anchor.as_str().to_owned()));
            assert!(
                ["live", "history", "settings", "health", "manual", "practice"].contains(&view),
                "{language}: {view}"
            );
            assert!(anchor.is_none_or(|anchor| english.contains(&anchor)), "{language}: {}", &found[0]);
        }
        // Every entry says something, and nothing in it runs.
        assert!(!text.contains("<dd></dd>") && !text.contains("<script") && !text.contains("http"), "{language}");
    }
    let mut source = String::new();
    scripts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outputs/web/page"), &mut source);
    // Links beside what they explain, and the parts that the key ? opens.
    let linked = Regex::new(r#"(?:help\("|^  \[/\^#\\/.*/, ")([a-z-]+)"[)\]],?"#).unwrap();
    let found: Vec<String> =
        source.lines().filter_map(|line| linked.captures(line)).map(|found| found[1].to_owned()).collect();
    assert!(found.len() > 6, "{found:?}");
    for anchor in found {
        assert!(english.contains(&anchor), "{anchor}");
    }
}

#[test]
fn no_two_languages_say_the_same_and_a_language_without_a_manual_is_not_made_up() {
    let station = Station::at_device();
    let texts: Vec<String> = LANGUAGES.iter().map(|language| manual(&station, language)).collect();
    let entry = Regex::new(r"<dd>([^<]+)</dd>").unwrap();
    let entries = |text: &str| entry.captures_iter(text).map(|found| found[1].to_owned()).collect::<BTreeSet<_>>();
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let same: Vec<String> = entries(&texts[a]).intersection(&entries(&texts[b])).cloned().collect();
        assert!(same.is_empty(), "{same:?}");
    }
    assert_eq!(station.get("/assets/manual/de.html", &[]).status, 404);
}
