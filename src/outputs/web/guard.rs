//! Checks before any request is answered: is the host name ours, does the request come from our own page, and who
//! asks.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::header::{self, AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN, UPGRADE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, check_length};
use super::logins::LoginId;
use super::network::host;
use crate::store::records::{Role, User};
use crate::store::token_hash;

/// Name of the cookie.
pub(super) const COOKIE_NAME: &str = "leukoscope";

/// Who sent the request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) how: How,
    pub(super) address: IpAddr,
}

/// How the caller is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// At the device itself nobody logs in.
    AtDevice,
    /// By a cookie.
    Login(LoginId),
    /// By a token; this is the hash of its secret.
    Token(String),
}

impl Caller {
    /// Name for the audit trail. Tokens are marked, so that none passes for a user of the same name.
    pub(super) fn by(&self) -> String {
        if matches!(self.how, How::Token(_)) { format!("token:{}", self.name) } else { self.name.clone() }
    }
}

/// A collector of figures, known by the secret in `[metrics] token`. It is no caller: it may do nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scraper;

/// Address of the client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl FromRequestParts<SharedApp> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedApp) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::log_in)
    }
}

impl OptionalFromRequestParts<SharedApp> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &SharedApp) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

impl FromRequestParts<SharedApp> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &SharedApp) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().copied().ok_or_else(|| ApiError::internal(&"a request without an address"))
    }
}

/// Lets a request through or refuses it, and adds security headers to the answer.
pub(super) async fn guard(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let api = is_interface(request.uri().path());
    let mut response = match authenticate(&app, peer, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    set_security_headers(response.headers_mut(), api);
    response
}

async fn authenticate(app: &SharedApp, peer: SocketAddr, request: &mut Request) -> Result<(), ApiError> {
    let address = peer.ip().to_canonical();
    request.extensions_mut().insert(Peer(address));
    let headers = request.headers();
    let host = one(headers, &HOST)?.ok_or_else(|| ApiError::request("the request names no host"))?;
    // A target with another host than the Host header's is meant for a proxy, and this is none.
    if request.uri().authority().is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host)) {
        return Err(ApiError::request("the request names two hosts"));
    }
    if !app.login_needed && !is_this_device(host) {
        let words = "this page is for this device only, as 127.0.0.1 or localhost; see [web] listen";
        return Err(ApiError::wrong(StatusCode::MISDIRECTED_REQUEST, words));
    }
    check_length(headers)?;
    let cookie = cookie(headers);
    let bearer = one(headers, &AUTHORIZATION)?;
    let path = request.uri().path();
    let asked = RequestTarget { tls: app.tls, method: request.method(), path, host };
    asked.same_site(headers, cookie.is_some() && bearer.is_none())?;
    let caller = if !is_interface(path) {
        None
    } else if let Some(bearer) = bearer {
        let hash = hash_of(bearer)?;
        if app.scrape_token.as_ref().is_some_and(|token| token.has_hash(&hash)) {
            app.connections.known(address);
            request.extensions_mut().insert(Scraper);
            return Ok(());
        }
        Some(by_token(app, hash, address).await?)
    } else {
        match cookie {
            Some(cookie) => by_cookie(app, cookie, address, is_by_person(path)).await?,
            None => None,
        }
    };
    if caller.is_some() {
        app.connections.known(address);
    }
    let at_device = || Caller { name: "device".into(), role: Role::Operator, how: How::AtDevice, address };
    if let Some(caller) = caller.or_else(|| (!app.login_needed).then(at_device)) {
        request.extensions_mut().insert(caller);
    }
    Ok(())
}

/// Whether a path is for programs, rather than a file of the page.
fn is_interface(path: &str) -> bool {
    path.starts_with("/api/") || matches!(path, "/metrics" | "/healthz" | "/readyz")
}

