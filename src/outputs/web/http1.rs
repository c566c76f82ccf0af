//! HTTP/1 only: a connection that begins with HTTP/2's preface is closed.
//!
//! hyper-util's `http1_only` does not hold for connections that may be upgraded (web sockets), and the limits of heads and
//! their time are HTTP/1's: a client that speaks HTTP/2 would have none.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The preface begins with this (RFC 9113, section 3.4); no method of HTTP/1 that is served here does.
const PREFACE: &[u8] = b"PRI ";

/// Wraps the streams of an acceptor; behind TLS it sees what was deciphered.
#[derive(Clone, Debug)]
pub(super) struct Http1Only<A>(pub(super) A);

impl<A, I, S> Accept<I, S> for Http1Only<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = WithoutPreface<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepting = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            Ok((WithoutPreface { stream, matched: Some(0) }, service))
        })
    }
}

/// A stream that fails as soon as its first bytes are the preface's.
#[derive(Debug)]
pub(super) struct WithoutPreface<S> {
    stream: S,
    /// Bytes of the preface read so far; none once the stream began otherwise.
    matched: Option<usize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for WithoutPreface<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        if let Some(matched) = this.matched {
            let left = &PREFACE[matched..];
            let read = &buffer.filled()[before..];
            let compared = read.len().min(left.len());
            this.matched = (read[..compared] == left[..compared]).then_some(matched + compared);
            if this.matched == Some(PREFACE.len()) {
                buffer.set_filled(before);
                return Poll::Ready(Err(io::Error::other("HTTP/2 is not spoken here")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WithoutPreface<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
