//! The page for browsers, and the interface for programs.
//!
//! One server on a thread of its own. At the loopback address it speaks plain HTTP and whoever is at the device may count
//! and look; at any other it speaks TLS only and shows nothing without a login. Nothing in here can hold up the count: the
//! counting thread puts its newest state and frame into [`Live`] and goes on.

mod account;
mod admin;
mod app;
mod assets;
mod calibration;
mod certificate;
mod connection;
mod error;
mod guard;
mod logins;
mod network;
mod openapi;
mod report;
mod review;
mod routes;
mod sessions;
mod settings;
mod stream;
mod throttle;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use crossbeam_channel::Sender;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use jiff::Timestamp;
use tokio::runtime::Runtime;

use self::app::App;
pub use self::certificate::CertificateError;
use self::connection::ConnectionLimiter;
pub use self::settings::InForce;
use crate::config::{Flags, ListenAddress, SessionConfig, WebConfig};
use crate::counting::session::snapshot::Command;
use crate::station::live_view::Live;
use crate::station::pipeline::CalibrationRequest;
use crate::store::Store;
use crate::system::stop::Stop;
use crate::vision::Vision;

/// How long requests may still take after the program was told to stop, and then how long what they began.
const GOODBYE: Duration = Duration::from_millis(700);

/// How long slow clients are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of a request, also of the next one on the same connection, and for the beginning of TLS.
    pub header: Duration,
    /// For a whole body.
    pub body: Duration,
    /// While a client takes nothing of what it is sent.
    pub stalled: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { header: Duration::from_secs(10), body: Duration::from_secs(15), stalled: Duration::from_secs(20) }
    }
}

/// What the server needs.
#[derive(Debug)]
pub struct Web {
    /// Where and how it serves.
    pub config: WebConfig,
    /// The state folder: the station's own certificate is kept there.
    pub state: PathBuf,
    /// Name of the station.
    pub station: String,
    /// What is kept, and who there is.
    pub store: Store,
    /// What shows where in a cell the evidence for its class lies; none: it is not shown.
    pub vision: Option<Arc<Vision>>,
    /// What is in force; whoever else changes limits changes it here, too.
    pub settings: InForce,
    /// Where limits that are set on the page go.
    pub limits: Sender<(SessionConfig, Flags)>,
    /// Where the counting thread puts what is going on.
    pub live: Live,
    /// Where requests to the count go.
    pub commands: Sender<Command>,
    /// Where calibration_requests for a calibration go.
    pub calibration_requests: Sender<CalibrationRequest>,
    /// How long slow clients are waited for.
    pub timeouts: Timeouts,
    /// Ends the server.
    pub stop: Stop,
}

/// A server that runs.
#[derive(Debug)]
pub struct RunningPage {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its thread; ends within two seconds of the stop.
    pub thread: JoinHandle<()>,
}

impl RunningPage {
    /// What to write into a browser at the device itself.
    #[must_use]
    pub fn url(&self) -> String {
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
    /// The address cannot be listened at.
    #[error("the page cannot be served at {address}: {problem}; {}", remedy(problem))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        problem: io::Error,
    },
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No thread, or nothing to wait for connections with.
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

/// Starts the server, if there is to be one. When this returns it listens.
///
/// # Errors
/// When the address cannot be listened at, or there is no certificate for it.
pub fn start(web: Web) -> Result<Option<RunningPage>, WebError> {
    let ListenAddress::At(asked) = web.config.listen else { return Ok(None) };
    let listening = |problem| WebError::Listen { address: asked, problem };
    let listener = TcpListener::bind(asked).map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    // An address for every network is off the loopback one, too.
    let login_needed = !address.ip().is_loopback();
    let tls = if login_needed {
        let certificate = certificate::certificate(&web.config, &web.state, asked, Timestamp::now())?;
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
        // Readied in here, since a listener belongs to a runtime.
        let _inside = runtime.enter();
        axum_server::from_tcp(listener).map_err(listening)?
    };
    let app = Arc::new(App::new(&web, login_needed));
    let serving = serve(server.handle(handle.clone()), Arc::clone(&app), tls);
    let stop = web.stop;
    let thread = thread::Builder::new()
        .name("web".into())
        .spawn(move || run(runtime, serving, &app, &handle, &stop))
        .map_err(WebError::Threads)?;
    Ok(Some(RunningPage { address, thread }))
}

/// Serves until the stop.
fn run(
    runtime: Runtime,
    serving: impl Future<Output = io::Result<()>> + Send + 'static,
    app: &Arc<App>,
    handle: &Handle<SocketAddr>,
    stop: &Stop,
) {
    let encoding = runtime.spawn(app.live.clone().encode());
    let serving = runtime.spawn(serving);
    while !stop.wait(Duration::from_hours(1)) {}
    handle.graceful_shutdown(Some(GOODBYE));
    let ended = runtime.block_on(async { tokio::time::timeout(2 * GOODBYE, serving).await });
    if let Ok(Ok(Err(problem))) = ended {
        log::error!("page: {problem}");
    }
    encoding.abort();
    // Streams end here; what still reads the disk is not waited for.
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
    // Until the first byte came, the time for heads does not run.
    let server = server.first_request_timeout(timeouts.header);
    let limiter = ConnectionLimiter::new(&timeouts, tls.is_some());
    let service = routes::router(app).into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        Some(config) => {
            let config = RustlsConfig::from_config(config);
            let acceptor = RustlsAcceptor::new(config).handshake_timeout(timeouts.header).acceptor(limiter);
            server.acceptor(acceptor).serve(service).await
        }
        None => server.acceptor(limiter).serve(service).await,
    }
}

/// Every method and path of the interface.
#[must_use]
pub fn paths() -> Vec<(&'static str, &'static str)> {
    routes::routes().iter().map(|route| (route.method, route.path)).collect()
}
