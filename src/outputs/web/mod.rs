//! The page for browsers and the API for programs.
//!
//! One server on its own thread. On the loopback address it speaks plain HTTP, and whoever is at the device may count
//! and look; on any other it speaks TLS only and shows nothing without a login. Nothing here can hold up the count:
//! the counting thread puts its newest state and frame into [`Live`] and goes on.

mod account;
mod adaptation;
mod admin;
mod alarms;
mod amendment;
mod app;
mod assets;
mod calibration;
mod camera;
mod certificate;
mod connection;
mod error;
mod guard;
mod health;
mod http1;
mod interrupted;
mod keeping;
mod laboratory;
mod logins;
mod looks;
mod monitoring;
mod network;
mod openapi;
mod practice;
mod quality;
mod references;
mod repeats;
mod report;
mod review;
mod routes;
mod samples;
mod sessions;
mod settings;
mod stream;
mod support;
mod tables;
mod throttle;
mod trail;
mod worklist;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use jiff::Timestamp;
use tokio::runtime::Runtime;

use self::app::App;
pub use self::certificate::CertificateError;
use self::http1::Http1Only;
use crate::config::{Config, ListenAddress, ReviewConfig, StoreConfig, WebConfig};
use crate::outputs::metrics::token::{ScrapeToken, TokenError};
use crate::outputs::report::letterhead::Letterhead;
use crate::station::adapt::Laboratory;
use crate::station::camera_choice::CameraChooser;
use crate::station::control::Controls;
use crate::station::in_force::InForce;
use crate::station::live_view::Live;
use crate::station::monitor::Monitor;
use crate::station::pipeline::{CalibrationRequest, WeightsRequest};
use crate::station::requests::{Commands, Requests};
use crate::store::{ClockVerdict, Store};
use crate::system::clock::synchronised;
use crate::system::stop::Stop;
use crate::system::threads::thread;

/// How often to write what was counted for the audit trail without a line.
const REPEATS: Duration = Duration::from_secs(10);

/// How long requests may still take after the program is told to stop, and then how long the work they began.
const GOODBYE: Duration = Duration::from_millis(700);

/// How long the server waits for slow clients.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a request head, including the next one on the same connection, and for the TLS handshake.
    pub header: Duration,
    /// For a whole body.
    pub body: Duration,
    /// While a client reads nothing of what is sent to it.
    pub stalled: Duration,
    /// While a watcher of the live stream answers nothing; it is pinged three times within it.
    pub silent: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(15),
            stalled: Duration::from_secs(20),
            silent: Duration::from_mins(1),
        }
    }
}

/// What the server needs.
#[derive(Debug)]
pub struct Web {
    /// Where and how to serve.
    pub config: WebConfig,
    /// State folder, which holds the station's own certificate.
    pub state: PathBuf,
    pub station: String,
    /// Sessions, results, users and audit trail.
    pub store: Store,
    /// How long the store keeps things.
    pub keep: StoreConfig,
    /// What is in force, to be shown, and the networks for maps of what mattered in a cell; limits that are set on the page
    /// change it.
    pub in_force: InForce,
    /// Where the counting thread puts what is going on.
    pub live: Live,
    /// Where requests to the count go.
    pub commands: Commands,
    /// Whether the camera is chosen here.
    pub camera: CameraChooser,
    /// Where requests for a calibration go.
    pub calibration_requests: Requests<CalibrationRequest>,
    /// What the laboratory puts on its reports.
    pub letterhead: Letterhead,
    /// Models, camera and profiles of the station.
    pub laboratory: Laboratory,
    /// Where requests to name cells with other weights go.
    pub weights_requests: Requests<WeightsRequest>,
    /// Quality control.
    pub controls: Controls,
    /// What monitoring sees.
    pub monitor: Monitor,
    /// The whole configuration: what the file for support says of it, and what practice goes by.
    pub configured: Config,
    /// File with the secret by which a collector reads the figures over the network, and nothing else.
    pub scrape_token: Option<PathBuf>,
    /// What counts as a look at a cell.
    pub review: ReviewConfig,
    /// How long slow clients are waited for.
    pub timeouts: Timeouts,
    pub stop: Stop,
}

/// A running server.
#[derive(Debug)]
pub struct RunningPage {
    /// Address it listens on.
    pub address: SocketAddr,
    /// Its thread; ends within two seconds of the stop.
    pub thread: JoinHandle<()>,
}

impl RunningPage {
    /// Address to open in a browser at the device itself.
    #[must_use]
    pub(crate) fn url(&self) -> String {
        let port = self.address.port();
        match self.address.ip() {
            ip if ip.is_loopback() => format!("http://{}", self.address),
            ip if ip.is_unspecified() => format!("https://localhost:{port}"),
            _ => format!("https://{}", self.address),
        }
    }
}

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The server cannot listen on the address.
    #[error("the page cannot be served at {address}: {problem}; {}", remedy(problem))]
    Listen {
        address: SocketAddr,
        /// Error from the system.
        problem: io::Error,
    },
    /// There is no usable certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The secret for collectors cannot be used.
    #[error(transparent)]
    ScrapeToken(#[from] TokenError),
    /// The server's thread or async runtime could not be started.
    #[error("the page cannot be served: {0}")]
    Threads(io::Error),
}

