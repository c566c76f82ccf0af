//! Frames from another program: Motion JPEG on its standard output, as `rpicam-vid`, `ffmpeg` and `gst-launch-1.0`
//! write it. This supports cameras that are not plain V4L2 devices, above all those of a Raspberry Pi.

use std::io::{BufRead, BufReader, Read as _};
use std::process::ChildStdout;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::mjpeg::{Piece, Splitter};
use super::picture::decode_jpeg;
use super::program::Program;
use super::{Camera, CameraError, Capture};
use crate::config::CameraConfig;
use crate::domain::frame::Frame;

/// Bytes per read.
const CHUNK: usize = 64 << 10;

/// Bytes searched for a newer frame before the newest one found is used.
const AHEAD: usize = 4 << 20;

/// How long a program whose output ended may take to exit and to say why.
const GRACE: Duration = Duration::from_millis(500);

/// Characters of the program's last line that are quoted in a message.
const LAST_WORDS: usize = 200;

/// Bytes kept of a line of the program's standard error: [`LAST_WORDS`] in UTF-8. A program may write without ever
/// ending its line.
const LONGEST_LINE: usize = 4 * LAST_WORDS;

/// A running program that delivers frames. Dropping it ends the program and everything the program started.
#[derive(Debug)]
pub struct CommandCamera {
    words: String,
    program: Program,
    stdout: ChildStdout,
    splitter: Splitter,
    /// The first bytes of its output, until they are enough to tell video from images.
    first: Vec<u8>,
    /// Bytes read since the last image or damaged image.
    unread: usize,
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
        let unusable = |error: std::io::Error| CameraError::Unusable {
            source_name: name(words),
            problem: error.to_string(),
            remedy: "check that this program may be run here".to_owned(),
        };
        let (program, stdout, stderr) = Program::start(words).map_err(unusable)?;
        let last_words = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&last_words);
        let listen = move || {
            each_line(BufReader::new(stderr), |line| {
                log::debug!("camera program: {line}");
                line.clone_into(&mut kept.lock().unwrap_or_else(PoisonError::into_inner));
            });
        };
        let listener = thread::Builder::new().name("camera-errors".to_owned()).spawn(listen).map_err(|error| {
            program.end();
            unusable(error)
        })?;
        Ok(Self {
            words: words.to_owned(),
            program,
            stdout,
            splitter: Splitter::default(),
            first: Vec::new(),
            unread: 0,
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

    /// Takes bytes of the program's output.
    ///
    /// # Errors
    /// When it begins as video that is not Motion JPEG.
    fn take(&mut self, bytes: &[u8]) -> Result<(), CameraError> {
        self.unread += bytes.len();
        if self.first.len() < VIDEO_BEGINS {
            self.first.extend(bytes.iter().take(VIDEO_BEGINS));
            if let Some(video) = video(&self.first) {
                return Err(self.no_motion_jpeg(&format!("writes {video} video, not Motion JPEG")));
            }
        }
        self.splitter.push(bytes);
        Ok(())
    }

    fn no_motion_jpeg(&self, problem: &str) -> CameraError {
        CameraError::Unusable {
            source_name: name(&self.words),
            problem: problem.to_owned(),
            remedy: "give the program the option for Motion JPEG, `--codec mjpeg` for rpicam-vid".to_owned(),
        }
    }

    /// Reports that no image came in time.
    fn silent(&self) -> CameraError {
        let stall = self.stall.as_secs_f64();
        match self.unread {
            0 => self.lost(format!("no frame for {stall:.1} s")),
            bytes => self.no_motion_jpeg(&format!("wrote {bytes} bytes in {stall:.1} s, but no JPEG image")),
        }
    }

    /// Reports how the program ended, with its last line, after its stream closed.
    fn ended(&mut self) -> CameraError {
        let deadline = Instant::now() + GRACE;
        let status = self.program.exit(GRACE);
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
                self.unread = 0;
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
            // Even while bytes arrive: a program that writes no images at all may write for ever.
            if left.is_zero() {
                return match newest {
                    Some(image) => Ok(self.frame(&image)),
                    None => Err(self.silent()),
                };
            }
            if !self.ready(left)? {
                continue;
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
                    self.take(&chunk[..count])?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.lost(error.to_string())),
            }
        }
    }

    fn program(&self) -> Option<Program> {
        Some(self.program.clone())
    }

    fn describe(&self) -> String {
        format!("Motion JPEG from `{}`", self.words)
    }
}

