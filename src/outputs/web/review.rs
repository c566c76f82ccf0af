//! Review: give cells another class, undo that, sign.

use std::collections::BTreeSet;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::account::try_password;
use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body, Code, Path};
use super::guard::{Caller, How};
use super::looks::Press;
use crate::counting::quality_control::ControlMark;
use crate::domain::class::{CellClass, Kind};
use crate::domain::own_class::GivenClass;
use crate::domain::red_class::RedClass;
use crate::store::Signed;
use crate::store::records::{CellNumber, CellRecord, SessionDetail, SessionId, Signature};

/// Cells that can change in one step, at most.
const CELLS_AT_ONCE: usize = 500;

/// Class that a reviewer gives to cells.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    /// Numbers of cells, 1 to 500: white ones, or red ones that were named, never both. All of them change or none.
    #[schema(value_type = Vec<i64>, min_items = 1, max_items = 500)]
    cells: Vec<CellNumber>,
    /// Code of the class: of white cells for white ones, of red cells (`GET /api/red-classes`) for red ones. Or, for white cells, of
    /// one of the laboratory's own classes (`GET /api/own-classes`), whose cells count as its fixed
    /// class; null restores the program's.
    #[serde(deserialize_with = "said")]
    #[schema(required)]
    class: Option<String>,
    /// When the key or button was pressed, by the client's own clock, in milliseconds; requests of one press name the same
    /// time. It only tells apart presses that waited together in a slow network: whether there was time for a look is
    /// measured by the station.
    #[serde(default)]
    pressed: Option<f64>,
    /// Cells of the press, in all its requests.
    #[serde(default)]
    together: Option<u32>,
}

/// A class by the kind of cells it is of; `None` restores the program's.
enum OfKind {
    White(Option<GivenClass>),
    Red(Option<RedClass>),
}

/// Makes the field mandatory: leaving it out must not count as null.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// What a review step changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reviewed {
    /// Cells that changed, as they are now; empty if there was nothing to undo.
    cells: Vec<CellRecord>,
    /// The session as it is now.
    session: SessionDetail,
}

/// A signature. It asks for the password again, because signing is a deliberate act.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signing {
    password: String,
    /// At most 2000 characters.
    #[serde(default)]
    comment: String,
    /// Fingerprint of the session as the reviewer saw it; if the result has changed since, signing fails.
    fingerprint: String,
}

/// What a signature did.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// Who signed.
    by: String,
    /// When.
    at: Timestamp,
    comment: String,
    /// SHA-256 of the signed result; null after the first of two signatures.
    sha256: Option<String>,
    /// Whether another person must sign before the result is final.
    awaits_second: bool,
}

impl From<Signed> for Done {
    fn from(signed: Signed) -> Self {
        match signed {
            Signed::Final(Signature { by, at, comment, sha256 }) => {
                Self { by, at, comment, sha256: Some(sha256), awaits_second: false }
            }
            Signed::First(first) => {
                Self { by: first.by, at: first.at, comment: first.comment, sha256: None, awaits_second: true }
            }
        }
    }
}

/// Why a result is handed back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandingBack {
    /// At most 2000 characters; never empty.
    comment: String,
}

/// Give white cells, or red cells, another class, in one step. The program's class is kept beside it. Cells that are named faster than a
/// person can look at their pictures are marked as seen quickly, and count as looked at by nobody.
#[utoipa::path(put, path = "/api/sessions/{id}/cells", tag = "review", params(("id" = i64, Path)), request_body = Given,
    responses((status = 200, body = Reviewed), (status = 409, description = "It is signed or has no result, or a cell is \
        of another kind than the class or the other cells", body = super::error::ErrorBody)),
)]
pub(super) async fn reclassify(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Given { cells, class, pressed, together }): Body<Given>,
) -> Result<Json<Reviewed>, ApiError> {
    if !(1..=CELLS_AT_ONCE).contains(&cells.len()) {
        return Err(ApiError::request(format!("name 1 to {CELLS_AT_ONCE} cells at once")));
    }
    // The time of the request, before it waits for anything.
    let now = Instant::now();
    blocking(&app, move |app: &App| {
        let by = caller.by();
        let said = app.said(id, &cells, class.as_deref())?;
        let quick = match class {
            Some(_) => {
                let (cells, press) = (cells.iter().copied().collect(), Press { pressed, together });
                app.looks().too_quick(&by, id, &cells, (now, press), app.fastest)
            }
            None => BTreeSet::new(),
        };
        let quickly = |cell| quick.contains(&cell);
        let at = Timestamp::now();
        let cells = match said {
            OfKind::White(class) => app.store.reclassify_seen(id, &cells, class.as_ref(), &by, at, quickly)?,
            OfKind::Red(class) => app.store.reclassify_red(id, &cells, class, &by, at, quickly)?,
        };
        app.reviewed(id, cells)
    })
    .await
}

