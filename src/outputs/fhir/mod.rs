//! FHIR R4: every result as one bundle, posted to a server or written as a file. `docs/interfaces.md` shows one.

pub mod bundle;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;
use serde_json::Value;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use self::bundle::bundle;
use crate::config::{CodesConfig, FhirConfig};
use crate::outputs::delivery::courier::Verdict;
use crate::outputs::delivery::notes::About;
use crate::outputs::delivery::tls::{self, TlsFileError};
use crate::store::{Store, StoredResult};
use crate::system::file;
use crate::system::printable::printable;
use crate::system::stop::Stop;

/// The connection by which orders come, whose numbers a report names.
const ORDERED_BY: &str = "hl7";

/// Longest wait before the stop signal is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Most of an answer that is read, bytes.
const LONGEST_ANSWER: u64 = 1 << 20;

/// Longest words of a server that are repeated, characters.
const LONGEST_WORDS: usize = 300;

/// Longest token, bytes.
const LONGEST_TOKEN: u64 = 16 * 1024;

/// Why FHIR cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FhirError {
    #[error("[fhir] {0}")]
    Tls(#[from] TlsFileError),
    #[error("[fhir] token_file = \"{}\": {problem}", file.display())]
    Token { file: PathBuf, problem: String },
    #[error("[fhir] folder = \"{}\": there is no such folder; make it", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("[fhir] url = {0:?} and folder are both set; results go to one of them")]
    Both(String),
}

/// Where bundles go.
#[derive(Debug)]
pub enum Receiver {
    Server { agent: Agent, url: String, token_file: Option<PathBuf> },
    Folder(PathBuf),
}

impl Receiver {
    /// The configured receiver, if there is one.
    ///
    /// # Errors
    /// If a file or the folder cannot be used.
    pub fn open(config: &FhirConfig) -> Result<Option<Self>, FhirError> {
        if let (Some(url), Some(_)) = (&config.url, &config.folder) {
            return Err(FhirError::Both(url.clone()));
        }
        if let Some(folder) = &config.folder {
            return if folder.is_dir() {
                Ok(Some(Self::Folder(folder.clone())))
            } else {
                Err(FhirError::NoFolder { folder: folder.clone() })
            };
        }
        let Some(url) = &config.url else { return Ok(None) };
        if let Some(path) = &config.token_file {
            token(path)?;
        }
        let mut settings = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(config.timeout_seconds.into())))
            .http_status_as_error(false)
            // A server that moves would get the token and the result at an address that nobody configured.
            .max_redirects(0)
            .user_agent(concat!("leukoscope/", env!("CARGO_PKG_VERSION")));
        if url.starts_with("https://") {
            let roots: Vec<_> =
                tls::roots(config.ca.as_deref())?.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
            let tls = TlsConfig::builder()
                .provider(TlsProvider::Rustls)
                .unversioned_rustls_crypto_provider(tls::provider())
                .root_certs(RootCerts::Specific(Arc::new(roots)));
            settings = settings.tls_config(tls.build());
        }
        let agent = Agent::new_with_config(settings.build());
        Ok(Some(Self::Server {
            agent,
            url: url.trim_end_matches('/').to_owned(),
            token_file: config.token_file.clone(),
        }))
    }

    /// Brings one result there. The stop signal cuts the wait for a server short.
    pub fn send(&self, result: &StoredResult, store: &Store, codes: &CodesConfig, stop: &Stop) -> Verdict {
        let about = match About::of(result, store, ORDERED_BY) {
            Ok(about) => about,
            Err(problem) => return Verdict::Unreachable(problem.to_string()),
        };
        let text = format!("{:#}\n", bundle(result, &about, codes));
        match self {
            Self::Folder(folder) => {
                let path = folder.join(file_name(result));
                match file::keep(&path, text.as_bytes()) {
                    Ok(()) => Verdict::Taken,
                    Err(problem) => Verdict::Unreachable(format!("{}: {problem}", path.display())),
                }
            }
            Self::Server { agent, url, token_file } => {
                let (agent, url, token_file) = (agent.clone(), url.clone(), token_file.clone());
                beside(stop, move || posted(&agent, &url, token_file.as_deref(), &text))
            }
        }
    }
}

/// Name of the file of a result: one for the preliminary, one for the signed.
fn file_name(result: &StoredResult) -> String {
    let store: String = result.store.as_deref().unwrap_or("store").chars().take(8).collect();
    match &result.signature {
        None => format!("{store}-{}-preliminary.json", result.sequence),
        Some(signature) => format!("{store}-{}-{:.8}.json", result.sequence, signature.sha256),
    }
}

