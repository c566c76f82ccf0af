//! Logging in and out, and who one is.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::app::{App, Shared, blocking};
use super::error::{ApiError, Body};
use super::guard::{COOKIE_NAME, Caller, How, Peer};
use crate::store::records::{Role, User};

/// How long somebody waits while others' passwords are looked at.
const PATIENCE: Duration = Duration::from_secs(10);

/// No password is longer, in bytes: hashing takes its time.
const LONGEST_PASSWORD: usize = 1024;

/// Who wants to log in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    name: String,
    password: String,
}

/// Who one is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// Name of the user or token, `device` at the device itself; null for whoever must log in first.
    name: Option<String>,
    /// What the user may do.
    role: Option<Role>,
    /// Language of the station; the page prefers its browser's.
    language: String,
    /// Languages that there are catalogues of.
    languages: Vec<String>,
    /// Whether nothing is shown without a login.
    login_needed: bool,
    /// Name of the station.
    station: String,
}

/// Log in with name and password.
#[utoipa::path(post, path = "/api/login", tag = "account", request_body = Login, responses(
    (status = 204, description = "Logged in; the cookie `leukoscope` says so from now on"),
    (status = 401, description = "Name or password are wrong", body = super::error::ErrorBody),
    (status = 429, description = "Too many wrong passwords; Retry-After says when to try again",
        body = super::error::ErrorBody),
))]
pub(super) async fn login(
    State(app): State<Shared>,
    Peer(address): Peer,
    before: Option<Caller>,
    Body(Login { name, password }): Body<Login>,
) -> Result<Response, ApiError> {
    let user = check_password(&app, &name, password, address).await?;
    let cookie = {
        let mut logins = app.logins();
        // A login that somebody else may have put into this browser ends here.
        if let Some(Caller { how: How::Login(id), .. }) = before {
            logins.end(&id);
        }
        logins.begin(&user.name, Instant::now()).map_err(|problem| ApiError::internal(&problem))?
    };
    log::info!("page: {} logged in from {address}", user.name);
    with_cookie(&app, &cookie, "")
}

/// The user of this name and password; every wrong one counts, from anywhere.
pub(super) async fn check_password(
    app: &Shared,
    name: &str,
    password: String,
    address: IpAddr,
) -> Result<User, ApiError> {
    let wrong = || ApiError::new(StatusCode::UNAUTHORIZED, "name or password are wrong");
    let attempt = app.throttle().attempt(name, address, Instant::now()).map_err(ApiError::too_often)?;
    if password.len() > LONGEST_PASSWORD {
        return Err(wrong());
    }
    let Ok(Ok(turn)) = timeout(PATIENCE, app.passwords.acquire()).await else {
        app.throttle().not_tried(&attempt);
        return Err(ApiError::busy("too many log in at once; try again"));
    };
    let asked = name.to_owned();
    let checked = blocking(app, move |app: &App| app.store.check_password(&asked, &password)).await;
    drop(turn);
    match checked {
        Ok(Some(user)) if user.enabled => {
            app.throttle().succeeded(&attempt);
            Ok(user)
        }
        Ok(_) => {
            log::warn!("page: a wrong name or password from {address}");
            Err(wrong())
        }
        Err(error) => {
            app.throttle().not_tried(&attempt);
            Err(error)
        }
    }
}

/// Log out.
#[utoipa::path(post, path = "/api/logout", tag = "account", responses(
    (status = 204, description = "The cookie is worth nothing any more"),
))]
pub(super) async fn logout(State(app): State<Shared>, caller: Option<Caller>) -> Result<Response, ApiError> {
    if let Some(Caller { how: How::Login(id), .. }) = caller {
        app.logins().end(&id);
    }
    with_cookie(&app, "", "; Max-Age=0")
}

/// Who one is, and what the page must know before anything else.
#[utoipa::path(get, path = "/api/me", tag = "account", responses((status = 200, body = Me)))]
pub(super) async fn me(State(app): State<Shared>, caller: Option<Caller>) -> Result<Json<Me>, ApiError> {
    let languages = blocking(&app, |app: &App| Ok::<_, ApiError>(app.catalogues.languages())).await?;
    let (name, role) = caller.map(|caller| (caller.name, caller.role)).unzip();
    Ok(Json(Me {
        name,
        role,
        language: app.language.clone(),
        languages,
        login_needed: app.login_needed,
        station: app.station.clone(),
    }))
}

/// 204 with a cookie that no script can read and no other site sends.
fn with_cookie(app: &App, value: &str, more: &str) -> Result<Response, ApiError> {
    let secure = if app.tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={value}; HttpOnly; SameSite=Strict; Path=/{secure}{more}");
    let cookie = HeaderValue::try_from(cookie).map_err(|problem| ApiError::internal(&problem))?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}
