//! Stored sessions, their cells and cell pictures.

use std::collections::hash_map::Entry;
use std::io::Cursor;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use image::ImageFormat;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::app::{App, SharedApp, blocking, blocking_in};
use super::error::{ApiError, Path, QueryParameters};
use super::guard::Caller;
use crate::domain::class::{CellClass, Group, Kind};
use crate::domain::own_class::OwnClass;
use crate::domain::red_class::{RedClass, RedGroup};
use crate::outputs::report::ranges::RangeLine;
use crate::store::StoreError;
use crate::store::records::{self, CellNumber, CellRecord, SessionDetail, SessionId, SessionSummary, ShownField};

/// Repeated views of one signed session in one form by one user within this time make one line in the audit trail.
const ONE_VIEW: Duration = Duration::from_mins(10);

/// List of sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sessions {
    /// Newest first.
    sessions: Vec<SessionSummary>,
}

/// List of cells.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cells {
    /// Least certain first.
    cells: Vec<CellRecord>,
}

/// Which cells.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichCells {
    /// `WBC`, `RBC` or `PLT`.
    #[param(inline)]
    kind: Option<Kind>,
    /// Code of the class in force: the reviewer's if there is one, else the program's. A class of red cells only with `RBC`.
    class: Option<String>,
    /// Only cells whose picture is kept: of red cells those of some.
    #[serde(default)]
    pictured: bool,
}

/// A class of cells.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Class {
    /// Code, as everywhere in this API.
    code: CellClass,
    /// English name.
    name: &'static str,
    /// Group that reports count it in.
    group: Group,
    /// Key that picks it.
    key: char,
    /// Whether only a person gives it: no network answers it.
    by_people_alone: bool,
}

/// Sessions, newest first.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", params(records::SessionQuery), responses(
    (status = 200, body = Sessions),
))]
pub(super) async fn list(
    State(app): State<SharedApp>,
    QueryParameters(query): QueryParameters<records::SessionQuery>,
) -> Result<Json<Sessions>, ApiError> {
    let sessions = blocking(&app, move |app: &App| app.store.sessions(&query)).await?;
    Ok(Json(Sessions { sessions }))
}

/// A session, and what the laboratory holds its result against.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionAnswer {
    #[serde(flatten)]
    session: SessionDetail,
    /// Reference ranges that hold for its result, and where the values lie.
    ranges: Vec<RangeLine>,
}

/// Everything stored about a session except its cells. Viewing a signed one is noted in the audit trail.
#[utoipa::path(get, path = "/api/sessions/{id}", tag = "sessions", params(("id" = i64, Path)), responses(
    (status = 200, body = SessionAnswer),
))]
pub(super) async fn one(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<Json<SessionAnswer>, ApiError> {
    blocking(&app, move |app: &App| {
        let session = app.view(id, &caller, "page")?;
        let ranges = session.reviewed_result.as_ref().map(|result| app.letterhead.ranges.beside(result));
        Ok::<_, ApiError>(Json(SessionAnswer { ranges: ranges.unwrap_or_default(), session }))
    })
    .await
}

/// Cells of a session, least certain first; red cells that were not named come last. Viewing those of a signed session is noted in the audit trail.
#[utoipa::path(get, path = "/api/sessions/{id}/cells", tag = "sessions", params(("id" = i64, Path), WhichCells), responses(
    (status = 200, body = Cells),
))]
pub(super) async fn cells(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(id): Path<SessionId>,
    QueryParameters(WhichCells { kind, class, pictured }): QueryParameters<WhichCells>,
) -> Result<Json<Cells>, ApiError> {
    blocking(&app, move |app: &App| {
        app.view(id, &caller, "cells")?;
        let cells = app.cells(id, kind, class.as_deref(), pictured)?;
        // Of a cell without a picture nothing more can be seen.
        for cell in cells.iter().filter(|cell| !cell.has_crop) {
            app.looks().showed(&caller.by(), id, cell.number, Instant::now());
        }
        Ok::<_, ApiError>(Json(Cells { cells }))
    })
    .await
}

