//! What Home Assistant is told, so that the station appears there by itself: sensors, and buttons if commands are taken.
//! Nothing of it names a sample, as Home Assistant keeps what sensors said.

use serde_json::{Value, json};

use super::topics::Topics;

/// Topic and payload of each entity. An empty payload takes one away that a past setting made.
pub(super) fn entities(topics: &Topics, station: &str, commands: bool) -> Vec<(String, String)> {
    let id = &topics.home_assistant;
    let mut found = Vec::new();
    let mut add = |component: &str, object: &str, entity: Option<Value>| {
        let topic = format!("homeassistant/{component}/leukoscope_{id}/{object}/config");
        let payload = entity.map(|mut entity| {
            entity["unique_id"] = format!("leukoscope_{id}_{object}").into();
            entity["availability_topic"] = topics.availability().into();
            entity["device"] = json!({
                "identifiers": [format!("leukoscope_{id}")],
                "name": station,
                "manufacturer": "leukoscope",
                "sw_version": env!("CARGO_PKG_VERSION"),
            });
            entity.to_string()
        });
        found.push((topic, payload.unwrap_or_default()));
    };
    let of_state = |name: &str, icon: &str, template: &str| json!({"name": name, "icon": icon, "state_topic": topics.state(), "value_template": template});
    let mut counted = of_state("Cells counted", "mdi:counter", "{{ value_json.counted }}");
    counted["unit_of_measurement"] = "cells".into();
    counted["state_class"] = "measurement".into();
    add("sensor", "counted", Some(counted));
    add("sensor", "target", Some(of_state("Target", "mdi:flag-checkered", "{{ value_json.target }}")));
    add("sensor", "phase", Some(of_state("Count", "mdi:microscope", "{{ value_json.phase }}")));
    let focus = "{{ (100 * value_json.quality.focus) | round if value_json.quality is defined else none }}";
    let mut focus = of_state("Focus", "mdi:image-filter-center-focus", focus);
    focus["unit_of_measurement"] = "%".into();
    add("sensor", "focus", Some(focus));
    // A sensor holds at most 255 characters.
    let words = "{{ (value_json.trouble or 'none')[:250] }}";
    add("sensor", "trouble", Some(of_state("Trouble", "mdi:alert-circle-outline", words)));
    let mut flags = of_state("Flags", "mdi:flag", "{{ (value_json.flags | join(', ') or 'none')[:250] }}");
    flags["state_topic"] = topics.flags().into();
    add("sensor", "flags", Some(flags));
    for (object, name, icon) in [("start", "Start", "mdi:play"), ("stop", "Stop", "mdi:stop")] {
        let button = json!({"name": name, "icon": icon, "command_topic": topics.command(), "payload_press": object});
        add("button", object, commands.then_some(button));
    }
    found
}