/// Undo one's own latest step of classes.
#[utoipa::path(post, path = "/api/sessions/{id}/undo", tag = "review", params(("id" = i64, Path)), responses(
    (status = 200, body = Reviewed), (status = 409, description = "It is signed, or somebody else changed a cell since",
        body = super::error::ErrorBody),
))]
pub(super) async fn undo(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<Json<Reviewed>, ApiError> {
    blocking(&app, move |app: &App| {
        let cells = app.store.undo(id, &caller.by(), Timestamp::now())?;
        app.reviewed(id, cells)
    })
    .await
}

/// Sign the result. It cannot change any more after that. Where flags ask for two reviewers (`[review] second_reviewer`), the
/// first signature leaves it preliminary, and another person looks and signs.
#[utoipa::path(post, path = "/api/sessions/{id}/sign", tag = "review", params(("id" = i64, Path)),
    request_body = Signing,
    responses((status = 200, body = Done), (status = 403, description = "The password is wrong, or a token asks",
        body = super::error::ErrorBody), (status = 409, description = "It has no result, is signed already, or changed \
        since it was looked at, or the control has not passed", body = super::error::ErrorBody)),
)]
pub(super) async fn sign(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(Signing { password, comment, fingerprint }): Body<Signing>,
) -> Result<Json<Done>, ApiError> {
    if !matches!(caller.how, How::Login(_)) {
        return Err(ApiError::may_not("only a person signs; log in with name and password"));
    }
    let name = caller.name.clone();
    let check = move |app: &App| app.store.check_password(&name, &password);
    try_password(&app, &caller.name, caller.address, check).await?.ok_or_else(ApiError::wrong_password)?;
    blocking(&app, move |app: &App| {
        let now = Timestamp::now();
        let control = app.control_for_signature(now)?;
        let signed = app.store.sign_seen(id, &caller.name, now, comment.trim(), control, &fingerprint)?;
        Ok::<_, ApiError>(Json(signed.into()))
    })
    .await
}

/// Hand a result back that another person signed first, instead of signing second: it is open again for everybody.
#[utoipa::path(post, path = "/api/sessions/{id}/hand-back", tag = "review", params(("id" = i64, Path)),
    request_body = HandingBack, responses((status = 204), (status = 409, description = "It waits for no second reviewer, or \
        one's own signature is the first", body = super::error::ErrorBody)),
)]
pub(super) async fn hand_back(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    Body(HandingBack { comment }): Body<HandingBack>,
) -> Result<StatusCode, ApiError> {
    blocking(&app, move |app: &App| app.store.hand_back(id, &caller.name, Timestamp::now(), &comment)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// How quality control stands, to be signed with a result; an error where it keeps results from being signed.
    fn control_for_signature(&self, now: Timestamp) -> Result<Option<ControlMark>, ApiError> {
        let standing = self.controls.standing(now)?;
        if standing.may_sign {
            return Ok(self.controls.mark(now)?);
        }
        let why = standing.trouble().unwrap_or_default();
        let words = format!("{why}. Nothing is signed until the control passes, or an admin writes why not");
        Err(ApiError::new(StatusCode::CONFLICT, Code::ControlNotPassed, words))
    }

    /// What a code says of these cells. `UNK` and the program's class are of both kinds, so the first of the cells tells.
    fn said(&self, id: SessionId, cells: &[CellNumber], code: Option<&str>) -> Result<OfKind, ApiError> {
        let white = code.map(|code| self.given(id, cells, code)).transpose();
        let red = code.map(str::parse::<RedClass>).transpose();
        if let (Err(_), Ok(Some(class))) = (&white, &red) {
            return Ok(OfKind::Red(Some(*class)));
        }
        let first = cells.first().map(|first| self.store.cell(id, *first)).transpose()?.flatten();
        match (first.is_some_and(|cell| cell.kind == Kind::Rbc), white, red) {
            (true, _, Ok(class)) => Ok(OfKind::Red(class)),
            (true, Err(_), Err(unknown)) => Err(ApiError::request(unknown.to_string())),
            (_, white, _) => Ok(OfKind::White(white?)),
        }
    }

    /// The class that a code stands for. A code of the laboratory's own that is not configured any more says the same again of cells
    /// that hold it, and nothing new of others.
    fn given(&self, id: SessionId, cells: &[CellNumber], code: &str) -> Result<GivenClass, ApiError> {
        let unknown = match code.parse::<CellClass>() {
            Ok(class) => return Ok(class.into()),
            Err(unknown) => unknown,
        };
        if let Some(own) = self.own_classes.iter().find(|class| class.own.code == code) {
            return Ok(own.clone().into());
        }
        let named = self.store.cells(id, Some(Kind::Wbc), None)?;
        let mut named = named.iter().filter(|cell| cells.contains(&cell.number)).map(CellRecord::given);
        let first = named.next().flatten().filter(|given| given.own.as_ref().is_some_and(|own| own.code == code));
        let same = first.filter(|first| named.all(|other| other.as_ref() == Some(first)));
        same.ok_or_else(|| {
            let own: Vec<&str> = self.own_classes.iter().map(|class| class.own.code.as_str()).collect();
            let own = if own.is_empty() { "none".to_owned() } else { own.join(" ") };
            ApiError::request(format!("{unknown}; the laboratory's own ones, by [review] own_classes, are {own}"))
        })
    }

    fn reviewed(&self, id: SessionId, cells: Vec<CellRecord>) -> Result<Json<Reviewed>, ApiError> {
        let session = self.store.session(id)?.ok_or_else(|| ApiError::not_found("there is no such session"))?;
        Ok(Json(Reviewed { cells, session }))
    }
}
