//! GPIO through the registers of a Raspberry Pi.

use std::time::Duration;

use rppal::gpio::{Error, Gpio, InputPin, OutputPin, Trigger};

use super::decide::{Button, Light, SETTLE};
use super::{LineError, Lines};
use crate::config::Controls;

/// Buttons and lights, by Broadcom line numbers.
#[derive(Debug)]
pub struct RppalLines {
    gpio: Gpio,
    buttons: Vec<(Button, InputPin)>,
    lights: Vec<(Light, OutputPin)>,
}

impl RppalLines {
    /// Takes all configured lines.
    ///
    /// # Errors
    /// On any other board, or if lines are missing or taken.
    pub fn open(config: &Controls) -> Result<Self, LineError> {
        let gpio = Gpio::new().map_err(|error| explain("registers", &error))?;
        let pin = |line: u32| {
            let name = format!("line {line}");
            let number = u8::try_from(line).map_err(|_| explain(&name, &Error::PinNotAvailable(u8::MAX)))?;
            gpio.get(number).map_err(|error| explain(&name, &error))
        };
        let mut buttons = Vec::new();
        for button in Button::ALL {
            let Some(line) = button.line(config) else { continue };
            let mut input = pin(line)?.into_input_pullup();
            input
                .set_interrupt(Trigger::Both, Some(SETTLE))
                .map_err(|error| explain(&format!("line {line}"), &error))?;
            buttons.push((button, input));
        }
        let mut lights = Vec::new();
        for light in Light::ALL {
            let Some(line) = light.line(config) else { continue };
            lights.push((light, pin(line)?.into_output_low()));
        }
        Ok(Self { gpio, buttons, lights })
    }
}

impl Lines for RppalLines {
    fn wait(&mut self, time: Duration) -> Result<Vec<(Button, bool)>, LineError> {
        if self.buttons.is_empty() {
            std::thread::sleep(time);
            return Ok(Vec::new());
        }
        let pins: Vec<&InputPin> = self.buttons.iter().map(|(_, pin)| pin).collect();
        let event =
            self.gpio.poll_interrupts(&pins, false, Some(time)).map_err(|error| explain("interrupts", &error))?;
        let Some((changed, event)) = event else { return Ok(Vec::new()) };
        let down = event.trigger == Trigger::FallingEdge;
        let changed = changed.pin();
        Ok(self.buttons.iter().filter(|(_, pin)| pin.pin() == changed).map(|&(button, _)| (button, down)).collect())
    }

    fn switch(&mut self, light: Light, on: bool) -> Result<(), LineError> {
        for (_, pin) in self.lights.iter_mut().filter(|(wired, _)| *wired == light) {
            pin.write(on.into());
        }
        Ok(())
    }

    fn down(&mut self) -> Result<Vec<Button>, LineError> {
        Ok(self.buttons.iter().filter(|(_, pin)| pin.is_low()).map(|&(button, _)| button).collect())
    }

    fn bounces(&self) -> bool {
        false
    }
}

fn explain(what: &str, error: &Error) -> LineError {
    let remedy = match error {
        Error::PinUsed(_) => "give each button and light a line of its own under [controls]",
        Error::PinNotAvailable(_) => "set a line from 0 to 27, Broadcom's number, under [controls]",
        Error::PermissionDenied(_) => "add the user to the group `gpio` (sudo usermod -aG gpio $USER) and log in again",
        _ => "this way works on a Raspberry Pi only; set `gpio = \"cdev\"` under [controls], which works on any board",
    };
    LineError { device: format!("rppal {what}"), problem: error.to_string(), remedy: remedy.into() }
}
