//! The audit trail: for people, with a sentence for each line, and as an export.

use std::path;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::app::{App, SharedApp, blocking, blocking_in};
use super::error::{ApiError, QueryParameters};
use super::guard::Caller;
use crate::config::is_language;
use crate::outputs::trail::{self, CsvLines};
use crate::outputs::words::Words;
use crate::store::records::{AuditEntry, SessionId};
use crate::store::{AuditVerdict, Finding, Store, TrailQuery, Verified};

/// Lines of the audit trail per answer: default and maximum.
const LINES: (u32, u32) = (100, 1000);

/// Lines of one export, at most: it is made in memory.
const MOST_EXPORTED: usize = 100_000;

/// Which lines of the audit trail; what is left out holds for all.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this session.
    #[param(value_type = Option<i64>)]
    session: Option<SessionId>,
    /// Part of a sample id: lines of its sessions, whatever they are called now, and of its orders.
    sample: Option<String>,
    /// Part of the name of who did it, or whom it was done to.
    person: Option<String>,
    /// Exactly this action, such as `sign`.
    action: Option<String>,
    /// At or after this time.
    from: Option<Timestamp>,
    /// Before this time.
    to: Option<Timestamp>,
    /// Only those with a number below this.
    before: Option<i64>,
    /// Only those with a number above this; then the oldest come first.
    after: Option<i64>,
    /// How many, 1 to 1000; 100 by default. An export holds all without it.
    limit: Option<u32>,
    /// Language of the sentences, such as `es`; the station's by default.
    language: Option<String>,
}

impl Asked {
    /// The lines, how many, and the language.
    fn parts(self) -> Result<(TrailQuery, Option<u32>, Option<String>), ApiError> {
        let Self { session, sample, person, action, from, to, before, after, limit, language } = self;
        if language.as_deref().is_some_and(|language| !is_language(language)) {
            return Err(ApiError::request("a language is a tag such as en, es or pt-BR"));
        }
        Ok((TrailQuery { session, sample, person, action, from, to, before, after }, limit, language))
    }
}

/// A line of the audit trail, and what it says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrailLine {
    #[serde(flatten)]
    entry: AuditEntry,
    /// What happened, as a sentence.
    said: String,
}

/// Lines of the audit trail.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Audit {
    /// Newest first; oldest first with `after`.
    entries: Vec<TrailLine>,
    /// Every action that a line may have, for a choice.
    actions: &'static [&'static str],
    /// Whether the trail is complete and unchanged; null with `before` or `after`, since the trail is not verified then.
    whole: Option<bool>,
    /// What is wrong with the trail, if it is not whole: which sample and session, which row, what differs, since when.
    problem: Option<String>,
    /// What else is wrong.
    more: Vec<String>,
}

/// The audit trail, by sample id, session, person, time and action. Without `before` and `after`, the whole trail is verified; cells
/// and pictures are by `leukoscope audit verify`.
#[utoipa::path(get, path = "/api/audit", tag = "admin", params(Asked), responses((status = 200, body = Audit)))]
pub(super) async fn audit(
    State(app): State<SharedApp>,
    QueryParameters(asked): QueryParameters<Asked>,
) -> Result<Json<Audit>, ApiError> {
    let (query, limit, language) = asked.parts()?;
    let limit = limit.unwrap_or(LINES.0).clamp(1, LINES.1);
    blocking(&app, move |app: &App| {
        let words = app.words_of(language.as_deref());
        let entries = app.store.trail(&query, limit)?.into_iter().map(|entry| {
            let said = trail::sentence(&entry, &words);
            TrailLine { entry, said }
        });
        let entries = entries.collect();
        let actions = &trail::ACTIONS;
        if query.before.is_some() || query.after.is_some() {
            return Ok(Json(Audit { entries, actions, whole: None, problem: None, more: Vec::new() }));
        }
        let words = |number: i64, why: &str| format!("line {number}: {why}");
        let (problem, more) = match verify(&app.store)? {
            AuditVerdict::Whole { .. } => (None, Vec::new()),
            AuditVerdict::Broken { number, why, more } => {
                let more = more.iter().map(|Finding { number, why }| words(*number, why));
                (Some(words(number, &why)), more.collect())
            }
        };
        Ok::<_, ApiError>(Json(Audit { entries, actions, whole: Some(problem.is_none()), problem, more }))
    })
    .await
}

