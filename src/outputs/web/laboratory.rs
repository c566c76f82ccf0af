//! What the laboratory gives to choose from: groups of its reference ranges, phrases for comments.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::SharedApp;

/// What can be chosen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LaboratoryAnswer {
    /// Groups of people that the reference ranges tell apart, in their order.
    groups: Vec<String>,
    /// The laboratory's own phrases.
    phrases: Vec<String>,
}

/// Groups of people and phrases of this laboratory.
#[utoipa::path(get, path = "/api/laboratory", tag = "report", responses((status = 200, body = LaboratoryAnswer)))]
pub(super) async fn laboratory(State(app): State<SharedApp>) -> Json<LaboratoryAnswer> {
    let groups = app.letterhead.ranges.groups().into_iter().map(str::to_owned).collect();
    Json(LaboratoryAnswer { groups, phrases: app.letterhead.phrases.clone() })
}
