//! Administration: users, and tokens for programs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking, blocking_in};
use super::error::{ApiError, Body, Path};
use super::guard::{Caller, How};
use crate::store::records::{Role, User};

/// All users.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Users {
    /// Sorted by name.
    users: Vec<User>,
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    /// 1 to 32 letters, digits, `.`, `-` or `_`.
    name: String,
    role: Role,
    /// At least 12 characters, and not one that anybody would try.
    password: String,
}

/// Changes to a user; fields left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedUser {
    role: Option<Role>,
    /// Whether the user may log in. Users cannot be deleted, because the audit trail names them.
    enabled: Option<bool>,
    /// At least 12 characters, and not one that anybody would try. Ends every login of the user.
    password: Option<String>,
}

/// All tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tokens {
    /// Sorted by name, without their secrets.
    tokens: Vec<User>,
}

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    /// 1 to 32 letters, digits, `.`, `-` or `_`.
    name: String,
    role: Role,
}

/// A token's secret.
#[derive(Serialize, ToSchema)]
pub(super) struct Secret {
    /// Send it as `Authorization: Bearer …`. It is not stored and cannot be shown again.
    token: String,
}

/// All users.
#[utoipa::path(get, path = "/api/users", tag = "admin", responses((status = 200, body = Users)))]
pub(super) async fn users(State(app): State<SharedApp>) -> Result<Json<Users>, ApiError> {
    let users = blocking(&app, |app: &App| app.store.users()).await?;
    Ok(Json(Users { users }))
}

/// Add a user.
#[utoipa::path(post, path = "/api/users", tag = "admin", request_body = NewUser, responses(
    (status = 201, description = "The user may log in"),
))]
pub(super) async fn add_user(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(NewUser { name, role, password }): Body<NewUser>,
) -> Result<StatusCode, ApiError> {
    let turn = app.password_permit().await?;
    let add = move |app: &App| app.store.add_user(&name, role, &password, &caller.by(), Timestamp::now());
    blocking_in(&app, turn, add).await.map(|()| StatusCode::CREATED)
}

/// Change a user.
#[utoipa::path(patch, path = "/api/users/{name}", tag = "admin", params(("name" = String, Path)),
    request_body = ChangedUser, responses((status = 204, description = "It holds from now on")))]
pub(super) async fn change_user(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
    Body(ChangedUser { role, enabled, password }): Body<ChangedUser>,
) -> Result<StatusCode, ApiError> {
    let own = matches!(caller.how, How::Login(_)) && caller.name == name;
    if own && (enabled == Some(false) || role.is_some_and(|role| role < Role::Admin)) {
        let words = "nobody takes admin rights from themselves, so that one admin is left: ask another one";
        return Err(ApiError::wrong(StatusCode::CONFLICT, words));
    }
    let of_password = password.is_some();
    let change = move |app: &App| {
        if app.store.user(&name)?.is_none() {
            return Err(ApiError::not_found("there is no such user"));
        }
        app.store.set_user(&name, role, enabled, password.as_deref(), &caller.by(), Timestamp::now())?;
        Ok(StatusCode::NO_CONTENT)
    };
    if of_password {
        let turn = app.password_permit().await?;
        blocking_in(&app, turn, change).await
    } else {
        blocking(&app, change).await
    }
}

/// All tokens.
#[utoipa::path(get, path = "/api/tokens", tag = "admin", responses((status = 200, body = Tokens)))]
pub(super) async fn tokens(State(app): State<SharedApp>) -> Result<Json<Tokens>, ApiError> {
    let tokens = blocking(&app, |app: &App| app.store.tokens()).await?;
    Ok(Json(Tokens { tokens }))
}

/// Make a token for a program.
#[utoipa::path(post, path = "/api/tokens", tag = "admin", request_body = NewToken, responses(
    (status = 201, body = Secret),
))]
pub(super) async fn add_token(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(NewToken { name, role }): Body<NewToken>,
) -> Result<(StatusCode, Json<Secret>), ApiError> {
    let add = move |app: &App| app.store.add_token(&name, role, &caller.by(), Timestamp::now());
    let token = blocking(&app, add).await?;
    Ok((StatusCode::CREATED, Json(Secret { token })))
}

/// Revoke a token.
#[utoipa::path(delete, path = "/api/tokens/{name}", tag = "admin", params(("name" = String, Path)), responses(
    (status = 204, description = "It is worth nothing any more"),
))]
pub(super) async fn remove_token(
    State(app): State<SharedApp>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let remove = move |app: &App| app.store.remove_token(&name, &caller.by(), Timestamp::now());
    if blocking(&app, remove).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found("there is no such token"))
    }
}
