//! Login, logout, and who the caller is.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use utoipa::ToSchema;

use super::app::{App, PATIENCE, SharedApp, blocking, blocking_in};
use super::error::{ApiError, Body};
use super::guard::{COOKIE_NAME, Caller, How, Peer};
use super::repeats::Event;
use super::throttle::{Attempt, Refused};
use crate::store::StoreError;
use crate::store::records::Role;
use crate::system::zone::{self, ZonePart};

/// Credentials of a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    name: String,
    password: String,
}

/// A user's change of their own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The current password.
    old: String,
    /// At least 12 characters, and not one that anybody would try.
    new: String,
}

/// Who the caller is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// Name of the user or token, `device` at the device itself; null if the caller must log in first.
    name: Option<String>,
    /// Role of the caller.
    role: Option<Role>,
    /// Language of the station; the page prefers its browser's.
    language: String,
    /// Languages that have a catalogue.
    languages: Vec<String>,
    /// Whether nothing is shown without a login.
    login_needed: bool,
    /// Name of the station.
    station: String,
    /// Whether the station is for training.
    training: bool,
    /// Offsets of the station's time zone, in their order, for a page that shows its times.
    zone: Vec<ZonePart>,
}

/// Log in with name and password.
#[utoipa::path(post, path = "/api/login", tag = "account", request_body = Login, responses(
    (status = 204, description = "Logged in; the cookie `leukoscope` says so from now on"),
    (status = 401, description = "Name or password are wrong", body = super::error::ErrorBody),
    (status = 429, description = "Too many wrong passwords; Retry-After says when to try again",
        body = super::error::ErrorBody),
))]
pub(super) async fn login(
    State(app): State<SharedApp>,
    Peer(address): Peer,
    before: Option<Caller>,
    Body(Login { name, password }): Body<Login>,
) -> Result<Response, ApiError> {
    let of = name.clone();
    let work = move |app: &App| app.store.log_in(&of, &password);
    let (user, stamp) = try_password(&app, &name, address, work).await?.ok_or_else(ApiError::wrong_login)?;
    // Noted before anything is shown.
    let event = Event::new("login", Some(user.name.clone()), address);
    blocking(&app, move |app: &App| app.note_repeat(event)).await?;
    let cookie = {
        let mut logins = app.logins();
        // Ends the login this browser had before, which may be somebody else's.
        if let Some(Caller { how: How::Login(id), .. }) = before {
            logins.end(&id);
        }
        logins.begin(&user.name, stamp, Instant::now()).map_err(|problem| ApiError::internal(&problem))?
    };
    log::info!("page: {} logged in from {address}", user.name);
    with_cookie(&app, &cookie, "")
}

/// How often an attempt asks again while others like it are being checked.
const LOOK: Duration = Duration::from_millis(50);

/// Runs `work`, which checks a password of this user, once a permit is free. `None` means the password was wrong.
/// Every wrong password counts towards the limits, wherever it came from, and nothing else does.
pub(super) async fn try_password<T: Send + 'static>(
    app: &SharedApp,
    name: &str,
    address: IpAddr,
    work: impl FnOnce(&App) -> Result<Option<T>, StoreError> + Send + 'static,
) -> Result<Option<T>, ApiError> {
    let attempt = admitted(app, name, address).await?;
    let turn = app.password_permit().await?;
    let checked = blocking_in(app, turn, move |app: &App| {
        let checked = work(app);
        // Here, so that it counts even if whoever asked has hung up.
        if let Ok(found) = &checked {
            attempt.settle(found.is_some());
        }
        checked
    });
    let checked = checked.await?;
    if checked.is_none() {
        log::warn!("page: a wrong name or password from {address}");
        note_try(app, "wrong password", name, address).await;
    }
    Ok(checked)
}

/// An attempt let through. It counts for nothing if it is dropped before it is settled.
struct Admitted {
    app: SharedApp,
    attempt: Option<Attempt>,
}

impl Admitted {
    fn settle(mut self, right: bool) {
        let Some(attempt) = self.attempt.take() else { return };
        let mut throttle = self.app.throttle();
        if right { throttle.succeeded(&attempt) } else { throttle.failed(&attempt, Instant::now()) }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.app.throttle().not_tried(&attempt);
        }
    }
}

