//! Slow, greedy, stuck or non-TLS connections over real sockets, and how the server handles them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::station::{PASSWORD, Station, read_answer};
use leukoscope::outputs::web::Timeouts;

/// Short timeouts keep the tests short.
const SHORT: Timeouts = Timeouts {
    header: Duration::from_millis(600),
    body: Duration::from_millis(600),
    stalled: Duration::from_millis(600),
    silent: Duration::from_millis(600),
};

/// Sends `head`, then one byte of `rest` every tenth of a second; returns the time until the server hangs up.
fn drip(station: &Station, head: &str, rest: &str) -> Duration {
    let mut stream = station.connect();
    let began = Instant::now();
    stream.write_all(head.as_bytes()).unwrap();
    for byte in rest.bytes().cycle() {
        std::thread::sleep(Duration::from_millis(100));
        if stream.write_all(&[byte]).and_then(|()| stream.flush()).is_err() || began.elapsed() > Duration::from_secs(8)
        {
            break;
        }
    }
    began.elapsed()
}

#[test]
fn bodies_are_bounded_whether_or_not_they_say_how_long_they_are() {
    let station = Station::at_device();
    let big = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    let told = station.ask("POST", "/api/login", &[], &big);
    assert_eq!(told.status, 413);
    assert!(told.error().contains("65536"));

    let mut stream = station.connect();
    let head = format!(
        "POST /api/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        station.host()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    for _ in 0..5 {
        // The server may answer and hang up before it has received everything.
        let _ = stream.write_all(chunk.as_bytes());
    }
    assert_eq!(read_answer(&mut *stream).unwrap().status, 413);
}

#[test]
fn a_connection_that_begins_with_the_preface_of_http_2_is_closed_and_the_server_goes_on() {
    let station = Station::at_device();
    // Found by a fuzzer: the preface of RFC 9113, section 3.4, followed by invalid frames.
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0\0\0\0\n".to_vec();
    bytes.extend([0; 48]);
    bytes.extend([0xae; 91]);
    let mut stream = station.connect();
    stream.write_all(&bytes).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    let mut slowly = station.connect();
    for byte in b"PRI * HTTP/2.0" {
        // Fails once the station has closed the connection.
        let _ = slowly.write_all(&[*byte]);
    }
    answer.clear();
    let _ = slowly.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    assert_eq!(station.get("/", &[]).status, 200);
}

#[test]
fn http_2_is_not_spoken_over_tls_either() {
    let station = Station::in_network();
    for preface in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..], b"PRI * HTTP/2.0"] {
        let mut stream = station.connect();
        // Fails once the station has closed the connection.
        let _ = stream.write_all(preface).and_then(|()| stream.flush());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{answer:?}");
    }
    assert_eq!(station.get("/", &[]).status, 200);
}

#[test]
fn heads_are_bounded() {
    let station = Station::at_device();
    let long = station.get("/", &[&format!("X-Long: {}", "x".repeat(60_000))]);
    assert_eq!(long.status, 431);
    let line = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000));
    assert!(matches!(station.raw(line.as_bytes()).status, 414 | 431));
}

