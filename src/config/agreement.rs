//! Checks values against each other.

use std::path::Path;

use super::keys::Refusal;
use super::{
    Broker, BrokerAddress, CameraConfig, CameraSource, Config, DisplayKind, FhirConfig, GpioBackend, Hl7Config,
    ListenAddress, MqttConfig, SampleConfig, SerialPort, SessionConfig, StoreConfig, WebConfig,
};

/// Values that are valid alone but conflict: section, key to change, and why.
pub(super) fn disagreements(config: &Config) -> Vec<(&'static str, &'static str, Refusal)> {
    let mut found = Vec::new();
    let CameraConfig { frame_rate, stall_seconds, source, paced, .. } = &config.camera;
    let live = !matches!(source, CameraSource::Replay(_)) || *paced;
    if live && 1.0 / frame_rate >= *stall_seconds {
        let what = format!(
            "frame_rate = {frame_rate} gives a frame every {:.1} seconds, so that stall_seconds = {stall_seconds} would \
             take every wait for a stall",
            1.0 / frame_rate
        );
        // The lowest whole rate that is not taken for a stall.
        let write = format!("frame_rate = {:.1}", (1.0 / stall_seconds).floor() + 1.0);
        found.push(("camera", "frame_rate", Refusal { what, write }));
    }
    let SessionConfig { target, precision_of, at_most, .. } = &config.session;
    if precision_of.is_some() && at_most < target {
        let what = format!("at_most = {at_most} is less than target = {target}, which is counted first");
        let write = format!("at_most = {}", target.saturating_mul(5).min(100_000));
        found.push(("session", "at_most", Refusal { what, write }));
    }
    found.extend(sample(config));
    if config.display.kind == DisplayKind::Png {
        let folder = config.display.png.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let what = format!("png = \"{}\": there is no folder {}", config.display.png.display(), folder.display());
            let write = "png = \"leukoscope.png\", or make the folder".into();
            found.push(("display", "png", Refusal { what, write }));
        }
    }
    if let Some((name, refusal)) = config.display.wrong_size() {
        found.push(("display", name, refusal));
    }
    found.extend(web(&config.web));
    if matches!(&config.astm.port, SerialPort::Device(port) if SerialPort::Device(port.clone()) == config.serial.port) {
        let what = format!("port = \"{}\" is the port of [serial] too", config.astm.port);
        found.push(("astm", "port", Refusal { what, write: "port = \"none\", or another port".into() }));
    }
    found.extend(hl7(&config.hl7));
    found.extend(fhir(&config.fhir));
    found.extend(mqtt(&config.mqtt));
    found.extend(kept_in_turn(&config.store));
    found.extend(shared_lines(config));
    found
}

/// Rejects lengths that no id has, and a first count without an id where none may be.
fn sample(config: &Config) -> Vec<(&'static str, &'static str, Refusal)> {
    let SampleConfig { min_length, max_length, nameless, .. } = config.sample;
    let mut found = Vec::new();
    if min_length > max_length {
        let what = format!("max_length = {max_length} is less than min_length = {min_length}, so that no id fits");
        found.push(("sample", "max_length", Refusal { what, write: format!("max_length = {min_length}") }));
    }
    if config.session.autostart && !nameless {
        let what =
            "autostart = true begins a count without an id, which nameless = false under [sample] refuses".to_owned();
        found.push(("session", "autostart", Refusal { what, write: "autostart = false".into() }));
    }
    found
}

/// Rejects a certificate without its key and a catalogue folder that does not exist.
fn web(web: &WebConfig) -> Vec<(&'static str, &'static str, Refusal)> {
    let mut found = pair("web", web.certificate.as_deref(), web.key.as_deref());
    if let Some(folder) = web.catalogues.as_deref().filter(|folder| !folder.is_dir()) {
        let what = format!("catalogues = \"{0}\": there is no folder {0}", folder.display());
        found.push(("web", "catalogues", Refusal { what, write: "catalogues = \"\", or make the folder".into() }));
    }
    found
}

/// Rejects a certificate without its key, and orders by TLS without a certificate.
fn hl7(hl7: &Hl7Config) -> Vec<(&'static str, &'static str, Refusal)> {
    let mut found = pair("hl7", hl7.certificate.as_deref(), hl7.key.as_deref());
    if hl7.tls && hl7.listen != ListenAddress::None && hl7.certificate.is_none() && hl7.key.is_none() {
        let what = format!(
            "listen = \"{}\" with tls = true takes orders by TLS, for which a certificate is missing",
            hl7.listen
        );
        found.push(("hl7", "listen", Refusal { what, write: "certificate and key beside it, or tls = false".into() }));
    }
    found
}

/// Rejects a token that would travel in the clear.
fn fhir(fhir: &FhirConfig) -> Vec<(&'static str, &'static str, Refusal)> {
    let mut found = Vec::new();
    let clear = fhir.url.as_deref().filter(|url| url.starts_with("http://"));
    if let (Some(url), Some(_)) = (clear, &fhir.token_file) {
        let what = format!("url = {url:?} would send the token of token_file in the clear");
        let write = format!("url = {:?}", url.replacen("http://", "https://", 1));
        found.push(("fhir", "url", Refusal { what, write }));
    }
    found
}

