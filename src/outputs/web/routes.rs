//! Every way into the interface, and who may go there. One table serves the router, the check of roles and the
//! description of the interface.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, patch, post, put};

use super::app::SharedApp;
use super::error::{ApiError, LONGEST_BODY};
use super::guard::{Caller, How, guard};
use super::{account, admin, assets, calibration, openapi, report, review, sessions, settings, stream};
use crate::store::records::Role;

/// One way in.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Who may; anybody without one.
    pub(super) role: Option<Role>,
    handler: MethodRouter<SharedApp>,
}

fn route(
    method: &'static str,
    path: &'static str,
    role: impl Into<Option<Role>>,
    handler: MethodRouter<SharedApp>,
) -> Route {
    Route { method, path, role: role.into(), handler }
}

/// All of the interface.
pub(super) fn routes() -> Vec<Route> {
    use Role::{Admin, Operator, Reviewer};
    vec![
        route("post", "/api/login", None, post(account::login)),
        route("post", "/api/logout", None, post(account::logout)),
        route("get", "/api/me", None, get(account::me)),
        route("put", "/api/me/password", Operator, put(account::change_password)),
        route("get", "/api/openapi.json", None, get(openapi::document)),
        route("get", "/api/live", Operator, get(stream::now)),
        route("get", "/api/live/stream", Operator, get(stream::watch)),
        route("post", "/api/live/commands", Operator, post(stream::command)),
        route("get", "/api/sessions", Operator, get(sessions::list)),
        route("get", "/api/sessions/{id}", Operator, get(sessions::one)),
        route("get", "/api/sessions/{id}/cells", Operator, get(sessions::cells)),
        route("put", "/api/sessions/{id}/cells", Reviewer, put(review::reclassify)),
        route("get", "/api/sessions/{id}/cells/{n}/crop.jpg", Operator, get(sessions::crop)),
        route("get", "/api/sessions/{id}/cells/{n}/saliency.png", Operator, get(sessions::saliency)),
        route("post", "/api/sessions/{id}/undo", Reviewer, post(review::undo)),
        route("post", "/api/sessions/{id}/sign", Reviewer, post(review::sign)),
        route("get", "/api/sessions/{id}/report.pdf", Operator, get(report::pdf)),
        route("get", "/api/sessions/{id}/report.csv", Operator, get(report::csv)),
        route("get", "/api/sessions/{id}/report.json", Operator, get(report::json)),
        route("get", "/api/classes", Operator, get(sessions::classes)),
        route("get", "/api/settings", Operator, get(settings::settings)),
        route("put", "/api/settings", Admin, put(settings::change)),
        route("post", "/api/calibration", Admin, post(calibration::calibrate)),
        route("get", "/api/users", Admin, get(admin::users)),
        route("post", "/api/users", Admin, post(admin::add_user)),
        route("patch", "/api/users/{name}", Admin, patch(admin::change_user)),
        route("get", "/api/tokens", Admin, get(admin::tokens)),
        route("post", "/api/tokens", Admin, post(admin::add_token)),
        route("delete", "/api/tokens/{name}", Admin, delete(admin::remove_token)),
        route("get", "/api/audit", Admin, get(admin::audit)),
    ]
}

/// The page and the interface.
pub(super) fn router(app: SharedApp) -> Router {
    let mut router = Router::new().route("/", get(assets::index)).route("/assets/{*path}", get(assets::asset));
    for Route { path, role, handler, .. } in routes() {
        router = router.route(path, handler.layer(middleware::from_fn_with_state(role, check_role)));
    }
    router
        .fallback(|| async { ApiError::not_found("there is nothing here") })
        .method_not_allowed_fallback(|| async {
            ApiError::wrong(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done here; see /api/openapi.json")
        })
        .layer(axum::extract::DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(SharedApp::clone(&app), guard))
        .with_state(app)
}

/// Lets through whoever has the role.
async fn check_role(State(needed): State<Option<Role>>, request: Request, next: Next) -> Result<Response, ApiError> {
    let Some(needed) = needed else { return Ok(next.run(request).await) };
    let caller = request.extensions().get::<Caller>().ok_or_else(ApiError::log_in)?;
    if caller.role >= needed {
        return Ok(next.run(request).await);
    }
    Err(if caller.how == How::AtDevice {
        ApiError::log_in()
    } else {
        let needed = match needed {
            Role::Operator => "an operator",
            Role::Reviewer => "a reviewer",
            Role::Admin => "an admin",
        };
        ApiError::may_not(format!("only {needed} may do this"))
    })
}
