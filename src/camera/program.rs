//! A program that is started through a shell and ends with everything that it started in turn.
//!
//! Most of that is in the program's process group. What left the group, by `setsid` or as a daemon, is found in `/proc`:
//! it is a descendant of the program, or still has the variable that the program was started with.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

/// How long a program may take to exit after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);

/// How often it is checked whether a program has exited.
const LOOK: Duration = Duration::from_millis(20);

/// Rounds of SIGKILL: a process may start another one just before it is killed.
const ROUNDS: usize = 10;

/// Variable that marks a program and what it starts. Without our own prefix, which is for settings.
const MARK: &str = "CAMERA_PROGRAM_OF";

/// Programs that were started: the program that counts may end while a reader still waits for one of them.
static STARTED: Mutex<Vec<Weak<Inner>>> = Mutex::new(Vec::new());

/// Ends every program that still runs, and everything it started: for the end of the process, which a reader that waits
/// for frames does not see. Takes up to half a second for each.
pub fn end_programs() {
    let started = std::mem::take(&mut *STARTED.lock().unwrap_or_else(PoisonError::into_inner));
    for program in started.iter().filter_map(Weak::upgrade) {
        Program(program).end();
    }
}

/// A running program. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Program(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    child: Mutex<Child>,
    /// `MARK=VALUE`, different for each program.
    mark: String,
}

impl Program {
    /// Starts the program through a shell, without standard input.
    ///
    /// # Errors
    /// If the system cannot start it.
    pub(super) fn start(words: &str) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // The time tells it from a program of an earlier process with this one's number.
        let value = format!("{}-{number}-{}", std::process::id(), Timestamp::now().as_nanosecond());
        let mut child = Command::new("/bin/sh")
            .args(["-c", words])
            .env(MARK, &value)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let program = Self(Arc::new(Inner { child: Mutex::new(child), mark: format!("{MARK}={value}") }));
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        started.retain(|other| other.strong_count() > 0);
        started.push(Arc::downgrade(&program.0));
        drop(started);
        if let (Some(stdout), Some(stderr)) = (stdout, stderr) {
            Ok((program, stdout, stderr))
        } else {
            program.end();
            Err(io::Error::other("it has no output"))
        }
    }

    /// Waits up to `time` for the program to exit by itself.
    pub(super) fn exit(&self, time: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + time;
        loop {
            match self.child().try_wait() {
                Ok(None) if Instant::now() < deadline => {}
                Ok(status) => return status,
                Err(_) => return None,
            }
            thread::sleep(LOOK);
        }
    }

    /// Ends the program and everything it started; returns once they are gone. A second call does nothing.
    pub(super) fn end(&self) {
        let mut child = self.child();
        let Some(group) = Pid::from_raw(child.id().cast_signed()) else { return };
        // SIGTERM lets a camera program shut down its sensor properly; SIGKILL ends one that does not react.
        let mut strays = self.strays(running(&mut child));
        let _ = kill_process_group(group, Signal::TERM);
        signal(&strays, Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            let running = running(&mut child);
            strays = self.strays(running);
            if running.is_none() && strays.is_empty() && test_kill_process_group(group).is_err() {
                return;
            }
            thread::sleep(LOOK);
        }
        for _ in 0..ROUNDS {
            let _ = kill_process_group(group, Signal::KILL);
            signal(&strays, Signal::KILL);
            thread::sleep(LOOK);
            let running = running(&mut child);
            strays = self.strays(running);
            if running.is_none() && strays.is_empty() {
                return;
            }
        }
        log::warn!("{} processes that the camera program started cannot be ended: {strays:?}", strays.len());
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.0.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that this program started and that still runs. `program` is the program itself while it runs.
    fn strays(&self, program: Option<i32>) -> BTreeSet<i32> {
        let all = processes();
        let mut found: BTreeSet<i32> =
            all.iter().map(|process| process.number).filter(|number| self.marked(*number)).chain(program).collect();
        loop {
            let before = found.len();
            found.extend(
                all.iter()
                    .filter(|process| found.contains(&process.parent))
                    .map(|process| process.number)
                    .collect::<Vec<_>>(),
            );
            if found.len() == before {
                break;
            }
        }
        found.retain(|number| Some(*number) != program && *number != std::process::id().cast_signed());
        found
    }

    /// Whether a process was started with the mark of this program, as far as this user may see.
    fn marked(&self, process: i32) -> bool {
        let variables = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|variable| variable == self.0.mark.as_bytes())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Ended long before in every other case; this leaves no process behind when the handle is all there was.
        if let Ok(child) = self.child.get_mut()
            && let Some(number) = running(child)
            && let Some(group) = Pid::from_raw(number)
        {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// The number of a process that has not exited.
fn running(child: &mut Child) -> Option<i32> {
    matches!(child.try_wait(), Ok(None)).then(|| child.id().cast_signed())
}

fn signal(processes: &BTreeSet<i32>, signal: Signal) {
    for process in processes.iter().filter_map(|number| Pid::from_raw(*number)) {
        let _ = kill_process(process, signal);
    }
}

struct Process {
    number: i32,
    parent: i32,
}

/// Every process that has not exited.
fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|number| {
            let parent = parent(&fs::read_to_string(format!("/proc/{number}/stat")).ok()?)?;
            Some(Process { number, parent })
        })
        .collect()
}

/// The parent in a line of `/proc/PID/stat`; none of a process that has exited. The process's name, in parentheses, may
/// hold anything.
fn parent(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.next()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name_is() {
        assert_eq!(parent("12 (sh) S 7 12 12 0 -1"), Some(7));
        assert_eq!(parent("12 (a) R 1 (b) S 7 12 12"), Some(7));
        assert_eq!(parent("12 (sh) Z 7 12 12"), None);
        assert_eq!(parent("12"), None);
    }
}