/// Rejects a certificate without its key, and a key without its certificate.
fn pair(
    section: &'static str,
    certificate: Option<&Path>,
    key: Option<&Path>,
) -> Vec<(&'static str, &'static str, Refusal)> {
    let halves = [(certificate, key, "key"), (key, certificate, "certificate")];
    let missing = halves.into_iter().filter_map(|(given, missing, name)| match (given, missing) {
        (Some(given), None) => Some((given, name)),
        _ => None,
    });
    let refused = missing.map(|(given, name)| {
        let what = format!("{name} is not set, but {} was given; the two belong together", given.display());
        (section, name, Refusal { what, write: format!("{name} = \"/etc/leukoscope/{name}.pem\"") })
    });
    refused.collect()
}

/// Rejects topics that MQTT has other uses for, a password for nobody, and certificates where nothing is encrypted.
fn mqtt(mqtt: &MqttConfig) -> Vec<(&'static str, &'static str, Refusal)> {
    let mut found = pair("mqtt", mqtt.certificate.as_deref(), mqtt.key.as_deref());
    let topic = &mqtt.topic;
    if topic.contains(['+', '#']) || topic.starts_with(['/', '$']) || topic.ends_with('/') || topic.contains("//") {
        let what =
            format!("topic = \"{topic}\" is no first part of a topic: without + and #, no / at its ends, no $ first");
        found.push(("mqtt", "topic", Refusal { what, write: "topic = \"leukoscope\"".into() }));
    }
    if let (None, Some(file)) = (&mqtt.user, &mqtt.password_file) {
        let what = format!("user is not set, but the password of one was given: {}", file.display());
        found.push(("mqtt", "user", Refusal { what, write: "user = \"ward-3\"".into() }));
    }
    let Broker::At(address) = &mqtt.broker else { return found };
    if !address.tls && (mqtt.ca.is_some() || mqtt.certificate.is_some()) {
        let what = format!("broker = \"{address}\" is not encrypted, so the certificates below it serve nothing");
        let tls = BrokerAddress { tls: true, port: 8883, ..address.clone() };
        found.push(("mqtt", "broker", Refusal { what, write: format!("broker = \"{tls}\"") }));
    }
    found
}

/// Pictures belong to cells and cells to results, so none may be kept longer than its owner.
fn kept_in_turn(store: &StoreConfig) -> Vec<(&'static str, &'static str, Refusal)> {
    let StoreConfig { crops_days, cells_days, results_days, .. } = *store;
    let longer = |inner: u32, outer: u32| outer > 0 && (inner == 0 || inner > outer);
    let words = |days: u32| if days == 0 { "0 (for ever)".to_owned() } else { days.to_string() };
    let mut found = Vec::new();
    for (name, inner, of, outer) in
        [("crops_days", crops_days, "cells_days", cells_days), ("cells_days", cells_days, "results_days", results_days)]
    {
        if longer(inner, outer) {
            let what = format!("{name} = {} is longer than {of} = {outer}, with which they go", words(inner));
            found.push(("store", name, Refusal { what, write: format!("{name} = {outer}") }));
        }
    }
    found
}

/// Finds lines of one GPIO chip that are assigned twice.
fn shared_lines(config: &Config) -> Vec<(&'static str, &'static str, Refusal)> {
    let (display, controls) = (&config.display, &config.controls);
    let mut lines: Vec<(&Path, u32, &'static str, &'static str)> = Vec::new();
    if matches!(display.kind, DisplayKind::St7789 | DisplayKind::Ili9341) {
        lines.push((&display.gpio_chip, display.data_command_line, "display", "data_command_line"));
        lines.extend(display.reset_line.map(|line| (display.gpio_chip.as_path(), line, "display", "reset_line")));
    }
    let controls_used = controls.gpio != GpioBackend::None;
    let of_controls = [
        (controls.start_line, "start_line"),
        (controls.stop_line, "stop_line"),
        (controls.new_sample_line, "new_sample_line"),
        (controls.running_led_line, "running_led_line"),
        (controls.trouble_led_line, "trouble_led_line"),
    ];
    for (line, name) in of_controls {
        lines.extend(line.map(|line| (controls.gpio_chip.as_path(), line, "controls", name)));
    }
    let mut found = Vec::new();
    for (index, (chip, line, section, name)) in lines.iter().enumerate() {
        let earlier = lines[..index].iter().find(|(other_chip, other, other_section, _)| {
            // With the buttons off their lines may overlap each other, but still not the display's.
            other_chip == chip && other == line && (other_section == section || controls_used)
        });
        if let Some((_, _, other_section, other_name)) = earlier {
            let what = format!("{name} = {line} is the line of {other_name} in [{other_section}] too");
            let free = (0..=27).rev().find(|free| !lines.iter().any(|(_, used, _, _)| used == free)).unwrap_or(0);
            found.push((*section, *name, Refusal { what, write: format!("{name} = {free}, or another free line") }));
        }
    }
    found
}
