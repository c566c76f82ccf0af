//! The file for support.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde_json::json;

use super::app::{App, SharedApp, blocking};
use super::error::ApiError;
use super::guard::Caller;
use crate::outputs::support::{Bundle, Sources};

/// A file for whoever helps from afar: what runs, how it is and what its log says, without patients, people, comments,
/// addresses, paths or secrets. The audit trail notes who gathered it.
#[utoipa::path(get, path = "/api/support-bundle", tag = "monitoring", responses((status = 200, body = Bundle)))]
pub(super) async fn bundle(State(app): State<SharedApp>, caller: Caller) -> Result<Json<Bundle>, ApiError> {
    // It looks at the disk.
    blocking(&app, move |app: &App| {
        let now = Timestamp::now();
        let sources = Sources::of(&app.monitor, now)?;
        app.store.note(&caller.by(), now, "support bundle", None, &json!({}))?;
        Ok::<_, ApiError>(Json(Bundle::new(&sources, &app.configured, now)))
    })
    .await
}
