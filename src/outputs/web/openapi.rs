//! The description of the interface, `OpenAPI` 3.1: each handler tells its own part, and the table of routes who may.

use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

use super::error::ErrorBody;
use super::guard::COOKIE_NAME;
use super::routes::routes;
use super::stream::StateMessage;
use super::{account, admin, calibration, report, review, sessions, settings, stream};
use crate::station::live_view::{BoxMessage, ViewMessage};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "leukoscope",
        description = "The interface of one station. Every answer that is an error is JSON with a sentence for a person and a code. \
                       Requests that change something must be JSON, and with a cookie must say their Origin. Screening \
                       support, not a diagnosis."
    ),
    paths(
        account::login,
        account::logout,
        account::me,
        account::change_password,
        document,
        stream::now,
        stream::watch,
        stream::command,
        sessions::list,
        sessions::one,
        sessions::cells,
        sessions::crop,
        sessions::saliency,
        sessions::classes,
        review::reclassify,
        review::undo,
        review::sign,
        report::pdf,
        report::csv,
        report::json,
        settings::settings,
        settings::change,
        calibration::calibrate,
        admin::users,
        admin::add_user,
        admin::change_user,
        admin::tokens,
        admin::add_token,
        admin::remove_token,
        admin::audit,
    ),
    components(schemas(ErrorBody, StateMessage<'static>, ViewMessage, BoxMessage))
)]
struct Described;

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "account", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object),
))]
pub(super) async fn document() -> Response {
    axum::Json(described()).into_response()
}

/// The description, with who may do what and how errors look, which hold for all alike.
pub(super) fn described() -> utoipa::openapi::OpenApi {
    let mut api = Described::openapi();
    let components = api.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE_NAME)));
    let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("login", cookie);
    components.add_security_scheme("token", token);
    for route in routes() {
        let Some(item) = api.paths.paths.get_mut(route.path) else { continue };
        let operation = match route.method {
            "get" => &mut item.get,
            "post" => &mut item.post,
            "put" => &mut item.put,
            "patch" => &mut item.patch,
            _ => &mut item.delete,
        };
        let Some(operation) = operation else { continue };
        tell_role(operation, &route);
        let error = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
        let response = ResponseBuilder::new().description("Not done").content("application/json", error).build();
        operation.responses.responses.entry("default".into()).or_insert(RefOr::T(response));
    }
    api
}

fn tell_role(operation: &mut Operation, route: &super::routes::Route) {
    let Some(role) = route.role else { return };
    let role = format!("Role: {}.", role.word());
    operation.description = Some(match operation.description.take() {
        Some(words) => format!("{words}\n\n{role}"),
        None => role,
    });
    let by = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    operation.security = Some(vec![by("login"), by("token")]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_way_in_is_described_and_nothing_else() {
        let described = serde_json::to_value(described()).unwrap();
        assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
        let of_path = |(path, item): (&String, &serde_json::Value)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters").cloned();
            methods.map(|method| (method, path.clone())).collect::<Vec<_>>()
        };
        let told: BTreeSet<_> = described["paths"].as_object().unwrap().iter().flat_map(of_path).collect();
        let there: BTreeSet<_> =
            routes().iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
        assert_eq!(told, there);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_error_has_its_form() {
        let text = serde_json::to_string(&described()).unwrap();
        let described: serde_json::Value = serde_json::from_str(&text).unwrap();
        for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(described.pointer(reference).is_some(), "{reference}");
        }
        let error = &described["components"]["schemas"]["Error"];
        assert_eq!(error["required"], serde_json::json!(["error", "code"]));
        assert_eq!(error["properties"]["error"]["type"], "string");
        for (path, item) in described["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let form = &operation["responses"]["default"]["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(form, "#/components/schemas/Error", "{method} {path}");
            }
        }
    }
}
