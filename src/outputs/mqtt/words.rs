//! What went wrong with a broker, in words for the person at the device.

use std::error::Error;
use std::io;

use rumqttc::mqttbytes::Error as MqttError;
use rumqttc::{ConnectReturnCode, ConnectionError, DisconnectReasonCode, PubAckReason, StateError, TlsError};

/// Two programs with one name.
const TAKEN_OVER: &str =
    "has another program with this station's name; give each station a name of its own in [station] name";

/// Why connections end soon after they begin, again and again. Some brokers do not say that another program came under
/// the same name.
pub(super) fn of_short_ones(problem: &str) -> String {
    if problem == TAKEN_OVER {
        return TAKEN_OVER.to_owned();
    }
    format!("{problem}, again and again; does another station have this one's name? See [station] name")
}

/// Why a connection could not be made, or ended.
pub(super) fn of_connection(problem: &ConnectionError) -> String {
    match problem {
        ConnectionError::ConnectionRefused(code) => refused(*code),
        ConnectionError::Timeout(_) => "does not answer; see [mqtt] broker, and the network".to_owned(),
        ConnectionError::Io(problem) | ConnectionError::Tls(TlsError::Io(problem)) => of_io(problem),
        ConnectionError::Tls(TlsError::TLS(problem)) => of_tls(problem),
        ConnectionError::MqttState(problem) => of_state(problem),
        ConnectionError::NotConnAck(_) => no_mqtt(&"an answer out of turn"),
        other => other.to_string(),
    }
}

fn refused(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            "refuses this user and password; see [mqtt] user and password_file".to_owned()
        }
        ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion => {
            "does not speak MQTT 5; use a broker that does, such as Mosquitto 2".to_owned()
        }
        other => format!("refuses the connection: {other:?}"),
    }
}

fn of_state(problem: &StateError) -> String {
    match problem {
        StateError::Io(problem) | StateError::Deserialization(MqttError::Io(problem)) => of_io(problem),
        StateError::ConnectionAborted => "closed the connection".to_owned(),
        StateError::AwaitPingResp => "does not answer any more".to_owned(),
        StateError::Deserialization(problem) => no_mqtt(problem),
        StateError::ConnFail { reason } => refused(*reason),
        StateError::ServerDisconnect { reason_code: DisconnectReasonCode::SessionTakenOver, .. } => {
            TAKEN_OVER.to_owned()
        }
        StateError::ServerDisconnect { reason_code, reason_string } => {
            let said = reason_string.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
            format!("ended the connection: {reason_code:?}{said}")
        }
        other => other.to_string(),
    }
}

fn no_mqtt(problem: &dyn ToString) -> String {
    format!("sends what is no MQTT ({}); see [mqtt] broker: is its port the broker's?", problem.to_string())
}

fn of_io(problem: &io::Error) -> String {
    let source = problem.get_ref().map(|source| source as &(dyn Error + 'static));
    if let Some(problem) = source.and_then(|source| source.downcast_ref::<rustls::Error>()) {
        return of_tls(problem);
    }
    match problem.kind() {
        io::ErrorKind::ConnectionRefused => "is not running, or has another port; see [mqtt] broker".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "closed the connection".to_owned()
        }
        _ => format!("cannot be reached: {problem}"),
    }
}

fn of_tls(problem: &rustls::Error) -> String {
    match problem {
        rustls::Error::InvalidCertificate(wrong) => {
            format!("has a certificate that is not trusted ({wrong}); see [mqtt] ca, the host's name, and the clock")
        }
        rustls::Error::AlertReceived(alert) => {
            format!("ended the TLS connection ({alert:?}); see [mqtt] certificate and key")
        }
        rustls::Error::InvalidMessage(_) => "does not speak TLS at this port; see [mqtt] broker".to_owned(),
        other => format!("cannot be spoken to over TLS: {other}"),
    }
}

/// Why a result was not taken.
pub(super) fn of_result(reason: PubAckReason, topic: &str) -> String {
    match reason {
        PubAckReason::NotAuthorized => format!("refuses results; let the station's user publish to {topic}"),
        PubAckReason::QuotaExceeded => "has no room for results".to_owned(),
        other => format!("refuses results: {other:?}"),
    }
}
