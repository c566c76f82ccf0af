//! The live stream, over real sockets.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::stored;
use crate::station::Station;
use image::{Rgb, RgbImage};
use leukoscope::domain::class::{CellClass, Kind};
use leukoscope::domain::geometry::Rect;
use leukoscope::outputs::web::Timeouts;
use leukoscope::station::live_view::{LiveBox, LiveView};
use leukoscope::store::records::Role;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocket;
use tokio_tungstenite::tungstenite::{self, Message};

type Socket = WebSocket<Box<dyn crate::station::Stream>>;

fn watch(station: &Station, cookie: Option<&str>) -> Socket {
    watch_with(station, cookie.map(|cookie| ("Cookie", cookie)))
}

fn watch_with(station: &Station, header: Option<(&'static str, &str)>) -> Socket {
    let mut request = format!("ws://{}/api/live/stream", station.host()).into_client_request().unwrap();
    request.headers_mut().insert("Origin", station.origin().parse().unwrap());
    if let Some((name, value)) = header {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    tungstenite::client(request, station.connect()).unwrap_or_else(|error| panic!("{error}")).0
}

/// The next text or binary message.
fn next(socket: &mut Socket) -> Message {
    loop {
        match socket.read().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

fn text(socket: &mut Socket) -> Value {
    serde_json::from_str(next(socket).to_text().unwrap()).unwrap()
}

/// A frame of noise that JPEG cannot compress well.
fn noisy(width: u32, height: u32) -> LiveView {
    let mut chance = fastrand::Rng::with_seed(1);
    let picture = RgbImage::from_fn(width, height, |_, _| Rgb([chance.u8(..), chance.u8(..), chance.u8(..)]));
    let area = Rect::new(10.0, 20.0, 30.0, 40.0);
    let found = LiveBox { area, kind: Kind::Wbc, class: Some(CellClass::Ngs), probability: Some(0.9) };
    LiveView { picture: Arc::new(picture), boxes: vec![found] }
}

/// Waits until a condition holds.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_watcher_is_told_the_state_at_once_and_every_change() {
    for station in [Station::at_device(), Station::in_network()] {
        station.live.publish(Some(7), Arc::new(stored::result("A-1")));
        let cookie = station.login("otto");
        let mut socket = watch(&station, Some(&cookie));
        let state = text(&mut socket);
        assert_eq!((&state["type"], &state["session"]), (&json!("state"), &json!(7)));
        assert_eq!(state["snapshot"]["sample"], "A-1");
        station.live.publish(Some(8), Arc::new(stored::result("A-2")));
        let state = text(&mut socket);
        assert_eq!((&state["session"], &state["snapshot"]["sample"]), (&json!(8), &json!("A-2")));
        let now = station.by(&cookie, "GET", "/api/live", "").json();
        assert_eq!((&now["session"], &now["snapshot"]), (&state["session"], &state["snapshot"]));
    }
}

#[test]
fn frames_are_shown_with_their_boxes_while_somebody_watches() {
    let station = Station::at_device();
    assert!(!station.live.watched());
    let mut socket = watch(&station, None);
    assert_eq!(text(&mut socket)["snapshot"], Value::Null, "nothing is known yet");
    until("it is known that somebody watches", || station.live.watched());
    station.live.show(noisy(1000, 500));
    let view = text(&mut socket);
    let found = json!([{"x": 8.0, "y": 16.0, "w": 24.0, "h": 32.0, "kind": "WBC", "class": "NGS", "probability": 0.9}]);
    assert_eq!(view, json!({"type": "view", "width": 800, "height": 400, "boxes": found}));
    let Message::Binary(jpeg) = next(&mut socket) else { panic!("a picture") };
    assert_eq!(image::load_from_memory(&jpeg).unwrap().to_rgb8().dimensions(), (800, 400));
    drop(socket);
    until("it is known that nobody watches any more", || !station.live.watched());
}

#[test]
fn no_more_than_five_pictures_a_second_are_sent() {
    let station = Station::at_device();
    let mut socket = watch(&station, None);
    text(&mut socket);
    until("it is known that somebody watches", || station.live.watched());
    let live = station.live.clone();
    let showing = std::thread::spawn(move || {
        let (view, began) = (noisy(64, 48), Instant::now());
        while began.elapsed() < Duration::from_secs(2) {
            live.show(view.clone());
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let (began, mut pictures) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_millis(1900) {
        pictures += u32::from(next(&mut socket).is_binary());
    }
    showing.join().unwrap();
    assert!((4..=11).contains(&pictures), "{pictures}");
}

#[test]
fn a_watcher_that_takes_nothing_holds_up_nobody_and_is_dropped() {
    let stalled = Duration::from_millis(500);
    let station = Station::at("127.0.0.1:0", |web| web.timeouts = Timeouts { stalled, ..Timeouts::default() });
    let stuck = watch(&station, None);
    let mut socket = watch(&station, None);
    text(&mut socket);
    until("it is known that somebody watches", || station.live.watched());
    let view = noisy(800, 1600);
    let live = station.live.clone();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let showing = std::thread::spawn(move || {
        let mut longest = Duration::ZERO;
        // Runs until told to end, without a busy wait.
        while ended.recv_timeout(Duration::from_millis(20)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let began = Instant::now();
            live.show(view.clone());
            longest = longest.max(began.elapsed());
        }
        longest
    });
    let mut pictures = 0;
    let began = Instant::now();
    // The other watcher keeps receiving until the stuck one's buffers are full and it is dropped.
    while station.live.watchers() > 1 {
        pictures += u32::from(next(&mut socket).is_binary());
        assert!(began.elapsed() < Duration::from_mins(1), "it was never dropped");
    }
    assert!(pictures > 2);
    drop(done);
    assert!(showing.join().unwrap() < Duration::from_secs(1), "the count was held up");
    drop(stuck);
}

#[test]
fn a_stream_ends_with_its_login() {
    let station = Station::in_network();
    let cookie = station.login("otto");
    let mut socket = watch(&station, Some(&cookie));
    text(&mut socket);
    assert_eq!(station.by(&cookie, "POST", "/api/logout", "").status, 204);
    // An activity message does not replace a login.
    socket.send(Message::text("here")).unwrap();
    let Message::Close(Some(farewell)) = next(&mut socket) else { panic!("it goes on") };
    assert_eq!(u16::from(farewell.code), 1008);
}

#[test]
fn a_stream_ends_with_its_token_or_with_the_password_it_was_begun_under() {
    let station = Station::in_network();
    let bearer = format!("Bearer {}", station.token(Role::Operator));
    let cookie = station.login("otto");
    let mut sockets = [watch_with(&station, Some(("Authorization", &bearer))), watch(&station, Some(&cookie))];
    for socket in &mut sockets {
        text(socket);
    }
    let now = jiff::Timestamp::now();
    station.store.remove_token("host", "console", now).unwrap();
    station.store.set_user("otto", None, None, Some("another horse battery"), "console", now).unwrap();
    for socket in &mut sockets {
        // Ends without any message from the watcher: logins are checked every few seconds.
        let Message::Close(Some(farewell)) = next(socket) else { panic!("it goes on") };
        assert_eq!(u16::from(farewell.code), 1008);
    }
}

#[test]
fn streams_end_with_the_program() {
    let mut station = Station::at_device();
    let mut socket = watch(&station, None);
    text(&mut socket);
    let began = Instant::now();
    station.end();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(matches!(socket.read(), Ok(Message::Close(_)) | Err(_)));
    assert!(TcpStream::connect(station.address).is_err(), "nobody listens any more");
}
