//! Connections: how many there are at once, and how long one may take nothing.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Connections at once, from everywhere.
const PLACES: usize = 96;

/// Connections at once from one address: some browsers with six each.
const PLACES_OF_ONE: usize = 32;

/// Lets connections in while there is room, and drops those that take nothing of what is sent to them.
#[derive(Clone, Debug)]
pub(super) struct Doorway {
    taken: Arc<Mutex<Taken>>,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Doorway {
    /// A doorway; a connection that takes nothing for as long as `patience` is dropped.
    pub(super) fn new(patience: Duration) -> Self {
        Self { taken: Arc::default(), patience }
    }

    fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= PLACES || taken.by_address.get(&address).is_some_and(|count| *count >= PLACES_OF_ONE) {
            return None;
        }
        taken.all += 1;
        *taken.by_address.entry(address).or_default() += 1;
        Some(Place { taken: Arc::clone(&self.taken), address })
    }
}

impl<S> Accept<TcpStream, S> for Doorway {
    type Stream = Guarded;
    type Service = S;
    type Future = Ready<io::Result<(Guarded, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready((|| {
            stream.set_nodelay(true)?;
            let address = stream.peer_addr()?.ip().to_canonical();
            let place = self.enter(address).ok_or_else(|| io::Error::other("too many connections"))?;
            Ok((Guarded { stream, patience: self.patience, stalled: None, _place: place }, service))
        })())
    }
}

/// One of the places; given back when it is dropped.
#[derive(Debug)]
struct Place {
    taken: Arc<Mutex<Taken>>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

/// A connection that fails once the other side has taken nothing for too long.
#[derive(Debug)]
pub(super) struct Guarded {
    stream: TcpStream,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Guarded {
    /// Passes an answer of the stream on; a wait for it has an end.
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

    #[test]
    fn one_address_cannot_take_every_place_and_places_are_given_back() {
        let doorway = Doorway::new(Duration::from_secs(1));
        let greedy: IpAddr = [192, 0, 2, 1].into();
        let mut held: Vec<_> = std::iter::from_fn(|| doorway.enter(greedy)).collect();
        assert_eq!(held.len(), PLACES_OF_ONE);
        assert!(doorway.enter([192, 0, 2, 2].into()).is_some());
        held.pop();
        assert!(doorway.enter(greedy).is_some());
        drop(held);
        assert!(doorway.taken.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn there_is_an_end_to_the_places() {
        let doorway = Doorway::new(Duration::from_secs(1));
        let held: Vec<_> = (0..=255).filter_map(|last| doorway.enter([192, 0, 2, last].into())).collect();
        assert_eq!(held.len(), PLACES);
    }
}
