//! Frames from another program: Motion JPEG on its standard output, as `rpicam-vid`, `ffmpeg` and `gst-launch-1.0`
//! write it. This supports cameras that are not plain V4L2 devices, above all those of a Raspberry Pi.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::mjpeg::{Piece, Splitter};
use super::picture::decode_jpeg;
use super::{Camera, CameraError, Capture};
use crate::config::CameraConfig;
use crate::domain::frame::Frame;

/// Bytes per read.
const CHUNK: usize = 64 << 10;

/// Bytes searched for a newer frame before the newest one found is used.
const AHEAD: usize = 4 << 20;

/// How long a program may take to exit after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);

/// Characters of the program's last line that are quoted in a message.
const LAST_WORDS: usize = 200;

/// Process groups of the programs that run: the program that counts may end while a reader still waits for one of them.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// A running program that delivers frames. Dropping it ends the program and everything the program started.
#[derive(Debug)]
pub struct CommandCamera {
    words: String,
    child: Child,
    stdout: ChildStdout,
    splitter: Splitter,
    /// The last line the program wrote to its standard error.
    last_words: Arc<Mutex<String>>,
    /// Reads the program's standard error to its end.
    listener: JoinHandle<()>,
    stall: Duration,
    sequence: u64,
}

impl CommandCamera {
    /// Starts the program through a shell.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn open(words: &str, config: &CameraConfig) -> Result<Self, CameraError> {
        let unusable = |problem: String| CameraError::Unusable {
            source_name: name(words),
            problem,
            remedy: "check that this program may be run here".to_owned(),
        };
        let mut child = Command::new("/bin/sh")
            .args(["-c", words])
            // A process group of its own, so that whatever the shell starts ends with it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| unusable(error.to_string()))?;
        groups().extend(group(&child));
        let last_words = Arc::<Mutex<String>>::default();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            end(&mut child);
            return Err(unusable("it has no output".to_owned()));
        };
        let kept = Arc::clone(&last_words);
        let listen = move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line: String = String::from_utf8_lossy(&line).trim().chars().take(LAST_WORDS).collect();
                log::debug!("camera program: {line}");
                if !line.is_empty() {
                    *kept.lock().unwrap_or_else(PoisonError::into_inner) = line;
                }
            }
        };
        let listener = thread::Builder::new().name("camera-errors".to_owned()).spawn(listen);
        let listener = match listener {
            Ok(listener) => listener,
            Err(error) => {
                end(&mut child);
                return Err(unusable(error.to_string()));
            }
        };
        Ok(Self {
            words: words.to_owned(),
            child,
            stdout,
            splitter: Splitter::default(),
            last_words,
            listener,
            stall: Duration::from_secs_f64(config.stall_seconds),
            sequence: 0,
        })
    }

    /// Whether bytes arrive within this time; end of stream counts as bytes.
    fn ready(&self, within: Duration) -> Result<bool, CameraError> {
        let mut fds = [PollFd::new(&self.stdout, PollFlags::IN)];
        let timeout = Timespec { tv_sec: within.as_secs().cast_signed(), tv_nsec: within.subsec_nanos().into() };
        match poll(&mut fds, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(self.lost(error.to_string())),
        }
    }

    fn lost(&self, problem: String) -> CameraError {
        CameraError::Lost { source_name: name(&self.words), problem }
    }

    /// Reports how the program ended, with its last line, after its stream closed.
    fn ended(&mut self) -> CameraError {
        let deadline = Instant::now() + GRACE;
        let status = loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                Ok(status) => break status,
                Err(_) => break None,
            }
        };
        // Its last lines may still be in the pipe, but a process it left behind may hold the pipe open: so wait only
        // briefly.
        while !self.listener.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
        let how = status.map_or_else(|| "it closed its output".to_owned(), |status| format!("it ended ({status})"));
        let said = self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.lost(if said.is_empty() { how } else { format!("{how}: {said}") })
    }

    fn frame(&mut self, jpeg: &[u8]) -> Capture {
        match decode_jpeg(jpeg, None) {
            Ok(pixels) => {
                let sequence = self.sequence;
                self.sequence += 1;
                Capture::Frame(Frame::new(pixels, sequence, Timestamp::now()))
            }
            Err(problem) => Capture::Damaged(problem),
        }
    }
}

impl Camera for CommandCamera {
    fn next_frame(&mut self) -> Result<Capture, CameraError> {
        let began = Instant::now();
        let mut newest: Option<Vec<u8>> = None;
        let mut read = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            let mut damaged = None;
            while let Some(piece) = self.splitter.next_piece() {
                match piece {
                    Piece::Image(image) => newest = Some(image),
                    Piece::Damaged(why) => damaged = Some(why),
                }
            }
            // Anything still in the pipe is newer, so keep reading.
            if let Some(image) = &newest
                && (read >= AHEAD || !self.ready(Duration::ZERO)?)
            {
                return Ok(self.frame(image));
            }
            if let (Some(why), None) = (damaged, &newest) {
                return Ok(Capture::Damaged(why.to_owned()));
            }
            let left = self.stall.saturating_sub(began.elapsed());
            if !self.ready(left)? {
                if began.elapsed() < self.stall {
                    continue;
                }
                return Err(self.lost(format!("no frame for {:.1} s", self.stall.as_secs_f64())));
            }
            match self.stdout.read(&mut chunk) {
                Ok(0) => {
                    return match newest {
                        // The end of the stream is reported by the next call.
                        Some(image) => Ok(self.frame(&image)),
                        None => Err(self.ended()),
                    };
                }
                Ok(count) => {
                    read += count;
                    self.splitter.push(&chunk[..count]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lost(error.to_string())),
            }
        }
    }

    fn describe(&self) -> String {
        format!("Motion JPEG from `{}`", self.words)
    }
}

impl Drop for CommandCamera {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Ends every program that still runs, and everything it started: for the end of the process, which a reader that
/// waits for frames does not see. Takes up to half a second.
pub fn end_programs() {
    let left = std::mem::take(&mut *groups());
    for group in &left {
        let _ = kill_process_group(*group, Signal::TERM);
    }
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && left.iter().any(|group| test_kill_process_group(*group).is_ok()) {
        thread::sleep(Duration::from_millis(10));
    }
    for group in left {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn group(child: &Child) -> Option<Pid> {
    Pid::from_raw(child.id().cast_signed())
}

/// Ends a program and everything it started.
fn end(child: &mut Child) {
    let Some(group) = group(child) else { return };
    groups().retain(|other| *other != group);
    // SIGTERM lets a camera program shut down its sensor properly; SIGKILL ends one that does not react.
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        let ended = child.try_wait().is_ok_and(|status| status.is_some());
        if ended && test_kill_process_group(group).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

/// The camera's name in messages: the program without its arguments.
fn name(words: &str) -> String {
    format!("command:{}", words.split_whitespace().next().unwrap_or_default())
}