/// Waits up to 10 s while as many passwords of this name or address are being checked as may still be wrong.
async fn admitted(app: &SharedApp, name: &str, address: IpAddr) -> Result<Admitted, ApiError> {
    let asked = Instant::now();
    loop {
        let attempt = app.throttle().attempt(name, address, Instant::now());
        match attempt {
            Ok(attempt) => return Ok(Admitted { app: SharedApp::clone(app), attempt: Some(attempt) }),
            Err(Refused::Throttled(wait)) => {
                note_try(app, "login held up", name, address).await;
                return Err(ApiError::too_often(wait));
            }
            Err(Refused::Pending) if asked.elapsed() >= PATIENCE => return Err(ApiError::many_log_in()),
            Err(Refused::Pending) => sleep(LOOK).await,
        }
    }
}

/// Notes a try that failed. It fails whether or not it can be noted.
async fn note_try(app: &SharedApp, action: &'static str, name: &str, address: IpAddr) {
    let name = name.to_owned();
    let noted = blocking(app, move |app: &App| app.note_try(action, &name, address)).await;
    if noted.is_err() {
        log::error!("page: a {action} from {address} could not be written to the audit trail");
    }
}

/// Change one's own password. Ends every other login of the user.
#[utoipa::path(put, path = "/api/me/password", tag = "account", request_body = NewPassword, responses(
    (status = 204, description = "It holds; this login goes on"),
    (status = 403, description = "The old password is wrong, or a token asks", body = super::error::ErrorBody),
    (status = 429, description = "Too many wrong passwords; Retry-After says when to try again",
        body = super::error::ErrorBody),
))]
pub(super) async fn change_password(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(NewPassword { old, new }): Body<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let id = match caller.how {
        How::Login(id) => id,
        How::AtDevice => return Err(ApiError::log_in()),
        How::Token(_) => return Err(ApiError::may_not("a token has no password; log in with name and password")),
    };
    let name = caller.name.clone();
    let work = move |app: &App| {
        let stamp = app.store.change_password(&name, &old, &new, Timestamp::now())?;
        // All other logins end, because their stamp no longer matches.
        Ok(stamp.map(|stamp| app.logins().goes_on(&id, stamp)))
    };
    try_password(&app, &caller.name, caller.address, work).await?.ok_or_else(ApiError::wrong_password)?;
    log::info!("page: {} has another password", caller.name);
    Ok(StatusCode::NO_CONTENT)
}

/// Log out.
#[utoipa::path(post, path = "/api/logout", tag = "account", responses(
    (status = 204, description = "The cookie is worth nothing any more"),
))]
pub(super) async fn logout(State(app): State<SharedApp>, caller: Option<Caller>) -> Result<Response, ApiError> {
    if let Some(Caller { name, how: How::Login(id), address, .. }) = caller {
        app.logins().end(&id);
        let event = Event::new("logout", Some(name), address);
        if blocking(&app, move |app: &App| app.note_repeat(event)).await.is_err() {
            log::error!("page: a logout from {address} could not be written to the audit trail");
        }
    }
    with_cookie(&app, "", "; Max-Age=0")
}

/// Who the caller is, and what the page needs before anything else.
#[utoipa::path(get, path = "/api/me", tag = "account", responses((status = 200, body = Me)))]
pub(super) async fn me(State(app): State<SharedApp>, caller: Option<Caller>) -> Result<Json<Me>, ApiError> {
    let languages = blocking(&app, |app: &App| Ok::<_, ApiError>(app.catalogues.languages())).await?;
    let (name, role) = caller.map(|caller| (caller.name, caller.role)).unzip();
    Ok(Json(Me {
        name,
        role,
        language: app.language.clone(),
        languages,
        login_needed: app.login_needed,
        station: app.station.clone(),
        training: app.in_force.now().settings.training,
        zone: zone::parts(Timestamp::now()),
    }))
}

/// 204 with a cookie that scripts cannot read and other sites cannot send.
fn with_cookie(app: &App, value: &str, more: &str) -> Result<Response, ApiError> {
    let secure = if app.tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={value}; HttpOnly; SameSite=Strict; Path=/{secure}{more}");
    let cookie = HeaderValue::try_from(cookie).map_err(|problem| ApiError::internal(&problem))?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response())
}
