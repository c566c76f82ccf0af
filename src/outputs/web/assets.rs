//! Files of the page, built into the program, and catalogues with the clinic's own texts merged in.

use std::path::Path;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Path as InPath};
use crate::store::hexadecimal;

/// A file: its path below `src/outputs/web/page`, and its content.
type Asset = (&'static str, &'static [u8]);

macro_rules! page {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(concat!("page/", $path)))),+]
    };
}

/// All files of the page except its languages; a test compares the list with the folder.
const FILES: &[Asset] = page![
    "alarms.js",
    "api.js",
    "app.js",
    "classes.js",
    "differential.js",
    "dom.js",
    "gallery.css",
    "help.js",
    "icon.svg",
    "index.html",
    "kept.js",
    "learn.css",
    "manual/en.html",
    "manual/es.html",
    "manual/fr.html",
    "quality.css",
    "marks.js",
    "ranges.js",
    "scanner.js",
    "style.css",
    "views.css",
    "views/adapt.js",
    "views/admin.js",
    "views/alarm.js",
    "views/amend.js",
    "views/calibration.js",
    "views/camera.js",
    "views/compare.js",
    "views/delta.js",
    "views/gallery.js",
    "views/gallery/chips.js",
    "views/gallery/evidence.js",
    "views/gallery/field.js",
    "views/gallery/kind.js",
    "views/gallery/large.js",
    "views/gallery/panel.js",
    "views/gallery/references.js",
    "views/gallery/review.js",
    "views/gallery/tiles.js",
    "views/health.js",
    "views/history.js",
    "views/interrupted.js",
    "views/keeping.js",
    "views/live.js",
    "views/live/dialogs.js",
    "views/live/picture.js",
    "views/live/stream.js",
    "views/login.js",
    "views/manual.js",
    "views/practice.js",
    "views/quality.js",
    "views/quality/chart.js",
    "views/quality/lots.js",
    "views/sample.js",
    "views/sample/form.js",
    "views/sample/keypad.js",
    "views/sample/list.js",
    "views/sample/worklist.js",
    "views/red.js",
    "views/second.js",
    "views/session.js",
    "views/settings.js",
    "views/signing.js",
    "views/support.js",
    "views/trail.js",
    "words.js",
    "zone.js",
];

/// `GET /`.
pub(super) async fn index(headers: HeaderMap) -> Response {
    shipped("index.html", &headers)
}

/// `GET /assets/…`.
pub(super) async fn asset(State(app): State<SharedApp>, InPath(path): InPath<String>, headers: HeaderMap) -> Response {
    if let Some(file) = path.strip_prefix("languages/") {
        let file = file.to_owned();
        return match blocking(&app, move |app: &App| catalogue(app, &file)).await {
            Ok(bytes) => answer("languages/merged.json", bytes, &headers),
            Err(error) => error.into_response(),
        };
    }
    if path == TABLES {
        return answer(TABLES, super::tables::script(), &headers);
    }
    shipped(&path, &headers)
}

/// The script that the program itself generates.
const TABLES: &str = "tables.js";

/// Texts of one language, those of reports included: English, overridden by the language's catalogue, then by the
/// clinic's.
fn catalogue(app: &App, file: &str) -> Result<Vec<u8>, ApiError> {
    let language =
        file.strip_suffix(".json").filter(|language| app.catalogues.languages().iter().any(|l| l == language));
    let language = language.ok_or_else(no_such_file)?;
    serde_json::to_vec(&app.catalogues.words(language)).map_err(|problem| ApiError::internal(&problem))
}

fn no_such_file() -> ApiError {
    ApiError::not_found("there is no such file")
}

fn shipped(path: &str, headers: &HeaderMap) -> Response {
    // Only listed paths are served, so no path can lead out of the folder.
    match FILES.iter().find(|(name, _)| *name == path) {
        Some((name, bytes)) => answer(name, *bytes, headers),
        None => no_such_file().into_response(),
    }
}

fn answer(name: &str, bytes: impl AsRef<[u8]> + IntoResponse, headers: &HeaderMap) -> Response {
    let digest: [u8; 32] = Sha256::digest(bytes.as_ref()).into();
    let tag = format!("\"{}\"", hexadecimal(&digest[..12]));
    let Ok(tag) = HeaderValue::from_str(&tag) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let kept = headers.get(IF_NONE_MATCH) == Some(&tag);
    let mut response = if kept { StatusCode::NOT_MODIFIED.into_response() } else { bytes.into_response() };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    // Browsers ask again each time and get the file only if it changed: after an update, no old script may meet the
    // new program.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(ETAG, tag);
    response
}

fn kind(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::domain::class::CellClass;
    use crate::domain::flag::{Flag, Share};
    use crate::domain::red_class::RedClass;
    use crate::domain::red_grade::RedGrade;
    use crate::outputs::words::SHIPPED;
    use crate::store::records::Status;
    use crate::vision::quality::Verdict;

    fn below(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                below(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_in_the_program_and_has_a_kind() {
        let mut found = Vec::new();
        below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outputs/web/page"), "", &mut found);
        let languages = SHIPPED.iter().map(|(tag, _)| format!("languages/{tag}.json"));
        let mut listed: Vec<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).chain(languages).collect();
        found.sort();
        listed.sort();
        assert_eq!(listed, found);
        for name in listed {
            assert_ne!(kind(&name), "application/octet-stream", "{name}");
        }
    }

    fn catalogue(language: &str) -> BTreeMap<String, String> {
        let (_, text) = SHIPPED.iter().find(|(tag, _)| *tag == language).unwrap();
        serde_json::from_str(text).unwrap()
    }

    fn word(value: impl serde::Serialize) -> String {
        serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
    }

    fn places(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_language_says_everything_with_the_same_values_in_it() {
        let english = catalogue("en");
        for (language, _) in SHIPPED {
            let other = catalogue(language);
            assert!(english.keys().eq(other.keys()), "{language}");
            for (key, text) in &english {
                assert_eq!(places(text), places(&other[key]), "{language}: {key}");
                assert!(!other[key].trim().is_empty(), "{language}: {key}");
            }
        }
    }

    #[test]
    fn every_word_of_the_interface_is_in_the_catalogue() {
        let english = catalogue("en");
        for class in CellClass::ALL {
            assert!(english.contains_key(&format!("class.{class}")), "{class}");
            assert!(english.contains_key(&format!("short.{class}")), "{class}");
            let group = word(class.group());
            assert!(english.contains_key(&format!("group.{group}")), "{group}");
        }
        for class in RedClass::ALL {
            assert!(english.contains_key(&format!("class.{class}")), "{class}");
            assert!(english.contains_key(&format!("short.{class}")), "{class}");
        }
        for grade in RedGrade::ALL {
            assert!(english.contains_key(&format!("red.grade.{}", grade.code())), "{grade:?}");
        }
        for verdict in Verdict::REFUSALS {
            assert!(english.contains_key(&format!("verdict.{}", verdict.code())), "{verdict:?}");
        }
        for flag in Flag::ALL {
            let flag = word(flag);
            assert!(english.contains_key(&format!("flag.{flag}")), "{flag}");
            assert!(english.contains_key(&format!("flagMeans.{flag}")), "{flag}");
        }
        for share in Share::ALL {
            let evidence = word(share);
            assert!(english.contains_key(&format!("evidence.{evidence}")), "{evidence}");
            assert!(english.contains_key(share.row().limit_words), "{evidence}");
        }
        for status in [Status::Counting, Status::Interrupted, Status::Preliminary, Status::Final] {
            let status = word(status);
            assert!(english.contains_key(&format!("status.{status}")), "{status}");
        }
    }
}
