//! The MQTT sink against brokers that are none: silence, garbage, floods.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use leukoscope::config::MqttConfig;

use crate::mqtt_bench::{Bench, config, free_port};
use crate::serial_bench::wait_until;

/// `CONNACK` with success and no properties.
const WELCOME: [u8; 5] = [0x20, 0x03, 0x00, 0x00, 0x00];

/// A broker that does this with each connection; returns its port and how often it was called.
fn broker(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let calls = Arc::new(AtomicU64::new(0));
    let (counted, serve) = (Arc::clone(&calls), Arc::new(serve));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::Relaxed);
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    (port, calls)
}

/// Reads the `CONNECT` and welcomes it.
fn welcome(stream: &mut TcpStream) {
    let mut packet = [0; 512];
    let _ = stream.read(&mut packet);
    let _ = stream.write_all(&WELCOME);
}

#[test]
fn a_broker_that_is_not_there_is_named_and_called_again_with_growing_pauses() {
    let bench = Bench::start(config(free_port()));
    let words = bench.trouble("is not running, or has another port");
    assert!(words.starts_with("the broker mqtt://127.0.0.1:"), "{words}");
    bench.sign("A-1");
    assert_eq!(bench.mark(), "0 0\n");
    bench.end();
}

#[test]
fn what_is_no_broker_is_named_and_no_bytes_of_it_end_the_thread() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[0xff; 4096],
        &[0x00; 64],
        &[0x20, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x20, 0x02, 0x00, 0x01],
    ] {
        let (port, calls) = broker(move |mut stream| {
            let _ = stream.write_all(garbage);
            std::thread::sleep(Duration::from_secs(3));
        });
        let bench = Bench::start(config(port));
        bench.trouble("the broker mqtt://");
        wait_until("it called again", || calls.load(Ordering::Relaxed) > 1);
        bench.end();
    }
}

#[test]
fn garbage_after_the_welcome_costs_the_connection_alone() {
    for packet in [
        // A publication nobody asked for; an acknowledgement of nothing; packets that only a client sends; cut short.
        &[0x30, 0x06, 0x00, 0x01, b'a', 0x00, b'x', b'y'][..],
        &[0x40, 0x02, 0x00, 0x07],
        &[0x40, 0x02, 0xff, 0xff],
        &[0x90, 0x04, 0x00, 0x01, 0x00, 0x00],
        &[0x10, 0x00],
        &[0x82, 0x00],
        &[0xf0, 0x01, 0x00],
        &[0xe0, 0x02, 0x8e, 0x00],
        &[0x62, 0x02, 0x00, 0x01],
        &[0x30, 0x04, 0x00, 0x09, b'a', b'b'],
    ] {
        let (port, calls) = broker(move |mut stream| {
            welcome(&mut stream);
            let _ = stream.write_all(packet);
            std::thread::sleep(Duration::from_millis(200));
        });
        let bench = Bench::start(config(port));
        bench.sign("A-1");
        wait_until("it called again", || calls.load(Ordering::Relaxed) > 2);
        assert_eq!(bench.mark(), "0 0\n", "{packet:?} acknowledges nothing");
        bench.end();
    }
}

#[test]
fn a_packet_without_end_is_cut_off() {
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    let (port, calls) = broker(move |mut stream| {
        welcome(&mut stream);
        // A publication of 256 MB.
        let _ = stream.write_all(&[0x30, 0xff, 0xff, 0xff, 0x7f]);
        while stream.write_all(&[0; 16384]).is_ok() {
            counted.fetch_add(16384, Ordering::Relaxed);
        }
    });
    let bench = Bench::start(MqttConfig { commands: true, ..config(port) });
    wait_until("it called again", || calls.load(Ordering::Relaxed) > 3);
    let each = taken.load(Ordering::Relaxed) / calls.load(Ordering::Relaxed);
    // What the kernel's buffers hold.
    assert!(each < 16 << 20, "{each} bytes a connection were taken");
    bench.end();
}

#[test]
fn a_broker_that_says_nothing_is_given_up_and_the_end_does_not_wait_for_it() {
    let (port, _) = broker(|stream| {
        std::thread::sleep(Duration::from_secs(30));
        drop(stream);
    });
    let bench = Bench::start(config(port));
    std::thread::sleep(Duration::from_millis(300));
    bench.end();
    let bench = Bench::start(config(port));
    bench.trouble("does not answer");
    bench.end();
}