impl Drop for CommandCamera {
    fn drop(&mut self) {
        self.program.end();
    }
}

/// Calls `each` with every line that is not blank, cut to [`LAST_WORDS`] characters and without control characters. A
/// carriage return ends a line too, as in the progress of ffmpeg.
fn each_line(mut stream: impl BufRead, mut each: impl FnMut(&str)) {
    let mut line = Vec::new();
    let mut say = |line: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(line);
        let text: String = text.trim().chars().filter(|c| !c.is_control()).take(LAST_WORDS).collect();
        line.clear();
        if !text.is_empty() {
            each(&text);
        }
    };
    loop {
        let bytes = match stream.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let part = &bytes[..end.unwrap_or(bytes.len())];
        line.extend(part.iter().take(LONGEST_LINE.saturating_sub(line.len())));
        let used = part.len() + usize::from(end.is_some());
        stream.consume(used);
        if end.is_some() {
            say(&mut line);
        }
    }
    say(&mut line);
}

/// Bytes by which video is recognised.
const VIDEO_BEGINS: usize = 5;

/// The kind of video that begins with these bytes: a start code, then the header of a unit that begins a stream
/// (ITU-T H.264, annex B and table 7-1; H.265, annex B and table 7-1).
fn video(first: &[u8]) -> Option<&'static str> {
    let unit = first.strip_prefix(&[0, 0, 0, 1]).or_else(|| first.strip_prefix(&[0, 0, 1]))?;
    match unit.first()? {
        // Video, sequence and picture parameter sets, access unit delimiter, prefix information.
        0x40 | 0x42 | 0x44 | 0x46 | 0x4e => Some("H.265"),
        header if header & 0x80 == 0 => Some("H.264"),
        _ => None,
    }
}

/// The camera's name in messages: the program without its arguments.
fn name(words: &str) -> String {
    format!("command:{}", words.split_whitespace().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_end_is_kept_in_bounded_memory_and_said_at_its_end() {
        let endless = std::io::repeat(b'x').take(50 << 20);
        let mut said = Vec::new();
        each_line(BufReader::new(endless), |line| said.push(line.to_owned()));
        assert_eq!(said, ["x".repeat(LAST_WORDS)]);
    }

    #[test]
    fn lines_end_with_a_newline_or_a_carriage_return_and_lose_their_control_characters() {
        let mut said = Vec::new();
        each_line(&b"one\r\n\n  \n\x1b[31mtwo\rthree"[..], |line| said.push(line.to_owned()));
        assert_eq!(said, ["one", "[31mtwo", "three"]);
    }

    #[test]
    fn video_is_told_from_images_by_its_first_bytes() {
        assert_eq!(video(&[0, 0, 0, 1, 0x67]), Some("H.264"));
        assert_eq!(video(&[0, 0, 0, 1, 0x27]), Some("H.264"));
        assert_eq!(video(&[0, 0, 1, 0x09, 0x10]), Some("H.264"));
        assert_eq!(video(&[0, 0, 0, 1, 0x40]), Some("H.265"));
        for other in [&[0xff, 0xd8, 0xff, 0xe0, 0][..], &[0, 0, 0, 0, 0], &[0, 0, 0, 1], b"--boundary"] {
            assert_eq!(video(other), None, "{other:?}");
        }
    }
}
