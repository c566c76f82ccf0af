//! Table of all API routes and the role each needs. One table serves the router, the role check and the description.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::app::SharedApp;
use super::error::{ApiError, LONGEST_BODY};
use super::guard::{Caller, How, Scraper, guard};
use super::{
    account, adaptation, admin, alarms, amendment, assets, calibration, camera, health, interrupted, keeping,
    laboratory, monitoring, openapi, practice, quality, references, report, review, samples, sessions, settings,
    stream, support, trail, worklist,
};
use crate::store::records::Role;

/// One route; the handler declares its method, path and description.
struct Route {
    needs: Needs,
    declared: UtoipaMethodRouter<SharedApp>,
}

/// What a caller needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// Role needed; `None` is open to anybody.
    pub(super) role: Option<Role>,
    /// Whether only a logged-in person may do it: a token that was stolen must not make itself a person, who signs.
    pub(super) person: bool,
    /// Whether the secret for collectors of figures is enough.
    pub(super) or_scraper: bool,
}

fn route(role: impl Into<Option<Role>>, declared: UtoipaMethodRouter<SharedApp>) -> Route {
    Route { needs: Needs { role: role.into(), person: false, or_scraper: false }, declared }
}

/// A route for collectors of figures, too.
fn scraped(role: Role, declared: UtoipaMethodRouter<SharedApp>) -> Route {
    Route { needs: Needs { role: Some(role), person: false, or_scraper: true }, declared }
}

/// A route for persons only.
fn personal(role: Role, declared: UtoipaMethodRouter<SharedApp>) -> Route {
    Route { needs: Needs { role: Some(role), person: true, or_scraper: false }, declared }
}

/// All API routes, each made when its turn comes: their descriptions together are megabytes, and only /api/openapi.json needs them.
fn table() -> Vec<fn() -> Route> {
    use Role::{Admin, Operator, Reviewer};
    let table: &[fn() -> Route] = &[
        || route(None, routes!(account::login)),
        || route(None, routes!(account::logout)),
        || route(None, routes!(account::me)),
        || personal(Operator, routes!(account::change_password)),
        || route(None, routes!(openapi::document)),
        || route(Operator, routes!(stream::now)),
        || route(Operator, routes!(stream::watch)),
        || route(Operator, routes!(stream::command)),
        || route(Operator, routes!(worklist::worklist)),
        || route(Operator, routes!(worklist::order)),
        || route(Operator, routes!(worklist::cancel)),
        || route(Operator, routes!(worklist::import)),
        || route(Operator, routes!(samples::known)),
        || route(Operator, routes!(interrupted::list)),
        || route(Operator, routes!(interrupted::resume)),
        || route(Operator, routes!(interrupted::close)),
        || route(Operator, routes!(sessions::list)),
        || route(Operator, routes!(sessions::one)),
        || route(Operator, routes!(sessions::cells)),
        || route(Reviewer, routes!(review::reclassify)),
        || route(Operator, routes!(sessions::crop)),
        || route(Operator, routes!(sessions::saliency)),
        || route(Operator, routes!(sessions::field)),
        || route(Operator, routes!(sessions::field_picture)),
        || route(Reviewer, routes!(review::undo)),
        || personal(Reviewer, routes!(review::sign)),
        || personal(Reviewer, routes!(review::hand_back)),
        || route(Operator, routes!(amendment::compare)),
        || personal(Reviewer, routes!(amendment::amend)),
        || personal(Reviewer, routes!(amendment::withdraw)),
        || route(Operator, routes!(alarms::open)),
        || personal(Operator, routes!(alarms::acknowledge)),
        || route(Operator, routes!(report::pdf)),
        || route(Operator, routes!(report::label)),
        || route(Operator, routes!(report::csv)),
        || route(Operator, routes!(laboratory::laboratory)),
        || route(Operator, routes!(report::json)),
        || route(Operator, routes!(sessions::classes)),
        || route(Operator, routes!(sessions::own_classes)),
        || route(Operator, routes!(sessions::red_classes)),
        || route(Operator, routes!(references::list)),
        || route(Operator, routes!(references::one)),
        || route(Operator, routes!(settings::settings)),
        || route(Admin, routes!(settings::change)),
        || route(Operator, routes!(camera::cameras)),
        || personal(Operator, routes!(camera::choose)),
        || route(Admin, routes!(calibration::calibrate)),
        || route(Operator, routes!(quality::standing)),
        || route(Operator, routes!(quality::runs)),
        || route(Operator, routes!(quality::runs_csv)),
        || route(Operator, routes!(quality::run)),
        || route(Admin, routes!(quality::define)),
        || route(Admin, routes!(quality::learn)),
        || route(Admin, routes!(quality::retire)),
        || personal(Admin, routes!(quality::open)),
        || route(Admin, routes!(adaptation::adaptation)),
        || route(Admin, routes!(adaptation::next)),
        || route(Admin, routes!(adaptation::learn)),
        || route(Admin, routes!(adaptation::switch)),
        || route(Admin, routes!(admin::users)),
        || personal(Admin, routes!(admin::add_user)),
        || personal(Admin, routes!(admin::change_user)),
        || route(Admin, routes!(admin::tokens)),
        || personal(Admin, routes!(admin::add_token)),
        || personal(Admin, routes!(admin::remove_token)),
        || route(Admin, routes!(trail::audit)),
        || route(Admin, routes!(trail::csv)),
        || route(Admin, routes!(trail::jsonl)),
        || route(Operator, routes!(keeping::keeping)),
        || route(Operator, routes!(health::health)),
        || route(Admin, routes!(support::bundle)),
        || route(Operator, routes!(practice::practice)),
        || route(Operator, routes!(practice::begin)),
        || route(Operator, routes!(practice::cell)),
        || route(Operator, routes!(practice::answer)),
        || scraped(Operator, routes!(monitoring::figures)),
        || route(None, routes!(monitoring::alive)),
        || route(None, routes!(monitoring::ready)),
    ];
    table.to_vec()
}

