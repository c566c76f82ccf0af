//! What the handlers declare put together, with the role that the table of routes adds; and the test that it is `openapi.json`.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Paths};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

use super::super::error::ErrorBody;
use super::super::guard::COOKIE_NAME;
use super::super::routes::{Needs, declared};
use super::super::stream::StateMessage;
use crate::station::live_view::{BoxMessage, ViewMessage};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "leukoscope",
        description = "The interface of one station. Every answer that is an error is JSON with a sentence for a person and a code. \
                       Requests that change something must be JSON, and with a cookie must say their Origin. Screening \
                       support, not a diagnosis."
    ),
    components(schemas(ErrorBody, StateMessage<'static>, ViewMessage, BoxMessage))
)]
struct Frame;

fn described() -> utoipa::openapi::OpenApi {
    declared().into_openapi()
}

/// The description without its paths: title, messages of the stream, and the two ways to log in.
pub(in super::super) fn frame() -> utoipa::openapi::OpenApi {
    let mut api = Frame::openapi();
    let components = api.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE_NAME)));
    let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("login", cookie);
    components.add_security_scheme("token", token);
    api
}

/// Adds what all routes share: the role needed, and the form of errors.
pub(in super::super) fn describe(paths: &mut Paths, needs: Needs) {
    for item in paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten();
        for operation in operations {
            describe_needs(operation, needs);
            let error = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
            let response = ResponseBuilder::new().description("Not done").content("application/json", error).build();
            operation.responses.responses.entry("default".into()).or_insert(RefOr::T(response));
        }
    }
}

fn describe_needs(operation: &mut Operation, needs: Needs) {
    let Some(role) = needs.role else { return };
    let person = if needs.person { " No token." } else { "" };
    let scraper = if needs.or_scraper { " Or the secret in [metrics] token." } else { "" };
    let role = format!("Role: {}.{person}{scraper}", role.word());
    operation.description = Some(match operation.description.take() {
        Some(words) => format!("{words}\n\n{role}"),
        None => role,
    });
    let by = |name: &str| SecurityRequirement::new(name, Vec::<String>::new());
    let programs = (!needs.person).then(|| by("token"));
    operation.security = Some(std::iter::once(by("login")).chain(programs).collect());
}

/// `UPDATE_OPENAPI=1 cargo test --lib openapi` writes the file anew.
#[test]
fn the_file_is_what_the_handlers_declare() {
    // A line for each value, so that changes are read line by line; indentation would be two fifths of the bytes, and is in every program.
    let mut declared = Vec::new();
    let lines = PrettyFormatter::with_indent(b"");
    described().serialize(&mut Serializer::with_formatter(&mut declared, lines)).unwrap();
    declared.push(b'\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outputs/web/openapi/openapi.json");
        fs::write(path, declared).unwrap();
        return;
    }
    assert!(declared == super::DOCUMENT.as_bytes(), "a handler changed: UPDATE_OPENAPI=1 cargo test --lib openapi");
}

#[test]
fn the_description_names_every_route_and_says_who_may() {
    let described = serde_json::to_value(described()).unwrap();
    assert!(described["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(crate::outputs::web::paths().len(), 78);
    let users = &described["paths"]["/api/users"]["post"];
    assert!(users["description"].as_str().unwrap().ends_with("Role: admin. No token."), "{users}");
    assert_eq!(users["security"].as_array().unwrap().len(), 1);
    assert_eq!(described["paths"]["/api/users"]["get"]["security"].as_array().unwrap().len(), 2);
    assert!(described["paths"]["/api/login"]["post"].get("security").is_none());
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
