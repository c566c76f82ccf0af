//! `[controls]`: buttons and lights.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::keys::Accepts::{Device, OneOf, Whole};
use crate::config::keys::{key, optional};

section! {
    "controls", Controls {
        /// Buttons and lights: "none", "cdev" (any board) or "rppal" (registers of a Raspberry Pi).
        gpio: GpioBackend = GpioBackend::None => key(OneOf(&["none", "cdev", "rppal"])).example(r#""cdev""#);
        /// GPIO chip of the lines below.
        gpio_chip: PathBuf = "/dev/gpiochip0".into() => key(Device);
        /// Lines of buttons to ground and of lights, 0 to 1023, all different.
        start_line: Option<u32> = None => optional(Whole(0, 1023)).unit("as a line of the GPIO chip").example("5");
        stop_line: Option<u32> = None => optional(Whole(0, 1023)).unit("as a line of the GPIO chip").example("6");
        new_sample_line: Option<u32> = None => optional(Whole(0, 1023)).unit("as a line of the GPIO chip").example("13");
        running_led_line: Option<u32> = None => optional(Whole(0, 1023)).unit("as a line of the GPIO chip").example("16");
        trouble_led_line: Option<u32> = None => optional(Whole(0, 1023)).unit("as a line of the GPIO chip").example("20");
    }
}

/// GPIO back ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GpioBackend {
    /// No buttons or lights.
    None,
    /// The kernel's character device: works on any board.
    Cdev,
    /// The registers of a Raspberry Pi (feature `gpio-rppal`).
    Rppal,
}
