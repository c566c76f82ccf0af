//! Connection limits: how many at once, with a reserve for the station's own people, how long a client may stall, and
//! an answer to plain HTTP where TLS is required.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use super::Timeouts;
use super::network::host;

/// Connections at once of strangers. One host may have up to half of the free ones: the first host gets 32, enough for
/// several browsers with six each, and even several greedy hosts leave room for one more.
const PLACES: usize = 96;

/// More connections for the device itself and for hosts from which somebody logged in: however many strangers there
/// are, these can connect.
const RESERVED: usize = 32;

/// How long a host is known after a request with a login or token, as long as a login lasts.
const KNOWN: Duration = Duration::from_hours(12);

/// Hosts known at once.
const MOST_KNOWN: usize = 64;

/// Answer to plain HTTP where TLS is required; the connection then closes.
const PLAIN: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    This page speaks TLS only: write https:// before its address, in place of http://\n";

/// Accepts connections while there is room, and drops those that stop reading.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimiter {
    taken: Arc<Mutex<OpenConnections>>,
    /// How long a client may stop reading.
    stalled: Duration,
    /// How long it may stay silent where TLS is required.
    silent: Option<Duration>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    all: usize,
    by_host: HashMap<IpAddr, usize>,
    /// When each known host last sent a request with a login or token.
    known: HashMap<IpAddr, Instant>,
}

impl OpenConnections {
    /// Free places for this host, of which it may have half.
    fn free(&self, host: IpAddr) -> usize {
        let of_all = PLACES.saturating_sub(self.all);
        if self.is_own(host) { of_all.max((PLACES + RESERVED).saturating_sub(self.all).min(RESERVED)) } else { of_all }
    }

    /// Whether this is the device itself or a known host.
    fn is_own(&self, host: IpAddr) -> bool {
        // Not all of 127.0.0.0/8: a program that misbehaves may take any of its addresses, and browsers take this one.
        host == IpAddr::V4(Ipv4Addr::LOCALHOST)
            || host == super::network::host(Ipv6Addr::LOCALHOST.into())
            || self.known.get(&host).is_some_and(|used| used.elapsed() < KNOWN)
    }
}

impl ConnectionLimiter {
    /// Limiter for a server that speaks TLS or plain HTTP.
    pub(super) fn new(timeouts: &Timeouts, tls: bool) -> Self {
        Self { taken: Arc::default(), stalled: timeouts.stalled, silent: tls.then_some(timeouts.header) }
    }

    /// Notes that somebody at this address is logged in or has a token.
    pub(super) fn known(&self, address: IpAddr) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut taken.known;
        known.insert(host(address), Instant::now());
        if known.len() > MOST_KNOWN
            && let Some(oldest) = known.iter().min_by_key(|(_, used)| **used).map(|(host, _)| *host)
        {
            known.remove(&oldest);
        }
    }

    fn enter(&self, address: IpAddr) -> Option<ConnectionSlot> {
        let host = host(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = taken.free(host);
        if 2 * taken.by_host.get(&host).copied().unwrap_or(0) >= free {
            return None;
        }
        taken.all += 1;
        *taken.by_host.entry(host).or_default() += 1;
        Some(ConnectionSlot { taken: Arc::clone(&self.taken), host })
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for ConnectionLimiter {
    type Stream = Guarded;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Guarded, S)>> + Send>>;

    fn accept(&self, mut stream: TcpStream, service: S) -> Self::Future {
        let limiter = self.clone();
        Box::pin(async move {
            stream.set_nodelay(true)?;
            let address = stream.peer_addr()?.ip();
            let place = limiter.enter(address).ok_or_else(|| io::Error::other("too many connections"))?;
            if let Some(silent) = limiter.silent {
                timeout(silent, refuse_plain(&mut stream)).await??;
            }
            Ok((Guarded { stream, patience: limiter.stalled, stalled: None, _place: place }, service))
        })
    }
}

/// Tells a client that begins with a letter, which TLS never does, how to write the address.
async fn refuse_plain(stream: &mut TcpStream) -> io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if !first[0].is_ascii_alphabetic() {
        return Ok(());
    }
    // Unread input would reset the connection before the answer arrives.
    let _ = stream.read(&mut [0; 4096]).await?;
    stream.write_all(PLAIN.as_bytes()).await?;
    stream.shutdown().await?;
    Err(io::Error::other("plain HTTP at a TLS port"))
}

