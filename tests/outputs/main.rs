//! Outputs of the station: display, serial line, ASTM, HL7, FHIR, MQTT, metrics, report; buttons and lights.

mod amended;
mod astm;
mod astm_bench;
mod astm_hosts;
#[path = "../common/mod.rs"]
mod common;
mod display;
mod display_devices;
mod fhir;
mod hardware;
mod hl7_bench;
mod hl7_orders;
mod hl7_results;
mod marks;
mod metrics;
mod mqtt;
mod mqtt_bench;
mod mqtt_daemon;
mod mqtt_hostile;
mod mqtt_tls;
mod red_cells;
mod report;
mod report_bench;
mod report_laboratory;
mod report_own;
mod report_platelets;
#[path = "screens/samples.rs"]
mod samples;
mod serial;
mod serial_bench;
mod serial_incoming;
mod serial_render;
