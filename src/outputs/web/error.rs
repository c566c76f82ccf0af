//! Error answers (a status and a sentence for a person), and extractors for request data.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::app::SharedApp;
use crate::station::requests::NotPassedOn;
use crate::store::{ReviewError, StoreError};

/// Longest request body, bytes.
pub(super) const LONGEST_BODY: usize = 64 * 1024;

/// Why a request failed.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: Code,
    words: String,
    wait: Option<Duration>,
}

/// Body of every error answer.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct ErrorBody {
    /// Sentence for a person: what is wrong, and what to do.
    pub(super) error: String,
    /// Kind of error, for programs and for texts in other languages.
    pub(super) code: Code,
    /// Seconds after which to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u64>,
}

/// Kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = ErrorCode)]
pub(super) enum Code {
    /// Nobody is logged in, or the token is not valid.
    LoginNeeded,
    /// The caller's role does not allow this.
    MayNot,
    /// Name or password is wrong.
    WrongLogin,
    /// The password asked for again is wrong.
    WrongPassword,
    /// Too many passwords were wrong.
    Throttled,
    /// The result is signed.
    Signed,
    /// The session has no result yet.
    NotDone,
    /// The data changed since the client last read it.
    Changed,
    /// Another version amends the result already.
    Amended,
    /// Two persons sign the result, and this one did already.
    SecondNeeded,
    /// The second reviewer differs from the first, and no comment says why.
    Differ,
    /// Cells that somebody must look at were not, and no comment says why.
    Unexplained,
    /// It was not counted from a slide under a microscope, and the station is not for training.
    NotReal,
    /// No such thing.
    NotFound,
    /// Busy; try again in a moment.
    Busy,
    /// The request is malformed or asks for something not allowed; the sentence says how.
    Request,
    /// The store cannot be read or written; the sentence says why.
    Store,
    /// A fault of the program.
    Internal,
    /// The request comes from a page of another site.
    OtherSite,
    /// The session is a control.
    Control,
    /// The control has not passed, and no admin said why.
    ControlNotPassed,
    /// Not possible while a count runs.
    Counting,
    /// Not possible while no sample is being counted.
    NoCount,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: Code, words: impl Into<String>) -> Self {
        Self { status, code, words: words.into(), wait: None }
    }

    /// The request itself is wrong.
    pub(super) fn wrong(status: StatusCode, words: impl Into<String>) -> Self {
        Self::new(status, Code::Request, words)
    }

    /// 400, for wrong requests that no other status describes better.
    pub(super) fn request(words: impl Into<String>) -> Self {
        Self::wrong(StatusCode::BAD_REQUEST, words)
    }

    /// 401.
    pub(super) fn log_in() -> Self {
        let words = "log in first, or send a token that is known here";
        Self::new(StatusCode::UNAUTHORIZED, Code::LoginNeeded, words)
    }

    /// 401 for a failed login.
    pub(super) fn wrong_login() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::WrongLogin, "name or password are wrong")
    }

    /// 403 for a wrong password asked for again: the login itself stays valid.
    pub(super) fn wrong_password() -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::WrongPassword, "the password is wrong")
    }

    /// 403.
    pub(super) fn may_not(words: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::MayNot, words)
    }

    /// 403.
    pub(super) fn other_site(words: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::OtherSite, words)
    }

    /// 404.
    pub(super) fn not_found(words: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, words)
    }

    /// 429 with the time to wait.
    pub(super) fn too_often(wait: Duration) -> Self {
        let minutes = wait.as_secs().div_ceil(60).max(1);
        let words = format!("too many wrong passwords; try again in {minutes} min");
        Self { wait: Some(wait), ..Self::new(StatusCode::TOO_MANY_REQUESTS, Code::Throttled, words) }
    }

    /// 503.
    pub(super) fn busy(words: impl Into<String>) -> Self {
        let wait = Some(Duration::from_secs(2));
        Self { wait, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, words) }
    }

    /// 503 for a login that others keep waiting.
    pub(super) fn many_log_in() -> Self {
        Self::busy("many log in at once; wait a moment and try again")
    }

    /// 500. Details are in the log.
    pub(super) fn internal(problem: &dyn std::fmt::Display) -> Self {
        log::error!("page: {problem}");
        let words = "this did not work; the log of the station says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, words)
    }
}

