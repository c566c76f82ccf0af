//! Table of all API routes and the role each needs. One table serves the router, the role check and the description.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::app::SharedApp;
use super::error::{ApiError, LONGEST_BODY};
use super::guard::{Caller, How, guard};
use super::{account, admin, assets, calibration, openapi, report, review, sessions, settings, stream};
use crate::store::records::Role;

/// One route; the handler declares its method, path and description.
struct Route {
    /// Role needed; `None` is open to anybody.
    role: Option<Role>,
    declared: UtoipaMethodRouter<SharedApp>,
}

fn route(role: impl Into<Option<Role>>, declared: UtoipaMethodRouter<SharedApp>) -> Route {
    Route { role: role.into(), declared }
}

/// All API routes.
fn table() -> Vec<Route> {
    use Role::{Admin, Operator, Reviewer};
    vec![
        route(None, routes!(account::login)),
        route(None, routes!(account::logout)),
        route(None, routes!(account::me)),
        route(Operator, routes!(account::change_password)),
        route(None, routes!(openapi::document)),
        route(Operator, routes!(stream::now)),
        route(Operator, routes!(stream::watch)),
        route(Operator, routes!(stream::command)),
        route(Operator, routes!(sessions::list)),
        route(Operator, routes!(sessions::one)),
        route(Operator, routes!(sessions::cells)),
        route(Reviewer, routes!(review::reclassify)),
        route(Operator, routes!(sessions::crop)),
        route(Operator, routes!(sessions::saliency)),
        route(Reviewer, routes!(review::undo)),
        route(Reviewer, routes!(review::sign)),
        route(Operator, routes!(report::pdf)),
        route(Operator, routes!(report::csv)),
        route(Operator, routes!(report::json)),
        route(Operator, routes!(sessions::classes)),
        route(Operator, routes!(settings::settings)),
        route(Admin, routes!(settings::change)),
        route(Admin, routes!(calibration::calibrate)),
        route(Admin, routes!(admin::users)),
        route(Admin, routes!(admin::add_user)),
        route(Admin, routes!(admin::change_user)),
        route(Admin, routes!(admin::tokens)),
        route(Admin, routes!(admin::add_token)),
        route(Admin, routes!(admin::remove_token)),
        route(Admin, routes!(admin::audit)),
    ]
}

/// Every route with its role check and description.
pub(super) fn declared() -> OpenApiRouter<SharedApp> {
    table().into_iter().fold(OpenApiRouter::with_openapi(openapi::frame()), |router, Route { role, declared }| {
        let (schemas, mut paths, handlers) = declared;
        openapi::describe(&mut paths, role);
        router.routes((schemas, paths, handlers.layer(middleware::from_fn_with_state(role, check_role))))
    })
}

/// Router of the page and the API.
pub(super) fn router(app: SharedApp) -> Router {
    let (interface, _) = declared().split_for_parts();
    interface
        .route("/", get(assets::index))
        .route("/assets/{*path}", get(assets::asset))
        .fallback(|| async { ApiError::not_found("there is nothing here") })
        .method_not_allowed_fallback(|| async {
            ApiError::wrong(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done here; see /api/openapi.json")
        })
        .layer(axum::extract::DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(SharedApp::clone(&app), guard))
        .with_state(app)
}

/// Lets a request through if the caller has the role.
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