fn remedy(problem: &io::Error) -> &'static str {
    match problem.kind() {
        io::ErrorKind::AddrInUse => "another program has this port: give the page another one by [web] listen",
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address (yet); see [web] listen, \"0.0.0.0:8321\" is every network"
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 are not for everybody: take one above by [web] listen",
        _ => "see [web] listen",
    }
}

/// Checks the configured certificate and its key, if a page at this address needs them. The station's own is made at the
/// start.
///
/// # Errors
/// If they cannot be read, or do not belong together.
pub fn check_certificate(config: &WebConfig, address: SocketAddr) -> Result<(), CertificateError> {
    if address.ip().is_loopback() { Ok(()) } else { certificate::check(config) }
}

/// Starts the server, if one is configured. It listens by the time this returns.
///
/// # Errors
/// If the server cannot listen on the address, or has no certificate for it, or the secret for collectors cannot be used.
pub fn start(web: Web) -> Result<Option<RunningPage>, WebError> {
    let ListenAddress::At(asked) = web.config.listen else { return Ok(None) };
    let listening = |problem| WebError::Listen { address: asked, problem };
    let listener = TcpListener::bind(asked).map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    // The unspecified address (all networks) is not loopback, so it needs a login, too.
    let login_needed = !address.ip().is_loopback();
    let tls = if login_needed {
        let certificate = certificate::certificate(&web.config, &web.state, asked, believed_time(&web.store))?;
        log::info!("the page is at https://{address}; its certificate's SHA-256 is {}", certificate.fingerprint);
        Some(certificate.config)
    } else {
        log::info!("the page is at http://{address}, for this device only");
        None
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(8)
        .thread_name("web")
        .enable_all()
        .build()
        .map_err(WebError::Threads)?;
    let handle = Handle::new();
    let server = {
        // A listener registers with the runtime it is created in.
        let _inside = runtime.enter();
        axum_server::from_tcp(listener).map_err(listening)?
    };
    let scrape_token = web.scrape_token.as_deref().map(ScrapeToken::read).transpose()?;
    let app = Arc::new(App::new(&web, login_needed, scrape_token));
    let serving = serve(server.handle(handle.clone()), Arc::clone(&app), tls);
    let stop = web.stop;
    let thread = thread("web", move || run(runtime, serving, &app, &handle, &stop)).map_err(WebError::Threads)?;
    Ok(Some(RunningPage { address, thread }))
}

/// The time, or the latest believed one while the clock is doubted: a certificate made years ahead would hold for no
/// browser once the clock is right, and the one before it would be gone.
fn believed_time(store: &Store) -> Timestamp {
    let now = Timestamp::now();
    match store.clock(now, synchronised()) {
        Ok(ClockVerdict::Doubted { latest: Some(latest) }) => latest,
        Ok(_) => now,
        Err(problem) => {
            log::warn!("{problem}");
            now
        }
    }
}

fn run(
    runtime: Runtime,
    serving: impl Future<Output = io::Result<()>> + Send + 'static,
    app: &Arc<App>,
    handle: &Handle<SocketAddr>,
    stop: &Stop,
) {
    let encoding = runtime.spawn(app.live.clone().encode());
    let serving = runtime.spawn(serving);
    while !stop.wait(REPEATS) {
        app.note_repeats(false);
    }
    handle.graceful_shutdown(Some(GOODBYE));
    let ended = runtime.block_on(async { tokio::time::timeout(2 * GOODBYE, serving).await });
    if let Ok(Ok(Err(problem))) = ended {
        log::error!("page: {problem}");
    }
    encoding.abort();
    app.note_repeats(true);
    // Streams end here; the server does not wait for disk reads that still run.
    runtime.shutdown_timeout(GOODBYE / 2);
}

async fn serve(
    mut server: axum_server::Server<SocketAddr>,
    app: Arc<App>,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> io::Result<()> {
    let timeouts = app.timeouts;
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.header)
        .max_buf_size(32 * 1024)
        .max_headers(64);
    *server.http_builder() = builder;
    // The time limit for heads starts with the first byte.
    let server = server.first_request_timeout(timeouts.header);
    let limiter = app.connections.clone();
    let service = routes::router(app).into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(config) => {
            let config = RustlsConfig::from_config(config);
            let acceptor = RustlsAcceptor::new(config).handshake_timeout(timeouts.header).acceptor(limiter);
            server.acceptor(Http1Only(acceptor)).serve(service).await
        }
        None => server.acceptor(Http1Only(limiter)).serve(service).await,
    }
}

/// Every method and path of the API.
#[must_use]
pub fn paths() -> Vec<(&'static str, String)> {
    routes::paths()
}