/// Whether a request for this path shows that a person is active. What the page requests on its own does not count,
/// nor does its stream, which it reopens whenever that ends.
fn is_by_person(path: &str) -> bool {
    !matches!(
        path,
        "/api/me"
            | "/api/alarms"
            | "/api/live"
            | "/api/live/stream"
            | "/api/health"
            | "/api/openapi.json"
            | "/metrics"
            | "/healthz"
            | "/readyz"
    )
}

/// Parts of a request the check needs.
struct RequestTarget<'a> {
    tls: bool,
    method: &'a Method,
    path: &'a str,
    host: &'a str,
}

impl RequestTarget<'_> {
    /// Refuses requests that a page of another site can make a browser send.
    fn same_site(&self, headers: &HeaderMap, by_cookie: bool) -> Result<(), ApiError> {
        let refused = || ApiError::other_site("this request comes from the page of another site");
        let changes = !matches!(*self.method, Method::GET | Method::HEAD) || headers.contains_key(UPGRADE);
        // Following a link to the page does no harm, but at the device nobody logs in, so paths below it must stay
        // closed.
        let link = self.path == "/" && !changes;
        if let Some(site) = headers.get("sec-fetch-site")
            && !matches!(site.as_bytes(), b"same-origin" | b"none")
            && !link
        {
            return Err(refused());
        }
        if !changes {
            return Ok(());
        }
        match one(headers, &ORIGIN)? {
            Some(origin) => {
                let ours = origin.split_once("://").is_some_and(|(scheme, of)| {
                    scheme == if self.tls { "https" } else { "http" } && of.eq_ignore_ascii_case(self.host)
                });
                if ours { Ok(()) } else { Err(refused()) }
            }
            // Browsers always send an origin with such a request, and programs other than browsers have no cookie.
            None if by_cookie => Err(ApiError::other_site("a request with a cookie must say its Origin")),
            None => Ok(()),
        }
    }
}

/// The hash of the secret in a header `Authorization`.
fn hash_of(bearer: &str) -> Result<String, ApiError> {
    let (scheme, secret) = bearer.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") || secret.len() > 256 {
        return Err(ApiError::log_in());
    }
    Ok(token_hash(secret.trim()))
}

async fn by_token(app: &SharedApp, hash: String, address: IpAddr) -> Result<Caller, ApiError> {
    let of = hash.clone();
    let user = blocking(app, move |app: &App| app.store.token_by_hash(&of)).await?;
    let User { name, role, .. } = user.ok_or_else(ApiError::log_in)?;
    if !app.used_tokens().contains(&hash) {
        let (name, hash) = (name.clone(), hash.clone());
        blocking(app, move |app: &App| {
            app.store.note_token_use(&name, &hash, &json!({"from": host(address)}), Timestamp::now())?;
            app.used_tokens().insert(hash);
            Ok::<_, ApiError>(())
        })
        .await?;
    }
    Ok(Caller { name, role, how: How::Token(hash), address })
}

async fn by_cookie(
    app: &SharedApp,
    cookie: &str,
    address: IpAddr,
    by_person: bool,
) -> Result<Option<Caller>, ApiError> {
    let found = app.logins().find(cookie, Instant::now(), by_person);
    let Some((id, name)) = found else { return Ok(None) };
    let user = user_of(app, id, name).await?;
    Ok(user.map(|User { name, role, .. }| Caller { name, role, how: How::Login(id), address }))
}

/// The user of a login. Looked up for each request, so that disabling a user or changing their role or password takes
/// effect at once, whichever process did it.
pub(super) async fn user_of(app: &SharedApp, id: LoginId, name: String) -> Result<Option<User>, ApiError> {
    // Twice: a user's own password change may fall between reading the account and reading the login; the second try
    // sees both.
    for _ in 0..2 {
        let asked = name.clone();
        let account = blocking(app, move |app: &App| app.store.account(&asked)).await?;
        let borne = account.filter(|(user, stamp)| user.enabled && app.logins().bears(&id, *stamp));
        if let Some((user, _)) = borne {
            return Ok(Some(user));
        }
    }
    app.logins().end(&id);
    Ok(None)
}

