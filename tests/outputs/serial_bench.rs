//! A running serial sink, a host at the other end of its pseudo-terminal, and a cable that can be pulled.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use leukoscope::config::{LineFormat, Sends, SerialConfig};
use leukoscope::counting::session::snapshot::{Ending, FrameCounts, Phase, Snapshot};
use leukoscope::domain::class::CellClass;
use leukoscope::domain::counts::{ClassCount, KindCounts};
use leukoscope::outputs::delivery::Outbox;
use leukoscope::outputs::serial::{Serial, Traffic, open_at_start, run};
use leukoscope::station::drops::Drops;
use leukoscope::station::requests::{Asked, Commands};
use leukoscope::store::Store;
use leukoscope::system::latest::Latest;
use leukoscope::system::stop::Stop;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn snapshot(sample: &str, counted: u32) -> Snapshot {
    Snapshot {
        sample: sample.to_owned(),
        phase: Phase::Counting,
        ending: None,
        trouble: None,
        time: "2026-03-01T10:00:00Z".parse().unwrap(),
        started: None,
        target: 100,
        counted,
        kinds: KindCounts { wbc: counted, rbc: 900, plt: 30 },
        classes: vec![ClassCount { class: CellClass::Ngs, count: counted, percent: 60.04, low: 49.7, high: 69.7 }],
        classes_uncorrected: std::collections::BTreeMap::new(),
        prevalence: None,
        profile: None,
        blasts_kept: 0,
        experimental: Vec::new(),
        flags: vec![],
        critical: Vec::new(),
        source: None,
        training: false,
        statistics: leukoscope::counting::statistics::Statistics::default(),
        frames: FrameCounts::default(),
        frame_rate: None,
        stages: Vec::new(),
        um_per_px: None,
        red_cell_density: None,
        quality: None,
        looked_at: None,
        camera_check: None,
        earlier: None,
        interruptions: Vec::new(),
        amends: None,
        first_reviewer: None,
        quality_control: None,
        platelets: None,
        own_classes: Vec::new(),
        red_cells: None,
    }
}

pub(super) fn done(sample: &str) -> Snapshot {
    Snapshot { phase: Phase::Done, ending: Some(Ending::TargetReached), ..snapshot(sample, 100) }
}

/// A running sink with its inputs.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) newest: Latest<Arc<Snapshot>>,
    pub(super) results: Store,
    pub(super) commands: crossbeam_channel::Receiver<Asked>,
    pub(super) trouble: Arc<Mutex<Vec<Option<String>>>>,
    pub(super) stop: Stop,
    pub(super) thread: Option<JoinHandle<Traffic>>,
    pub(super) path: PathBuf,
}

impl Bench {
    pub(super) fn start(port: &str, format: LineFormat) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), port, format)
    }

    pub(super) fn start_in(folder: tempfile::TempDir, port: &str, format: LineFormat) -> Self {
        let config =
            SerialConfig { port: port.parse().unwrap(), format, interval_seconds: 0.1, ..SerialConfig::default() };
        let results = Store::open(folder.path()).unwrap();
        let outbox = Outbox::open(folder.path(), "serial", Sends::All, &results).unwrap();
        let (sender, commands) = Commands::new(Drops::default());
        let (newest, stop) = (Latest::default(), Stop::new());
        let open = open_at_start(&config).unwrap();
        let path = open.as_ref().map_or_else(PathBuf::new, |port| port.path().to_owned());
        let serial = Serial {
            config,
            station: "bench".into(),
            newest: newest.clone(),
            results: results.clone(),
            outbox,
            commands: sender,
            stop: stop.clone(),
        };
        let trouble: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
        let heard = Arc::clone(&trouble);
        let thread = std::thread::spawn(move || run(serial, open, |words| heard.lock().unwrap().push(words)));
        Self { folder, newest, results, commands, trouble, stop, thread: Some(thread), path }
    }

    pub(super) fn end(mut self) -> (tempfile::TempDir, Traffic) {
        self.stop.request();
        let traffic = self.thread.take().unwrap().join().unwrap();
        (self.folder, traffic)
    }
}

/// The other end of the cable.
pub(super) struct Host {
    pub(super) end: File,
    pub(super) bytes: Vec<u8>,
}

impl Host {
    pub(super) fn open(path: &Path) -> Self {
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let end = OpenOptions::new().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(path);
        Self { end: end.unwrap(), bytes: Vec::new() }
    }

    /// The next line that is not empty.
    pub(super) fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                let line = String::from_utf8(line).unwrap().trim_end().to_owned();
                if line.is_empty() {
                    continue;
                }
                return line;
            }
            self.receive();
        }
    }

    /// Waits for some bytes.
    pub(super) fn receive(&mut self) {
        let until = Instant::now() + PATIENCE;
        let mut buffer = [0; 4096];
        while Instant::now() < until {
            match self.end.read(&mut buffer) {
                Ok(read) => return self.bytes.extend(&buffer[..read]),
                Err(_) => std::thread::yield_now(),
            }
        }
        panic!("no bytes came; half a line: {:?}", String::from_utf8_lossy(&self.bytes));
    }

    pub(super) fn json(&mut self) -> serde_json::Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// The next line of this type.
    pub(super) fn json_of(&mut self, kind: &str) -> serde_json::Value {
        loop {
            let line = self.json();
            if line["type"] == kind {
                return line;
            }
        }
    }

    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.end.write_all(bytes).unwrap();
    }
}

/// A device that can be plugged in and pulled out: a pseudo-terminal behind a link.
pub(super) struct Cable {
    pub(super) host: Host,
}

impl Cable {
    pub(super) fn plug(link: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().to_string_lossy().into_owned();
        std::os::unix::fs::symlink(path, link).unwrap();
        Self { host: Host { end: File::from(master), bytes: Vec::new() } }
    }

    pub(super) fn pull(self, link: &Path) {
        std::fs::remove_file(link).unwrap();
        drop(self.host);
    }
}

pub(super) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        std::thread::yield_now();
    }
}
