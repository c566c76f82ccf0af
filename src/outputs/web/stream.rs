//! Live view: the current state, a stream of states and pictures, and commands to the count.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval, timeout};
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Body, ErrorBody};
use super::guard::{Caller, How, user_of};
use crate::counting::session::sample::sample_id;
use crate::counting::session::snapshot::{Command, EarlierResult, Snapshot};
use crate::counting::statistics::absolute::{Entered, NoWhiteCount, WhiteCount};
use crate::counting::statistics::per_red_cell::{NoRedCount, RedCount};
use crate::station::live_view::{self, PACE};
use crate::station::requests::Asked;
use crate::store::records::SessionId;
use crate::system::zone;

/// Watchers at once.
const WATCHERS: usize = 16;

/// How often a watcher's login is checked.
const RECHECK: Duration = Duration::from_secs(5);

/// WebSocket close code "policy violation", for a login that ended.
const LOGGED_OUT: u16 = 1008;

/// Current state of the count.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Now {
    /// Number of the snapshot's session; null before the first.
    #[schema(value_type = Option<i64>)]
    session: Option<SessionId>,
    /// State of the count; null while the program is starting.
    snapshot: Option<Snapshot>,
}

/// Stream message with a state.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename = "state")]
pub(super) struct StateMessage<'a> {
    /// Number of the snapshot's session; null before the first.
    #[schema(value_type = Option<i64>)]
    session: Option<SessionId>,
    /// State of the count; null while the program is starting.
    #[schema(value_type = Option<Snapshot>)]
    snapshot: Option<&'a Snapshot>,
}

/// Command to the count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandBody {
    command: CommandWord,
    /// Sample id, 1 to 64 characters that show and print, by the rules of `[sample]`; with `new`, and with what
    /// is entered for a sample: that is refused if another is counted.
    sample: Option<String>,
    /// White count, 0.01 to 1000, in 10^9 per litre (thousands per microlitre); with `white` only, and only while a sample
    /// is counted.
    white_count: Option<f64>,
    /// Group of people that the laboratory's reference ranges name; with `group` only, and only while a sample is counted.
    group: Option<String>,
    /// Red count, 0.1 to 10, in 10^12 per litre (millions per microlitre); with `red` only, and only
    /// while a sample is counted.
    red_count: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CommandWord {
    /// Start counting.
    Start,
    /// End the count and give the result.
    Stop,
    /// End the running count, if any, and begin the next sample.
    New,
    /// Set the red count of the sample being counted.
    Red,
    /// Set the white count of the sample being counted.
    White,
    /// Say to which group of the reference ranges the person belongs.
    Group,
}

/// The current state.
#[utoipa::path(get, path = "/api/live", tag = "live", responses((status = 200, body = Now)))]
pub(super) async fn now(State(app): State<SharedApp>) -> Json<Now> {
    let live_view::State { session, snapshot } = app.live.state();
    Json(Now { session, snapshot: snapshot.map(|snapshot| Snapshot::clone(&snapshot)) })
}

/// Answer to a command that was passed on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PassedOn {
    /// Sentence for a person if something about the command should be known, else null.
    warning: Option<String>,
    /// The signed result that the new sample's id has already.
    earlier: Option<EarlierResult>,
}

/// Send a command to the count. It takes effect within a moment; the state shows when it has. A sample whose id has a
/// signed result already begins all the same; the answer warns and names that result.
#[utoipa::path(post, path = "/api/live/commands", tag = "live", request_body = CommandBody, responses(
    (status = 202, description = "Passed on to the count", body = PassedOn),
    (status = 409, description = "A count or a group while no sample is counted", body = ErrorBody),
    (status = 503, description = "Too much was asked already; ask again", body = ErrorBody),
))]
pub(super) async fn command(
    State(app): State<SharedApp>,
    caller: Caller,
    Body(asked): Body<CommandBody>,
) -> Result<(StatusCode, Json<PassedOn>), ApiError> {
    let command = asked.into_command()?;
    if let Command::Enter(Entered::Group(group)) = &command
        && !app.letterhead.ranges.groups().contains(&group.as_str())
    {
        return Err(ApiError::request(format!("no reference range of this laboratory names the group {group}")));
    }
    log::info!("page: {} asks for {command:?}", caller.by());
    let sample = if let Command::NewSample(Some(id)) = &command { Some(id.clone()) } else { None };
    app.commands.ask(Asked::by(caller.by(), command))?;
    let Some(sample) = sample else {
        return Ok((StatusCode::ACCEPTED, Json(PassedOn { warning: None, earlier: None })));
    };
    let of = sample.clone();
    let earlier = blocking(&app, move |app: &App| app.store.signed_before(&of)).await?;
    let warning = earlier.as_ref().map(|EarlierResult { session, started, counted, by, .. }| {
        let started = zone::minute(*started);
        format!("sample {sample} has a signed result already: session {session} of {started}, {counted} cells, signed by {by}")
    });
    Ok((StatusCode::ACCEPTED, Json(PassedOn { warning, earlier })))
}

/// What was entered, for the sample if one is named.
fn for_sample(sample: Option<String>, entered: Entered) -> Result<Command, ApiError> {
    let Some(sample) = sample else { return Ok(Command::Enter(entered)) };
    let sample = sample_id(&sample).map_err(|problem| ApiError::request(problem.to_string()))?;
    Ok(Command::EnterFor(sample, entered))
}