impl From<NotPassedOn> for ApiError {
    fn from(problem: NotPassedOn) -> Self {
        let words = problem.to_string();
        match problem {
            NotPassedOn::Busy | NotPassedOn::Ending => Self::busy(words),
            NotPassedOn::NoCount => Self::new(StatusCode::CONFLICT, Code::NoCount, words),
            NotPassedOn::Counting => Self::new(StatusCode::CONFLICT, Code::Counting, words),
            NotPassedOn::OtherSample(_) => Self::new(StatusCode::CONFLICT, Code::Request, words),
            NotPassedOn::Sample(_) | NotPassedOn::Nameless => Self::request(words),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(problem: StoreError) -> Self {
        let (status, code) = match &problem {
            StoreError::Review(why) => match why {
                ReviewError::Signed(_) => (StatusCode::CONFLICT, Code::Signed),
                ReviewError::Counting(_) | ReviewError::Interrupted(_) => (StatusCode::CONFLICT, Code::NotDone),
                ReviewError::Changed(_) => (StatusCode::CONFLICT, Code::Changed),
                ReviewError::SecondNeeded(_) => (StatusCode::CONFLICT, Code::SecondNeeded),
                ReviewError::Differ(..) => (StatusCode::CONFLICT, Code::Differ),
                ReviewError::Amended(..) => (StatusCode::CONFLICT, Code::Amended),
                ReviewError::Control(_) => (StatusCode::CONFLICT, Code::Control),
                ReviewError::Unexplained(..) => (StatusCode::CONFLICT, Code::Unexplained),
                ReviewError::NotReal(..) => (StatusCode::CONFLICT, Code::NotReal),
                ReviewError::NoSession(_) | ReviewError::NoCell(..) => (StatusCode::NOT_FOUND, Code::NotFound),
            },
            StoreError::Refused(_) => (StatusCode::CONFLICT, Code::Request),
            _ => {
                log::error!("page: {problem}");
                // Disk trouble is for the person at the device to fix.
                (StatusCode::INTERNAL_SERVER_ERROR, Code::Store)
            }
        };
        Self::new(status, code, problem.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self.wait.map(|wait| wait.as_secs_f64().ceil().max(1.0) as u64);
        let body = ErrorBody { error: self.words, code: self.code, retry_after };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// JSON body. It must arrive within the server's time limit for bodies.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<SharedApp> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &SharedApp) -> Result<Self, ApiError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Forms of other sites can send text and form fields without a CORS preflight, but not JSON.
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            let words = "the body must be JSON, with Content-Type: application/json";
            return Err(ApiError::wrong(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
        }
        let Ok(read) = timeout(app.timeouts.body, Bytes::from_request(request, app)).await else {
            return Err(ApiError::wrong(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"));
        };
        let bytes = read.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                too_long()
            } else {
                ApiError::request("the body broke off")
            }
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|problem| ApiError::request(format!("the body: {problem}")))
    }
}

/// Refuses a body by its announced length, before reading any of it.
pub(super) fn check_length(headers: &HeaderMap) -> Result<(), ApiError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LONGEST_BODY as u64) { Err(too_long()) } else { Ok(()) }
}

fn too_long() -> ApiError {
    ApiError::wrong(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {LONGEST_BODY} bytes"))
}

/// Path parameters.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<SharedApp> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, ApiError> {
        let found: Result<_, PathRejection> = axum::extract::Path::from_request_parts(parts, app).await;
        let found = found.map_err(|_| ApiError::not_found("there is nothing of this number or name"))?;
        Ok(Self(found.0))
    }
}

/// Query parameters.
#[derive(Debug)]
pub(super) struct QueryParameters<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<SharedApp> for QueryParameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedApp) -> Result<Self, ApiError> {
        // Search forms send their empty fields, too.
        let said: Vec<&str> =
            parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.ends_with('=')).collect();
        let wrong = |words: String| ApiError::request(format!("behind the question mark: {words}"));
        let uri: Uri = format!("/?{}", said.join("&")).parse().map_err(|_| wrong("this cannot be read".to_owned()))?;
        let found: Result<_, QueryRejection> = axum::extract::Query::try_from_uri(&uri);
        found.map(|found| Self(found.0)).map_err(|rejection| wrong(rejection.body_text()))
    }
}
