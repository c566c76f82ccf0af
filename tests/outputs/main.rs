//! What leaves the station: display, serial line, metrics, report; buttons and lights.

#[path = "../common/mod.rs"]
mod common;
#[path = "screens/samples.rs"]
mod samples;
mod display;
mod display_devices;
mod hardware;
mod metrics;
mod report;
mod serial;
mod serial_incoming;
mod serial_render;