/// Picture of a cell. In a signed session, viewing it is noted in the audit trail like viewing the cells.
#[utoipa::path(get, path = "/api/sessions/{id}/cells/{n}/crop.jpg", tag = "sessions",
    params(("id" = i64, Path), ("n" = i64, Path)),
    responses((status = 200, content_type = "image/jpeg", body = Vec<u8>)),
)]
pub(super) async fn crop(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((id, number)): Path<(SessionId, CellNumber)>,
) -> Result<Response, ApiError> {
    let jpeg = blocking(&app, move |app: &App| {
        app.note_view(id, &caller, "cells")?;
        let jpeg = app.store.crop(id, number)?;
        if jpeg.is_some() {
            app.looks().showed(&caller.by(), id, number, Instant::now());
        }
        Ok::<_, ApiError>(jpeg)
    })
    .await?;
    let jpeg = jpeg.ok_or_else(|| ApiError::not_found("no picture of this cell is kept"))?;
    Ok(picture("image/jpeg", jpeg))
}

/// The whole field that shows a cell, if one is kept: its size, its scale, and the boxes of its cells. Noted in the audit trail
/// like the picture.
#[utoipa::path(get, path = "/api/sessions/{id}/cells/{n}/field", tag = "sessions",
    params(("id" = i64, Path), ("n" = i64, Path)),
    responses((status = 200, body = ShownField)),
)]
pub(super) async fn field(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((id, number)): Path<(SessionId, CellNumber)>,
) -> Result<Json<ShownField>, ApiError> {
    let field = blocking(&app, move |app: &App| {
        app.note_view(id, &caller, "cells")?;
        app.store.field_of(id, number)
    })
    .await?;
    field.map(Json).ok_or_else(|| ApiError::not_found("no field that shows this cell is kept"))
}

/// Picture of a field that is kept, by its number in the session. Noted in the audit trail like the picture of a cell.
#[utoipa::path(get, path = "/api/sessions/{id}/fields/{n}/picture.jpg", tag = "sessions",
    params(("id" = i64, Path), ("n" = i64, Path)),
    responses((status = 200, content_type = "image/jpeg", body = Vec<u8>)),
)]
pub(super) async fn field_picture(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((id, number)): Path<(SessionId, i64)>,
) -> Result<Response, ApiError> {
    let jpeg = blocking(&app, move |app: &App| {
        app.note_view(id, &caller, "cells")?;
        app.store.field_picture(id, number)
    })
    .await?;
    jpeg.map(|jpeg| picture("image/jpeg", jpeg)).ok_or_else(|| ApiError::not_found("this field is not kept"))
}

/// Picture of a cell under a map of what in it spoke for the program's class. Noted in the audit trail like the
/// picture.
#[utoipa::path(get, path = "/api/sessions/{id}/cells/{n}/saliency.png", tag = "sessions",
    params(("id" = i64, Path), ("n" = i64, Path)),
    responses((status = 200, content_type = "image/png", body = Vec<u8>)),
)]
pub(super) async fn saliency(
    State(app): State<SharedApp>,
    caller: Caller,
    Path((id, number)): Path<(SessionId, CellNumber)>,
) -> Result<Response, ApiError> {
    // Counting runs on the same board, so one map at a time.
    let turn = app.picture_permit().await?;
    let work = move |app: &App| {
        app.note_view(id, &caller, "cells")?;
        app.saliency(id, number)
    };
    blocking_in(&app, turn, work).await.map(|png| picture("image/png", png))
}

/// All classes, and the keys that pick them.
#[utoipa::path(get, path = "/api/classes", tag = "sessions", responses((status = 200, body = Vec<Class>)))]
pub(super) async fn classes() -> Json<Vec<Class>> {
    let class = |class: &CellClass| Class {
        code: *class,
        name: class.name(),
        group: class.group(),
        key: class.key(),
        by_people_alone: class.by_people_alone(),
    };
    Json(CellClass::ALL.iter().map(class).collect())
}

/// A class of red cells.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OfRedCells {
    /// Code, as everywhere in this API.
    code: RedClass,
    /// English name.
    name: &'static str,
    /// Look-alikes it is judged with; null for cells that are not categorised.
    group: Option<RedGroup>,
    /// Key that picks it.
    key: char,
}

