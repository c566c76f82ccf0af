//! Amendments of signed results: begin one, withdraw one. The rest of it is a review like any other.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body, Path};
use super::guard::Caller;
use crate::store::records::{Role, SessionId};

/// An amendment that somebody begins.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Amending {
    /// Why, at most 500 characters; printed on the corrected report. Line breaks become blanks.
    reason: String,
    /// The id that the sample has in truth, where the result stands under a wrong one; left out or empty: it stays. Checked by `[sample]`
    /// as everywhere else; `/api/samples` says whether it has a result already, which a person must see first.
    #[serde(default)]
    sample: String,
}

/// Why an amendment is withdrawn.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Withdrawing {
    /// Why, at most 500 characters; the audit trail keeps it.
    reason: String,
}

/// Two results that somebody looks at side by side.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Comparing {
    /// Session of the other result.
    #[schema(value_type = i64)]
    with: SessionId,
    /// Why, at most 500 characters.
    reason: String,
}

/// Where to go on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// Session of the version.
    #[schema(value_type = i64)]
    session: SessionId,
}

/// Begin an amendment of a signed result: a new version, with its cells and the classes that people gave them, to be
/// reviewed and signed. Until it is signed the version before stays in force; that one never changes. It may also correct the
/// sample id.
#[utoipa::path(post, path = "/api/sessions/{id}/amend", tag = "review", params(("id" = i64, Path)), request_body = Amending,
    responses((status = 200, body = Version, description = "The session of the new version"), (status = 400, description = "The \
        sample id is none by the laboratory's rules", body = super::error::ErrorBody), (status = 409, description = "It \
        is not signed, is amended already, has lost its cells to retention, or no reason is given",
        body = super::error::ErrorBody)),
)]
pub(super) async fn amend(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Amending { reason, sample }): Body<Amending>,
) -> Result<Json<Version>, ApiError> {
    blocking(&app, move |app: &App| {
        let sample = match sample.trim_matches(' ') {
            "" => None,
            typed => Some(app.checked_sample(typed).map_err(|problem| ApiError::request(problem.to_string()))?),
        };
        let (by, now) = (caller.by(), Timestamp::now());
        let session = app.store.amend_with_sample(id, &reason, sample.as_deref(), &by, now)?;
        Ok::<_, ApiError>(Json(Version { session }))
    })
    .await
}

/// Note in the audit trail that a result is looked at beside an earlier one, and why: what was found before biases a review.
#[utoipa::path(post, path = "/api/sessions/{id}/compare", tag = "review", params(("id" = i64, Path)), request_body = Comparing,
    responses((status = 204), (status = 409, description = "No reason is given", body = super::error::ErrorBody)),
)]
pub(super) async fn compare(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Comparing { with, reason }): Body<Comparing>,
) -> Result<StatusCode, ApiError> {
    blocking(&app, move |app: &App| app.store.note_comparison([id, with], &caller.by(), Timestamp::now(), &reason))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraw an amendment that is not signed, with all that was changed in it: whoever began it, or an admin. The answer names the
/// version that stays in force.
#[utoipa::path(post, path = "/api/sessions/{id}/withdraw", tag = "review", params(("id" = i64, Path)),
    request_body = Withdrawing, responses(
    (status = 200, body = Version, description = "The session of the version in force"), (status = 409, description = "It is no \
        amendment, or signed, or no reason is given", body = super::error::ErrorBody),
    (status = 403, description = "Somebody else began it", body = super::error::ErrorBody),
))]
pub(super) async fn withdraw(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Withdrawing { reason }): Body<Withdrawing>,
) -> Result<Json<Version>, ApiError> {
    blocking(&app, move |app: &App| {
        let by = caller.by();
        let amends = app.store.session(id)?.and_then(|detail| detail.counted_result?.amends);
        if let Some(begun_by) = amends.map(|amends| amends.amended_by).filter(|begun_by| *begun_by != by)
            && caller.role < Role::Admin
        {
            return Err(ApiError::may_not(format!(
                "only {begun_by}, who began this amendment, or an admin withdraws it"
            )));
        }
        let session = app.store.withdraw_amendment(id, &reason, &by, Timestamp::now())?;
        Ok(Json(Version { session }))
    })
    .await
}