/// Whether the Host header names this device by its loopback address. Any other name may be another site's, pointed
/// at this address (DNS rebinding).
fn is_this_device(host: &str) -> bool {
    if let Ok(address) = host.parse::<SocketAddr>() {
        return address.ip().is_loopback();
    }
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    }
    let (name, port) = host.split_once(':').unwrap_or((host, "0"));
    port.parse::<u16>().is_ok()
        && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

/// Value of a header that may occur once, as text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text)),
        _ => Err(ApiError::request(format!("the header {name} must come once, as plain text"))),
    }
}

/// The login cookie, if one was sent.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ours = all
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE_NAME).then_some(value));
    ours.next()
}

/// Sets the security headers of every answer.
fn set_security_headers(headers: &mut HeaderMap, api: bool) {
    // No Strict-Transport-Security: with it, browsers do not let users past the station's self-signed certificate.
    let fixed = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_this_device() {
        for host in ["127.0.0.1:8321", "127.0.0.1", "localhost", "LocalHost:80", "[::1]:8321", "[::1]", "127.8.0.1"] {
            assert!(is_this_device(host), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8321", "localhost.evil.example", "10.0.0.1", "127.0.0.1.nip.io", "", "::1"]
        {
            assert!(!is_this_device(host), "{host}");
        }
    }

    #[test]
    fn what_the_page_asks_for_by_itself_is_no_sign_of_a_person() {
        assert!(["/api/me", "/api/live", "/api/live/stream", "/api/health"].iter().all(|path| !is_by_person(path)));
        assert!(
            ["/api/live/commands", "/api/me/password", "/api/sessions/1/cells"].iter().all(|path| is_by_person(path))
        );
    }

    #[test]
    fn a_request_that_changes_something_must_come_from_the_page_itself() {
        type HeaderLines<'a> = &'a [(&'static str, &'static str)];
        fn allowed(method: &Method, path: &str, lines: HeaderLines<'_>, by_cookie: bool) -> bool {
            let header = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            let headers: HeaderMap = lines.iter().map(header).collect();
            RequestTarget { tls: false, method, path, host: "localhost:1" }.same_site(&headers, by_cookie).is_ok()
        }
        let post = |lines: HeaderLines<'_>, by_cookie| allowed(&Method::POST, "/api/me", lines, by_cookie);
        assert!(post(&[("origin", "http://localhost:1")], true));
        for origin in ["http://localhost:2", "https://localhost:1", "null", "http://evil", "http://localhost:1.evil"] {
            assert!(!post(&[("origin", origin)], true), "{origin}");
            assert!(!post(&[("origin", origin)], false), "{origin}");
        }
        assert!(!post(&[], true));
        assert!(post(&[], false), "a program sends no Origin");
        assert!(!post(&[("sec-fetch-site", "cross-site")], false));
        assert!(!post(&[("sec-fetch-site", "same-site"), ("origin", "http://localhost:1")], true));
        let get = |lines: HeaderLines<'_>, by_cookie| allowed(&Method::GET, "/api/live", lines, by_cookie);
        assert!(get(&[], false) && get(&[("sec-fetch-site", "none")], false));
        assert!(!get(&[("sec-fetch-site", "cross-site")], false), "at the device it needs no cookie");
        assert!(!get(&[("sec-fetch-site", "same-site")], true));
        assert!(allowed(&Method::GET, "/", &[("sec-fetch-site", "cross-site")], false), "a link to the page");
        assert!(!allowed(&Method::POST, "/", &[("sec-fetch-site", "cross-site")], false));
        assert!(!get(&[("upgrade", "websocket"), ("origin", "http://evil")], false));
        assert!(!get(&[("upgrade", "websocket")], true));
    }
}
