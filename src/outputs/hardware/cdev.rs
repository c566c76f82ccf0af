//! GPIO through the kernel's character device, on any board.

use std::io;
use std::path::Path;
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::line::{Bias, EdgeDetection, EdgeKind, Value};

use super::decide::{Button, Light, SETTLE};
use super::{LineError, Lines};
use crate::config::Controls;

/// Name that `gpioinfo` shows beside lines in use.
const CONSUMER: &str = "leukoscope";

/// Buttons and lights on one chip.
#[derive(Debug)]
pub struct CdevLines {
    chip: String,
    buttons: Vec<(Button, u32)>,
    lights: Vec<(Light, u32)>,
    inputs: Option<Request>,
    outputs: Option<Request>,
    bounces: bool,
}

impl CdevLines {
    /// Requests all configured lines: buttons with pull-up and events on both edges, debounced by the kernel if it
    /// can; lights off.
    ///
    /// # Errors
    /// A missing chip, a busy line, a missing permission.
    pub fn open(config: &Controls) -> Result<Self, LineError> {
        let chip = &config.gpio_chip;
        let buttons: Vec<_> = Button::ALL.iter().filter_map(|&b| Some((b, b.line(config)?))).collect();
        let lights: Vec<_> = Light::ALL.iter().filter_map(|&l| Some((l, l.line(config)?))).collect();
        let (mut inputs, mut bounces) = (None, false);
        if !buttons.is_empty() {
            let lines: Vec<u32> = buttons.iter().map(|&(_, line)| line).collect();
            // Kernels before 5.10 and some chips cannot debounce; if that was not the problem, the second try fails
            // as well.
            let settled = input(chip, &lines, true);
            bounces = settled.is_err();
            let request = settled.or_else(|_| input(chip, &lines, false));
            inputs = Some(request.map_err(|error| explain(chip, &lines, &error))?);
        }
        let outputs = if lights.is_empty() {
            None
        } else {
            let lines: Vec<u32> = lights.iter().map(|&(_, line)| line).collect();
            Some(output_lines(chip, &lines).map_err(|error| explain(chip, &lines, &error))?)
        };
        Ok(Self { chip: chip.display().to_string(), buttons, lights, inputs, outputs, bounces })
    }

    fn lost(&self, error: &gpiocdev::Error) -> LineError {
        LineError {
            device: self.chip.clone(),
            problem: format!("the lines failed: {error}"),
            remedy: "they are opened again; if the chip sits on USB or an expander, check its cable".into(),
        }
    }
}

impl Lines for CdevLines {
    fn wait(&mut self, time: Duration) -> Result<Vec<(Button, bool)>, LineError> {
        let Some(inputs) = &self.inputs else {
            // Without buttons there is nothing to wait for; just pace the lights.
            std::thread::sleep(time);
            return Ok(Vec::new());
        };
        let mut changed = Vec::new();
        let mut wait = time;
        while inputs.wait_edge_event(wait).map_err(|error| self.lost(&error))? {
            let event = inputs.read_edge_event().map_err(|error| self.lost(&error))?;
            // Buttons pull to ground, so a falling edge is a press.
            let down = event.kind == EdgeKind::Falling;
            changed.extend(self.buttons.iter().filter(|(_, line)| *line == event.offset).map(|&(b, _)| (b, down)));
            wait = Duration::ZERO;
        }
        Ok(changed)
    }

    fn switch(&mut self, light: Light, on: bool) -> Result<(), LineError> {
        let line = self.lights.iter().find(|(wired, _)| *wired == light);
        let (Some(outputs), Some(&(_, line))) = (&self.outputs, line) else { return Ok(()) };
        let value = if on { Value::Active } else { Value::Inactive };
        outputs.set_value(line, value).map_err(|error| self.lost(&error))
    }

    fn down(&mut self) -> Result<Vec<Button>, LineError> {
        let Some(inputs) = &self.inputs else { return Ok(Vec::new()) };
        let mut down = Vec::new();
        for &(button, line) in &self.buttons {
            if inputs.value(line).map_err(|error| self.lost(&error))? == Value::Inactive {
                down.push(button);
            }
        }
        Ok(down)
    }

    fn bounces(&self) -> bool {
        self.bounces
    }
}

fn input(chip: &Path, lines: &[u32], settled: bool) -> gpiocdev::Result<Request> {
    let mut builder = Request::builder();
    builder
        .on_chip(chip)
        .with_consumer(CONSUMER)
        .with_lines(lines)
        .as_input()
        .with_bias(Bias::PullUp)
        .with_edge_detection(EdgeDetection::BothEdges);
    if settled {
        builder.with_debounce_period(SETTLE);
    }
    builder.request()
}

fn output_lines(chip: &Path, lines: &[u32]) -> gpiocdev::Result<Request> {
    Request::builder().on_chip(chip).with_consumer(CONSUMER).with_lines(lines).as_output(Value::Inactive).request()
}

/// Requests one output line, initially low.
///
/// # Errors
/// A missing chip, a busy line, a missing permission.
pub fn output(chip: &Path, line: u32) -> Result<Request, LineError> {
    output_lines(chip, &[line]).map_err(|error| explain(chip, &[line], &error))
}

/// Turns the kernel's error number into words, with what to do.
fn explain(chip: &Path, lines: &[u32], error: &gpiocdev::Error) -> LineError {
    // The library hides the error number, but its message contains it, as everywhere in the standard library.
    let words = error.to_string();
    let code = words.rsplit_once("(os error ").and_then(|(_, rest)| rest.strip_suffix(')')?.parse().ok());
    let numbers = lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let kind = code.map(|code| io::Error::from_raw_os_error(code).kind());
    let (problem, remedy) = match kind {
        Some(io::ErrorKind::NotFound) => {
            ("there is no such chip".to_owned(), "see `leukoscope devices` for the chips of this board".to_owned())
        }
        Some(io::ErrorKind::PermissionDenied) => (
            "this user may not open it".to_owned(),
            "add the user to the group `gpio` (sudo usermod -aG gpio $USER) and log in again".to_owned(),
        ),
        Some(io::ErrorKind::ResourceBusy) => (
            format!("another program or driver uses one of the lines {numbers}"),
            "`gpioinfo` names it; end it, or wire and set another line".to_owned(),
        ),
        Some(io::ErrorKind::InvalidInput) => (
            format!("the chip does not take the lines {numbers}"),
            "see `leukoscope devices` for how many lines it has".to_owned(),
        ),
        _ => (words, "see `leukoscope devices` for the chips of this board".to_owned()),
    };
    LineError { device: format!("{} lines {numbers}", chip.display()), problem, remedy }
}