/// One of the connection slots; freed on drop.
#[derive(Debug)]
struct ConnectionSlot {
    taken: Arc<Mutex<OpenConnections>>,
    host: IpAddr,
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_host.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                taken.by_host.remove(&self.host);
            }
        }
    }
}

/// Connection that fails once the client has stopped reading for too long.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    _place: ConnectionSlot,
}

impl Guarded {
    /// Passes on a poll result of the stream, and fails once it has been pending for too long.
    fn within<T>(&mut self, answer: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if answer.is_ready() {
            self.stalled = None;
            return answer;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let answer = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.within(answer, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let answer = Pin::new(&mut this.stream).poll_flush(context);
        this.within(answer, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let answer = Pin::new(&mut this.stream).poll_shutdown(context);
        this.within(answer, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let answer = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.within(answer, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> ConnectionLimiter {
        ConnectionLimiter::new(&Timeouts::default(), true)
    }

    /// Takes as many slots as one host is allowed.
    fn all_of(limiter: &ConnectionLimiter, address: IpAddr) -> Vec<ConnectionSlot> {
        std::iter::from_fn(|| limiter.enter(address)).collect()
    }

    #[test]
    fn one_host_cannot_take_every_place_and_places_are_given_back() {
        let limiter = limiter();
        let greedy: IpAddr = [192, 0, 2, 1].into();
        let mut held = all_of(&limiter, greedy);
        assert_eq!(held.len(), 32);
        assert!(limiter.enter([192, 0, 2, 2].into()).is_some());
        held.pop();
        assert!(limiter.enter(greedy).is_some());
        drop(held);
        assert!(limiter.taken.lock().unwrap().by_host.is_empty());
    }

    #[test]
    fn several_greedy_hosts_leave_room_for_a_browser() {
        let limiter = limiter();
        let _held: Vec<_> = (1..=4).map(|last| all_of(&limiter, [192, 0, 2, last].into())).collect();
        let browser = all_of(&limiter, [192, 0, 2, 9].into());
        assert!(browser.len() >= 6, "{}", browser.len());
    }

    #[test]
    fn a_host_with_many_addresses_is_one() {
        let limiter = limiter();
        let own = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let held: Vec<_> = (0..100).filter_map(|last| limiter.enter(own(last))).collect();
        assert_eq!(held.len(), 32);
    }

    #[test]
    fn strangers_leave_places_for_the_device_and_for_hosts_that_logged_in() {
        let limiter = limiter();
        let known: IpAddr = [192, 0, 2, 200].into();
        limiter.known(known);
        let held: Vec<_> = (0..=199).filter_map(|last| limiter.enter([192, 0, 2, last].into())).collect();
        assert_eq!(held.len(), PLACES);
        assert!(limiter.enter([192, 0, 2, 201].into()).is_none());
        assert!(limiter.enter([127, 0, 0, 2].into()).is_none());
        for own in [known, Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            assert!(all_of(&limiter, own).len() >= 6, "enough for a browser at {own}");
        }
        for last in 0..=255 {
            limiter.known([198, 51, 100, last].into());
        }
        assert_eq!(limiter.taken.lock().unwrap().known.len(), MOST_KNOWN);
    }

    #[test]
    fn there_is_an_end_to_the_places() {
        let limiter = limiter();
        let held: Vec<_> = (0..=255).filter_map(|last| limiter.enter([192, 0, 2, last].into())).collect();
        assert_eq!(held.len(), PLACES);
    }
}
