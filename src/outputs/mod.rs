//! What leaves the station, a folder for each medium: display, serial line, ASTM, HL7, FHIR, MQTT, metrics, page, report, support; buttons
//! and lights.
//! What a receiver of results still lacks stands in `delivery`.

pub mod astm;
pub mod delivery;
pub mod display;
pub mod fhir;
pub mod hardware;
pub mod hl7;
pub mod metrics;
pub mod mqtt;
pub mod report;
pub mod serial;
pub mod support;
pub mod trail;
pub mod web;
pub mod words;