/// Every route with its role check and description.
pub(super) fn declared() -> OpenApiRouter<SharedApp> {
    table().into_iter().fold(OpenApiRouter::with_openapi(openapi::frame()), |router, make| {
        let Route { needs, declared: (schemas, mut paths, handlers) } = make();
        openapi::describe(&mut paths, needs);
        router.routes((schemas, paths, checked(handlers, needs)))
    })
}

/// Handlers behind the check of the caller's role.
fn checked(handlers: MethodRouter<SharedApp>, needs: Needs) -> MethodRouter<SharedApp> {
    handlers.layer(middleware::from_fn_with_state(needs, check_caller))
}

/// Router of the page and the API.
pub(super) fn router(app: SharedApp) -> Router {
    let interface = table().into_iter().fold(OpenApiRouter::new(), |router, make| {
        let Route { needs, declared: (_, paths, handlers) } = make();
        // Without the forms of requests and answers, which only the description names.
        router.routes((Vec::new(), paths, checked(handlers, needs)))
    });
    Router::from(interface)
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

/// Lets a request through if the caller has the role and, where a person is needed, is no program.
async fn check_caller(State(needs): State<Needs>, request: Request, next: Next) -> Result<Response, ApiError> {
    let Some(needed) = needs.role else { return Ok(next.run(request).await) };
    if needs.or_scraper && request.extensions().get::<Scraper>().is_some() {
        return Ok(next.run(request).await);
    }
    let caller = request.extensions().get::<Caller>().ok_or_else(ApiError::log_in)?;
    if needs.person && matches!(caller.how, How::Token(_)) {
        return Err(ApiError::may_not(
            "only a person signs, amends or changes users, passwords and tokens; log in with name and password",
        ));
    }
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
