//! `support-bundle`: a file for whoever helps from afar.

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::cli::failure::{Blame, Failure};
use crate::cli::output;
use crate::config::load::load;
use crate::config::{Config, ListenAddress};
use crate::outputs::support::{Bundle, Sources, journal};
use crate::store::Store;
use crate::system::file;

/// How long the running program is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is read, bytes.
const LONGEST: u64 = 4 << 20;

/// Writes the file, with the log from the journal, and prints what is in it. Health, timings and figures are those of the
/// running program, where its page listens at this device.
///
/// # Errors
/// With exit code 2 if the configuration is wrong, 1 if the store cannot be read, so that it is not known what to take
/// out, or the file cannot be written.
pub fn bundle(path: &Path, config: Option<&Path>) -> Result<(), Failure> {
    let config = load(config, env::vars()).blame_input()?;
    let private = match Store::open_to_read(&config.state_folder()).blame_run()? {
        Some(store) => store.private_words().blame_run()?,
        None => BTreeSet::new(),
    };
    let asked = |path| ask(&config, path);
    let json = |path| asked(path).and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let stages = json("/api/live").and_then(|mut now| now.pointer_mut("/snapshot/stages").map(Value::take));
    let sources = Sources { health: json("/api/health"), figures: asked("/metrics"), stages, log: journal(), private };
    let bundle = Bundle::new(&sources, &config, Timestamp::now());
    file::replace(path, bundle.text.as_bytes()).map_err(|problem| {
        let words = format!("{}: {problem}; name a file in a folder that you may write to", path.display());
        Failure { code: 1, error: anyhow::anyhow!(words) }
    })?;
    for part in &bundle.parts {
        output::line(format_args!("{}: {} lines", part.name, part.lines))?;
    }
    output::line(format_args!("{}: read it before you send it", path.display()))
}

/// What the page says at this device without a login; none if it does not listen there.
fn ask(config: &Config, path: &str) -> Option<String> {
    let ListenAddress::At(address) = config.web.listen else { return None };
    if !address.ip().is_loopback() {
        return None;
    }
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
    let mut answer = agent.get(format!("http://{address}{path}")).call().ok()?;
    answer.body_mut().with_config().limit(LONGEST).read_to_string().ok()
}
