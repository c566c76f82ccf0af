//! What the store keeps, how large it is, and what goes next.

use axum::Json;
use axum::extract::State;

use super::app::{App, SharedApp, blocking};
use super::error::ApiError;
use crate::store::Keeping;

/// What is kept and for how long, the size of the store, and what will be deleted next, before it is.
#[utoipa::path(get, path = "/api/keeping", tag = "settings", responses((status = 200, body = Keeping)))]
pub(super) async fn keeping(State(app): State<SharedApp>) -> Result<Json<Keeping>, ApiError> {
    Ok(Json(blocking(&app, |app: &App| app.store.keeping(&app.keep)).await?))
}