/// The lines that `/api/audit` would list, oldest first, as a table for spreadsheets. Noted in the trail.
#[utoipa::path(get, path = "/api/audit.csv", tag = "admin", params(Asked), responses(
    (status = 200, content_type = "text/csv", body = String),
))]
pub(super) async fn csv(
    app: State<SharedApp>,
    caller: Caller,
    asked: QueryParameters<Asked>,
) -> Result<Response, ApiError> {
    let bytes = export(app, caller, asked, "csv", |entries, words| {
        let mut lines = CsvLines::new(Vec::new())?;
        entries.iter().try_for_each(|entry| lines.line(entry, words))?;
        lines.end()
    });
    Ok(file("text/csv; charset=utf-8", "csv", bytes.await?))
}

/// The same as JSON Lines, for programs. Noted in the trail.
#[utoipa::path(get, path = "/api/audit.jsonl", tag = "admin", params(Asked), responses(
    (status = 200, content_type = "application/jsonl", body = String),
))]
pub(super) async fn jsonl(
    app: State<SharedApp>,
    caller: Caller,
    asked: QueryParameters<Asked>,
) -> Result<Response, ApiError> {
    let bytes = export(app, caller, asked, "jsonl", |entries, words| {
        let mut text = String::new();
        for entry in entries {
            text += &trail::json_line(entry, words)?;
            text.push('\n');
        }
        Ok(text.into_bytes())
    });
    Ok(file("application/jsonl", "jsonl", bytes.await?))
}

async fn export(
    State(app): State<SharedApp>,
    caller: Caller,
    QueryParameters(asked): QueryParameters<Asked>,
    form: &'static str,
    make: impl FnOnce(&[AuditEntry], &Words) -> std::io::Result<Vec<u8>> + Send + 'static,
) -> Result<Vec<u8>, ApiError> {
    let (query, limit, language) = asked.parts()?;
    // The lines are in memory meanwhile, so one export at a time.
    let turn = app.picture_permit().await?;
    blocking_in(&app, turn, move |app: &App| {
        let query = TrailQuery { after: Some(query.after.unwrap_or(0)), ..query };
        let most = limit.map_or(MOST_EXPORTED, |limit| limit as usize).min(MOST_EXPORTED);
        let entries = app.store.trail(&query, u32::try_from(most + 1).unwrap_or(u32::MAX))?;
        if entries.len() > most && limit.is_none() {
            let words = format!(
                "more than {MOST_EXPORTED} lines are like that: choose fewer days, or run `leukoscope audit export` at the station"
            );
            return Err(ApiError::request(words));
        }
        let entries = &entries[..entries.len().min(most)];
        let bytes = make(entries, &app.words_of(language.as_deref())).map_err(|problem| ApiError::internal(&problem))?;
        // Before any line leaves.
        let detail = json!({"trail": form, "lines": entries.len()});
        app.store.note(&caller.by(), Timestamp::now(), "export", None, &detail)?;
        Ok(bytes)
    })
    .await
}

fn file(kind: &'static str, ending: &str, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"leukoscope-trail-{}.{ending}\"", Timestamp::now().strftime("%Y-%m-%d"));
    let mut answer = ([(CONTENT_TYPE, HeaderValue::from_static(kind))], bytes).into_response();
    if let Ok(name) = HeaderValue::try_from(name) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    answer
}

impl App {
    fn words_of(&self, language: Option<&str>) -> Words {
        self.catalogues.words(language.unwrap_or(&self.language))
    }
}

/// Verifies the whole trail, and all it speaks of but cells and pictures, over a connection of its own, because that takes long and
/// others must be able to read meanwhile.
fn verify(store: &Store) -> Result<AuditVerdict, ApiError> {
    let folder = store.path().parent().unwrap_or(path::Path::new("."));
    let apart = Store::open_to_read(folder)?.ok_or_else(|| ApiError::internal(&"the store is gone"))?;
    Ok(apart.verify(Verified::WithoutCells)?)
}