impl CommandBody {
    fn into_command(self) -> Result<Command, ApiError> {
        let Self { command, sample, red_count, white_count, group } = self;
        let counts = (red_count, white_count, group);
        match (command, sample, counts) {
            (CommandWord::Start, None, (None, None, None)) => Ok(Command::Start),
            (CommandWord::Stop, None, (None, None, None)) => Ok(Command::Stop),
            (CommandWord::New, None, (None, None, None)) => Ok(Command::NewSample(None)),
            (CommandWord::New, Some(sample), (None, None, None)) => {
                let sample = sample_id(&sample).map_err(|problem| ApiError::request(problem.to_string()))?;
                Ok(Command::NewSample(Some(sample)))
            }
            (CommandWord::Red, sample, (Some(count), None, None)) => {
                let count = RedCount::new(count).ok_or_else(|| ApiError::request(NoRedCount.to_string()))?;
                for_sample(sample, Entered::Red(count))
            }
            (CommandWord::White, sample, (None, Some(count), None)) => {
                let count = WhiteCount::new(count).ok_or_else(|| ApiError::request(NoWhiteCount.to_string()))?;
                for_sample(sample, Entered::White(count))
            }
            (CommandWord::Group, sample, (None, None, Some(group))) => for_sample(sample, Entered::Group(group)),
            (CommandWord::Red, ..) => Err(ApiError::request("red takes red_count, and may take its sample")),
            (CommandWord::White, ..) => Err(ApiError::request("white takes white_count, and may take its sample")),
            (CommandWord::Group, ..) => Err(ApiError::request("group takes group, and may take its sample")),
            (CommandWord::New, ..) => {
                Err(ApiError::request("new takes a sample at most; send red, white and group afterwards"))
            }
            (CommandWord::Start | CommandWord::Stop, ..) => {
                Err(ApiError::request("start and stop take neither sample, red_count, white_count nor group"))
            }
        }
    }
}

/// WebSocket of states and pictures.
///
/// Text messages `{"type":"state","session":…,"snapshot":…}` on changes, at most five a second. For each frame shown,
/// at most five a second, a text message `{"type":"view","width":…,"height":…,"boxes":[…]}` followed by one binary
/// message, its JPEG, at most 800 px wide; boxes are in px of the picture. A slow watcher misses frames. Any text
/// sent to the server says that a person is there, and keeps the login from ending.
#[utoipa::path(get, path = "/api/live/stream", tag = "live", responses(
    (status = 101, description = "The stream begins"),
    (status = 503, description = "Too many watch already", body = super::error::ErrorBody),
))]
pub(super) async fn watch(
    State(app): State<SharedApp>,
    caller: Caller,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|rejection| ApiError::wrong(rejection.status(), "this is a WebSocket"))?;
    if app.live.watchers() >= WATCHERS {
        return Err(ApiError::busy("too many watch already"));
    }
    let upgrade = upgrade.max_message_size(4096).max_frame_size(4096);
    Ok(upgrade.on_upgrade(move |socket| serve(app, caller, socket)))
}

/// Serves one watcher until it leaves, is logged out, or stops reading.
async fn serve(app: SharedApp, caller: Caller, mut socket: WebSocket) {
    let mut states = app.live.states();
    // Sends the state once at the beginning, changed or not.
    states.mark_changed();
    let mut pictures = app.live.pictures();
    let mut tick = interval(PACE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut pinged, mut checked) = (Instant::now(), Instant::now(), Instant::now());
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(message)) => {
                    heard = Instant::now();
                    if matches!(message, Message::Text(_)) && !still_in(&app, &caller, true).await {
                        break;
                    }
                }
            },
            _ = tick.tick() => {
                let now = Instant::now();
                if now.duration_since(heard) > app.timeouts.silent {
                    return;
                }
                if now.duration_since(checked) > RECHECK {
                    checked = now;
                    if !still_in(&app, &caller, false).await {
                        break;
                    }
                }
                let mut messages = Vec::new();
                if now.duration_since(pinged) > app.timeouts.silent / 3 {
                    pinged = now;
                    messages.push(Message::Ping(Vec::new().into()));
                }
                if states.has_changed().unwrap_or(false) {
                    let state = states.borrow_and_update().clone();
                    let message = StateMessage { session: state.session, snapshot: state.snapshot.as_deref() };
                    // A snapshot always serialises; if one ever did not, this watcher would miss it.
                    messages.extend(serde_json::to_string(&message).ok().map(Message::from));
                }
                if pictures.has_changed().unwrap_or(false)
                    && let Some(shown) = pictures.borrow_and_update().clone()
                {
                    messages.push(Message::from(shown.words.clone()));
                    messages.push(Message::from(shown.jpeg.clone()));
                }
                for message in messages {
                    match timeout(app.timeouts.stalled, socket.send(message)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => return,
                    }
                }
            }
        }
    }
    let farewell = CloseFrame { code: LOGGED_OUT, reason: "log in again".into() };
    let _ = timeout(app.timeouts.stalled, socket.send(Message::Close(Some(farewell)))).await;
}

/// Whether the watcher's login or token still holds; `used` if a person is active.
async fn still_in(app: &SharedApp, caller: &Caller, used: bool) -> bool {
    let user = match &caller.how {
        // No login at the device itself.
        How::AtDevice => return true,
        How::Token(hash) => {
            let hash = hash.clone();
            blocking(app, move |app: &App| app.store.token_by_hash(&hash)).await
        }
        How::Login(id) => {
            let Some(name) = app.logins().user(id, Instant::now(), used) else { return false };
            user_of(app, *id, name).await
        }
    };
    user.is_ok_and(|user| user.is_some())
}