#[test]
fn slow_clients_are_dropped_in_time() {
    let station = Station::at("127.0.0.1:0", |web| web.timeouts = SHORT);
    let patience = Duration::from_secs(3);
    let host = station.host();
    assert!(drip(&station, "GET / HTTP/1.1\r\nX-Slow: ", "x") < patience, "a slow head");
    let head = format!(
        "POST /api/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    );
    assert!(drip(&station, &head, " ") < patience, "a slow body");
    // One client that sends nothing, and one that keeps an idle connection.
    for first in [String::new(), format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")] {
        let mut stream = station.connect();
        stream.write_all(first.as_bytes()).unwrap();
        let began = Instant::now();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(began.elapsed() < patience, "{first:?}: {:?}", began.elapsed());
    }
    assert_eq!(station.get("/", &[]).status, 200, "everybody else is served");
}

#[test]
fn a_slow_body_is_told_so() {
    let station = Station::at("127.0.0.1:0", |web| web.timeouts = SHORT);
    let mut stream = station.connect();
    let head = format!(
        "POST /api/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{{",
        station.host()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let answer = read_answer(&mut *stream).unwrap();
    assert_eq!((answer.status, answer.error().as_str()), (408, "the body did not come in time"));
}

#[test]
fn one_address_cannot_hold_every_connection() {
    let station = Station::at_device();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", station.host());
    let mut held: Vec<_> = (0..40).map(|_| TcpStream::connect(station.address).unwrap()).collect();
    for stream in &held {
        stream.set_nonblocking(true).unwrap();
    }
    let is_open =
        |mut stream: &TcpStream| matches!(stream.read(&mut [0]), Err(none) if none.kind() == ErrorKind::WouldBlock);
    let began = Instant::now();
    while held.len() > 32 {
        held.retain(is_open);
        assert!(began.elapsed() < Timeouts::default().header / 2, "they were refused, and not only given up");
        std::thread::yield_now();
    }
    held[0].set_nonblocking(false).unwrap();
    held[0].write_all(request.as_bytes()).unwrap();
    assert_eq!(read_answer(&mut held[0]).unwrap().status, 200, "those that were let in are served");
    drop(held);
    let began = Instant::now();
    loop {
        let mut stream = station.connect();
        if stream.write_all(request.as_bytes()).is_ok() && read_answer(&mut *stream).is_some() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "places are given back");
    }
}

#[test]
fn whoever_stops_before_or_within_the_beginning_of_tls_is_dropped_in_time() {
    let station = Station::at("0.0.0.0:0", |web| web.timeouts = SHORT);
    // Nothing; the type of a first message; and its header without the last byte of the length.
    for first in [&[][..], &[0x16], &[0x16, 3, 1, 2]] {
        let mut stream = TcpStream::connect(station.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(first).unwrap();
        let began = Instant::now();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(began.elapsed() < Duration::from_secs(5), "{first:?}: {:?}", began.elapsed());
    }
    assert_eq!(station.get("/", &[]).status, 200, "everybody else is served");
}

#[test]
fn whoever_stops_after_the_handshake_is_dropped_in_time() {
    let station = Station::at("0.0.0.0:0", |web| web.timeouts = SHORT);
    let host = station.host();
    let part = |length: usize| {
        format!(
            "POST /api/login HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{"
        )
    };
    // Not a byte, half a head, half a body that is read, half a body that nobody reads, and an idle connection.
    let firsts = [
        String::new(),
        "GET / HTTP/1.1\r\nX-Half: ".to_owned(),
        part(50),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 50\r\n\r\nhalf"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ];
    std::thread::scope(|scope| {
        for first in firsts {
            let station = &station;
            scope.spawn(move || {
                let mut stream = station.connect();
                // An empty write makes the handshake, too.
                stream.write_all(first.as_bytes()).and_then(|()| stream.flush()).unwrap();
                let began = Instant::now();
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest);
                assert!(began.elapsed() < Duration::from_secs(5), "{first:?}: {:?}", began.elapsed());
            });
        }
    });
    assert_eq!(station.get("/", &[]).status, 200, "everybody else is served");
}

#[test]
fn a_watcher_that_answers_nothing_is_dropped_in_time() {
    let station = Station::at("127.0.0.1:0", |web| web.timeouts = SHORT);
    let mut stream = station.connect();
    let upgrade = format!(
        "GET /api/live/stream HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        station.host()
    );
    stream.write_all(upgrade.as_bytes()).unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    // It reads what comes, and answers no ping.
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.starts_with(b"HTTP/1.1 101 "), "{:?}", String::from_utf8_lossy(&rest));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// A connection from this address of the loopback network.
fn connect_from(runtime: &tokio::runtime::Runtime, from: [u8; 4], to: SocketAddr) -> Option<TcpStream> {
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(to).await.ok()?.into_std().ok()
    })
}

#[test]
fn five_hundred_slow_connections_leave_places_for_the_stations_own_people() {
    for station in [Station::at_device(), Station::in_network()] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut held = Vec::new();
        for round in 0..5 {
            for last in 2..102 {
                let stream = connect_from(&runtime, [127, 0, 0, last], station.address);
                held.extend(stream.and_then(|mut stream| {
                    stream.set_nonblocking(false).ok()?;
                    // Half a head, or half of the first message of TLS.
                    let half: &[u8] = if round % 2 == 0 { b"GET / HTTP/1.1\r\nX-Slow: " } else { &[0x16, 3, 1] };
                    stream.write_all(half).ok()?;
                    Some(stream)
                }));
            }
        }
        assert_eq!(held.len(), 500);
        let began = Instant::now();
        assert_eq!(station.get("/", &[]).status, 200, "whoever is at the device");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        if station.login_needed() {
            assert_eq!(station.try_login("ada", PASSWORD).status, 204);
        }
    }
}

#[test]
fn whoever_asks_on_and_reads_nothing_is_dropped() {
    let station = Station::at("127.0.0.1:0", |web| web.timeouts = SHORT);
    let mut stream = TcpStream::connect(station.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let requests = format!("GET /api/openapi.json HTTP/1.1\r\nHost: {}\r\n\r\n", station.host()).repeat(100);
    let dropped = loop {
        if let Err(problem) = stream.write_all(requests.as_bytes()) {
            break problem.kind();
        }
    };
    assert!(matches!(dropped, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{dropped:?}");
    assert_eq!(station.get("/", &[]).status, 200, "everybody else is served");
}

#[test]
fn off_the_loopback_address_only_tls_is_spoken() {
    let station = Station::in_network();
    let mut plain = TcpStream::connect(station.address).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut said = Vec::new();
    plain.read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("write https://"), "{said}");
    assert!(!said.contains("leukoscope"), "nothing is shown");
    assert!(station.try_login("otto", PASSWORD).cookie().contains("; Secure"));
}

#[test]
fn the_page_ends_within_two_seconds_whoever_is_connected() {
    let mut station = Station::at_device();
    let mut idle: Vec<_> = (0..5).map(|_| station.connect()).collect();
    idle[0].write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
    let began = Instant::now();
    station.end();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
