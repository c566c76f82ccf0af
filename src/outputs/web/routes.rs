//! Table of all API routes and the role each needs. One table serves the router, the role check and the description.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use utoipa::openapi::HttpMethod;
use utoipa_axum::{PathItemExt as _, paste};

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
    handler: Handler,
}

/// A handler where it says that it is.
struct Handler {
    path: String,
    methods: Vec<HttpMethod>,
    router: MethodRouter<SharedApp>,
    #[cfg(test)]
    described: utoipa_axum::router::UtoipaMethodRouter<SharedApp>,
}

/// The [`Handler`] of this name. What it declares beside path and methods, the forms of all requests and answers, would be a
/// twentieth of the program: it stands in `openapi.json`, and only the test of that file asks for it.
macro_rules! handler {
    ($module:ident :: $name:ident) => {
        paste! {{
            let methods = <$module::[<__path_ $name>] as utoipa::Path>::methods();
            Handler {
                path: <$module::[<__path_ $name>] as utoipa::Path>::path(),
                router: methods.iter().fold(MethodRouter::new(), |router, method| {
                    router.on(method.to_method_filter(), $module::$name)
                }),
                methods,
                #[cfg(test)]
                described: utoipa_axum::routes!($module::$name),
            }
        }}
    };
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

fn route(role: impl Into<Option<Role>>, handler: Handler) -> Route {
    Route { needs: Needs { role: role.into(), person: false, or_scraper: false }, handler }
}

/// A route for collectors of figures, too.
fn scraped(role: Role, handler: Handler) -> Route {
    Route { needs: Needs { role: Some(role), person: false, or_scraper: true }, handler }
}

/// A route for persons only.
fn personal(role: Role, handler: Handler) -> Route {
    Route { needs: Needs { role: Some(role), person: true, or_scraper: false }, handler }
}

/// All API routes.
fn table() -> Vec<Route> {
    use Role::{Admin, Operator, Reviewer};
    vec![
        route(None, handler!(account::login)),
        route(None, handler!(account::logout)),
        route(None, handler!(account::me)),
        personal(Operator, handler!(account::change_password)),
        route(None, handler!(openapi::document)),
        route(Operator, handler!(stream::now)),
        route(Operator, handler!(stream::watch)),
        route(Operator, handler!(stream::command)),
        route(Operator, handler!(worklist::worklist)),
        route(Operator, handler!(worklist::order)),
        route(Operator, handler!(worklist::cancel)),
        route(Operator, handler!(worklist::import)),
        route(Operator, handler!(samples::known)),
        route(Operator, handler!(interrupted::list)),
        route(Operator, handler!(interrupted::resume)),
        route(Operator, handler!(interrupted::close)),
        route(Operator, handler!(sessions::list)),
        route(Operator, handler!(sessions::one)),
        route(Operator, handler!(sessions::cells)),
        route(Reviewer, handler!(review::reclassify)),
        route(Operator, handler!(sessions::crop)),
        route(Operator, handler!(sessions::saliency)),
        route(Operator, handler!(sessions::field)),
        route(Operator, handler!(sessions::field_picture)),
        route(Reviewer, handler!(review::undo)),
        personal(Reviewer, handler!(review::sign)),
        personal(Reviewer, handler!(review::hand_back)),
        route(Operator, handler!(amendment::compare)),
        personal(Reviewer, handler!(amendment::amend)),
        personal(Reviewer, handler!(amendment::withdraw)),
        route(Operator, handler!(alarms::open)),
        personal(Operator, handler!(alarms::acknowledge)),
        route(Operator, handler!(report::pdf)),
        route(Operator, handler!(report::label)),
        route(Operator, handler!(report::csv)),
        route(Operator, handler!(laboratory::laboratory)),
        route(Operator, handler!(report::json)),
        route(Operator, handler!(sessions::classes)),
        route(Operator, handler!(sessions::own_classes)),
        route(Operator, handler!(sessions::red_classes)),
        route(Operator, handler!(references::list)),
        route(Operator, handler!(references::one)),
        route(Operator, handler!(settings::settings)),
        route(Admin, handler!(settings::change)),
        route(Operator, handler!(camera::cameras)),
        personal(Operator, handler!(camera::choose)),
        route(Admin, handler!(calibration::calibrate)),
        route(Operator, handler!(quality::standing)),
        route(Operator, handler!(quality::runs)),
        route(Operator, handler!(quality::runs_csv)),
        route(Operator, handler!(quality::run)),
        route(Admin, handler!(quality::define)),
        route(Admin, handler!(quality::learn)),
        route(Admin, handler!(quality::retire)),
        personal(Admin, handler!(quality::open)),
        route(Admin, handler!(adaptation::adaptation)),
        route(Admin, handler!(adaptation::next)),
        route(Admin, handler!(adaptation::learn)),
        route(Admin, handler!(adaptation::switch)),
        route(Admin, handler!(admin::users)),
        personal(Admin, handler!(admin::add_user)),
        personal(Admin, handler!(admin::change_user)),
        route(Admin, handler!(admin::tokens)),
        personal(Admin, handler!(admin::add_token)),
        personal(Admin, handler!(admin::remove_token)),
        route(Admin, handler!(trail::audit)),
        route(Admin, handler!(trail::csv)),
        route(Admin, handler!(trail::jsonl)),
        route(Operator, handler!(keeping::keeping)),
        route(Operator, handler!(health::health)),
        route(Admin, handler!(support::bundle)),
        route(Operator, handler!(practice::practice)),
        route(Operator, handler!(practice::begin)),
        route(Operator, handler!(practice::cell)),
        route(Operator, handler!(practice::answer)),
        scraped(Operator, handler!(monitoring::figures)),
        route(None, handler!(monitoring::alive)),
        route(None, handler!(monitoring::ready)),
    ]
}

/// Every method and path.
pub(super) fn paths() -> Vec<(&'static str, String)> {
    let methods = |Route { handler: Handler { path, methods, .. }, .. }: Route| {
        methods.into_iter().map(move |method| (word(&method), path.clone()))
    };
    table().into_iter().flat_map(methods).collect()
}

fn word(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Delete => "delete",
        HttpMethod::Options => "options",
        HttpMethod::Head => "head",
        HttpMethod::Patch => "patch",
        HttpMethod::Trace => "trace",
    }
}

/// Every route with its description.
#[cfg(test)]
pub(super) fn declared() -> utoipa_axum::router::OpenApiRouter<SharedApp> {
    use utoipa_axum::router::OpenApiRouter;
    table().into_iter().fold(OpenApiRouter::with_openapi(openapi::frame()), |router, Route { needs, handler }| {
        let (schemas, mut paths, handlers) = handler.described;
        openapi::describe(&mut paths, needs);
        router.routes((schemas, paths, handlers))
    })
}

/// Handlers behind the check of the caller's role.
fn checked(handlers: MethodRouter<SharedApp>, needs: Needs) -> MethodRouter<SharedApp> {
    handlers.layer(middleware::from_fn_with_state(needs, check_caller))
}

/// Router of the page and the API.
pub(super) fn router(app: SharedApp) -> Router {
    table()
        .into_iter()
        .fold(Router::new(), |router, Route { needs, handler }| {
            router.route(&handler.path, checked(handler.router, needs))
        })
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