/// All classes of red cells, and the keys that pick them.
#[utoipa::path(get, path = "/api/red-classes", tag = "sessions", responses((status = 200, body = Vec<OfRedCells>)))]
pub(super) async fn red_classes() -> Json<Vec<OfRedCells>> {
    let class =
        |class: &RedClass| OfRedCells { code: *class, name: class.name(), group: class.group(), key: class.key() };
    Json(RedClass::ALL.iter().map(class).collect())
}

/// One of the laboratory's own classes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Own {
    #[serde(flatten)]
    class: OwnClass,
    /// Digit that picks it.
    key: char,
}

/// The laboratory's own classes (`[review] own_classes`), and the keys that pick them.
#[utoipa::path(get, path = "/api/own-classes", tag = "sessions", responses((status = 200, body = Vec<Own>)))]
pub(super) async fn own_classes(State(app): State<SharedApp>) -> Json<Vec<Own>> {
    let own = app.own_classes.iter().zip('1'..='9').map(|(class, key)| Own { class: class.clone(), key });
    Json(own.collect())
}

impl App {
    /// A session that a caller views in one form. If it is signed, the audit trail notes that before anything is
    /// shown.
    pub(super) fn view(&self, id: SessionId, caller: &Caller, form: &'static str) -> Result<SessionDetail, ApiError> {
        self.note_view(id, caller, form)?;
        self.store.session(id)?.ok_or_else(|| ApiError::not_found("there is no such session"))
    }

    fn cells(
        &self,
        id: SessionId,
        kind: Option<Kind>,
        class: Option<&str>,
        pictured: bool,
    ) -> Result<Vec<CellRecord>, ApiError> {
        let named = class.is_some() || pictured;
        if kind == Some(Kind::Rbc) && named {
            let class = class.map(str::parse::<RedClass>).transpose();
            let class = class.map_err(|unknown| ApiError::request(unknown.to_string()))?;
            return Ok(self.store.red_cells(id, class, pictured)?);
        }
        let class = class.map(str::parse::<CellClass>).transpose();
        let class = class.map_err(|unknown| ApiError::request(unknown.to_string()))?;
        let mut cells = self.store.cells(id, kind, class)?;
        cells.retain(|cell| !pictured || cell.has_crop);
        Ok(cells)
    }

    fn note_view(&self, id: SessionId, caller: &Caller, form: &'static str) -> Result<(), StoreError> {
        if !self.store.is_signed(id)? {
            return Ok(());
        }
        let now = Instant::now();
        let mut viewed = self.viewed();
        viewed.retain(|_, at| now.duration_since(*at) < ONE_VIEW);
        if let Entry::Vacant(place) = viewed.entry((caller.by(), id, form)) {
            // Held while writing, so that two requests of one page make one line.
            self.store.note(&place.key().0, Timestamp::now(), "view", Some(id), &json!({"form": form}))?;
            place.insert(now);
        }
        Ok(())
    }

    fn saliency(&self, id: SessionId, number: CellNumber) -> Result<Vec<u8>, ApiError> {
        let none = || ApiError::not_found("what mattered in this cell cannot be shown");
        let vision = self.in_force.vision().filter(|vision| vision.explains()).ok_or_else(none)?;
        let cell = self.store.cell(id, number)?.ok_or_else(none)?;
        // A blast is explained by its most probable line, an unknown cell by its most probable class.
        let ranked = || cell.ranked.iter().map(|(class, _)| *class);
        let answer = ranked().find(|class| Some(class.answered_as()) == cell.class.map(CellClass::answered_as));
        let class = answer.or_else(|| ranked().next()).ok_or_else(none)?;
        let jpeg = self.store.crop(id, number)?.ok_or_else(none)?;
        let crop = image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg);
        let crop = crop.map_err(|problem| ApiError::internal(&problem))?.to_rgb8();
        let red_cells = self.store.red_cell_density(id)?;
        let saliency = vision.saliency(&crop, class, red_cells).map_err(|problem| {
            log::warn!("page: session {id}, cell {number}: {problem}");
            none()
        })?;
        let mut png = Cursor::new(Vec::new());
        saliency.over(&crop).write_to(&mut png, ImageFormat::Png).map_err(|problem| ApiError::internal(&problem))?;
        Ok(png.into_inner())
    }
}

/// Answer with a picture.
pub(super) fn picture(kind: &'static str, bytes: Vec<u8>) -> Response {
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (headers, bytes).into_response()
}
