//! Reports of a session as downloads.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::{App, SharedApp, blocking_in};
use super::error::{ApiError, Path, QueryParameters};
use super::guard::Caller;
use crate::config::is_language;
use crate::outputs::report::{self, ReportFormat};
use crate::store::records::SessionId;

/// Options of a report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Language, such as `es`; the station's by default.
    language: Option<String>,
    /// Whether a browser should show it, to print, instead of saving it.
    #[serde(default)]
    show: bool,
}

/// PDF report for people. Every page is marked as preliminary until the result is signed.
#[utoipa::path(get, path = "/api/sessions/{id}/report.pdf", tag = "report", params(("id" = i64, Path), Wanted), responses(
    (status = 200, content_type = "application/pdf", body = Vec<u8>),
))]
pub(super) async fn pdf(
    app: State<SharedApp>,
    caller: Caller,
    id: Path<SessionId>,
    wanted: QueryParameters<Wanted>,
) -> Result<Response, ApiError> {
    report(app, caller, id, wanted, ReportFormat::Pdf).await
}

/// Label of 57 x 32 mm: the sample id as text and QR code, the date, the leading figures, whether it is signed.
#[utoipa::path(get, path = "/api/sessions/{id}/label.pdf", tag = "report", params(("id" = i64, Path), Wanted), responses(
    (status = 200, content_type = "application/pdf", body = Vec<u8>),
))]
pub(super) async fn label(
    app: State<SharedApp>,
    caller: Caller,
    id: Path<SessionId>,
    wanted: QueryParameters<Wanted>,
) -> Result<Response, ApiError> {
    report(app, caller, id, wanted, ReportFormat::Label).await
}

/// CSV report for spreadsheets.
#[utoipa::path(get, path = "/api/sessions/{id}/report.csv", tag = "report", params(("id" = i64, Path), Wanted), responses(
    (status = 200, content_type = "text/csv", body = String),
))]
pub(super) async fn csv(
    app: State<SharedApp>,
    caller: Caller,
    id: Path<SessionId>,
    wanted: QueryParameters<Wanted>,
) -> Result<Response, ApiError> {
    report(app, caller, id, wanted, ReportFormat::Csv).await
}

/// JSON report for programs.
#[utoipa::path(get, path = "/api/sessions/{id}/report.json", tag = "report", params(("id" = i64, Path), Wanted), responses(
    (status = 200, content_type = "application/json", body = Object),
))]
pub(super) async fn json(
    app: State<SharedApp>,
    caller: Caller,
    id: Path<SessionId>,
    wanted: QueryParameters<Wanted>,
) -> Result<Response, ApiError> {
    report(app, caller, id, wanted, ReportFormat::Json).await
}

async fn report(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    QueryParameters(Wanted { language, show }): QueryParameters<Wanted>,
    form: ReportFormat,
) -> Result<Response, ApiError> {
    if language.as_deref().is_some_and(|language| !is_language(language)) {
        return Err(ApiError::request("a language is a tag such as en, es or pt-BR"));
    }
    // The pictures of a whole session are in memory meanwhile, so one report at a time.
    let turn = app.picture_permit().await?;
    let (bytes, sample) = blocking_in(&app, turn, move |app: &App| {
        let detail = app.view(id, &caller, form.ending())?;
        let cells = report::cells(&app.store, id, form)?;
        let words = app.catalogues.words(language.as_deref().unwrap_or(&app.language));
        let bytes = report::make(form, &detail, &cells, &words, &app.letterhead)
            .map_err(|problem| ApiError::internal(&problem))?;
        Ok::<_, ApiError>((bytes, detail.summary.sample))
    })
    .await?;
    let kind = match form {
        ReportFormat::Pdf | ReportFormat::Label => "application/pdf",
        ReportFormat::Csv => "text/csv; charset=utf-8",
        ReportFormat::Json => "application/json",
    };
    let way = if show { "inline" } else { "attachment" };
    let name = format!("{way}; filename=\"{}\"", report::file_name(id, &sample, form));
    let name = HeaderValue::try_from(name).map_err(|problem| ApiError::internal(&problem))?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONTENT_DISPOSITION, name)], bytes).into_response())
}