/// The token: read each time, so that a new one needs no restart.
fn token(path: &Path) -> Result<String, FhirError> {
    let wrong = |problem: String| FhirError::Token { file: path.to_owned(), problem };
    let mut text = String::new();
    let file = file::open(path).map_err(|problem| wrong(problem.to_string()))?;
    file.take(LONGEST_TOKEN).read_to_string(&mut text).map_err(|problem| wrong(problem.to_string()))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("holds no token; it must hold one, on one line, and nothing else".to_owned()));
    }
    Ok(token.to_owned())
}

/// Waits for a request on a thread of its own, at most until the stop signal: the program ends within seconds, a server may
/// take longer. What it may still accept then is sent again after the next start, and is there once.
fn beside(stop: &Stop, request: impl FnOnce() -> Verdict + Send + 'static) -> Verdict {
    let (answer, answered) = crossbeam_channel::bounded(1);
    let begun = std::thread::Builder::new().name("fhir-post".into()).spawn(move || {
        let _ = answer.send(request());
    });
    if let Err(problem) = begun {
        return Verdict::Unreachable(format!("a FHIR request cannot be made: {problem}"));
    }
    loop {
        match answered.recv_timeout(TICK) {
            Ok(verdict) => return verdict,
            Err(RecvTimeoutError::Timeout) if stop.requested() => {
                return Verdict::Unreachable("the program is ending".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Verdict::Unreachable("a FHIR request ended by a bug; its words are above".to_owned());
            }
        }
    }
}

fn posted(agent: &Agent, url: &str, token_file: Option<&Path>, text: &str) -> Verdict {
    let mut request = agent
        .post(url)
        .header("Content-Type", "application/fhir+json; charset=utf-8")
        .header("Accept", "application/fhir+json");
    if let Some(path) = token_file {
        match token(path) {
            Ok(token) => request = request.header("Authorization", format!("Bearer {token}")),
            Err(problem) => return Verdict::Unreachable(problem.to_string()),
        }
    }
    let mut answer = match request.send(text) {
        Ok(answer) => answer,
        Err(problem) => return Verdict::Unreachable(format!("FHIR server {url} cannot be reached: {problem}")),
    };
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string().unwrap_or_default();
    judged(status, &text, url)
}

/// What the answer of the server at this address means, by its status and text.
pub fn judged(status: u16, text: &str, url: &str) -> Verdict {
    let body: Option<Value> = serde_json::from_str(text).ok();
    let words = body.as_ref().and_then(outcome).unwrap_or_else(|| shortened(text));
    match status {
        200 | 201 => match body.filter(|body| body["resourceType"] == "Bundle") {
            Some(body) => refused_entry(&body).map_or(Verdict::Taken, Verdict::Refused),
            None => Verdict::Unreachable(format!(
                "{url} answered {status} without a bundle; is it the base address of a FHIR server?"
            )),
        },
        // What the server has against this bundle.
        400 | 409 | 410 | 412 | 413 | 422 => Verdict::Refused(format!("HTTP {status} {words}")),
        401 | 403 => Verdict::Unreachable(format!("{url} answered {status}: see [fhir] token_file ({words})")),
        _ => Verdict::Unreachable(format!("{url} answered {status} {words}")),
    }
}

/// What a server has against one entry of a transaction: some answer 200 although one failed.
fn refused_entry(bundle: &Value) -> Option<String> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refused = entries.iter().map(|entry| &entry["response"]).find(|response| {
        // Those that say nothing of their entry are a server's way of saying that all went well.
        response["status"].as_str().is_some_and(|status| !status.starts_with('2'))
    })?;
    let status = refused["status"].as_str().unwrap_or_default();
    Some(format!("an entry got {} {}", shortened(status), outcome(&refused["outcome"]).unwrap_or_default()))
}

/// What an `OperationOutcome` says first.
fn outcome(outcome: &Value) -> Option<String> {
    let issue = &outcome["issue"][0];
    let said = issue["diagnostics"].as_str().or_else(|| issue["details"]["text"].as_str())?;
    let place = issue["expression"][0].as_str().map(|place| format!("{place}: ")).unwrap_or_default();
    Some(shortened(&format!("{place}{said}")))
}

fn shortened(text: &str) -> String {
    let text: String = text.trim().chars().take(LONGEST_WORDS).collect();
    printable(&text).into_owned()
}
