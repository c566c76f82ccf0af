//! HTTP/1 only: a connection that starts with the HTTP/2 preface is closed.
//!
//! hyper-util's `http1_only` does not cover upgradable connections (web sockets), and the limits on the size and time
//! of request heads apply to HTTP/1 only: an HTTP/2 client would have no limits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Start of the HTTP/2 preface (RFC 9113, section 3.4); no HTTP/1 method served here starts with it.
const PREFACE: &[u8] = b"PRI ";

/// Wraps the streams of an acceptor; behind TLS it sees the decrypted bytes.
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

/// A stream that fails once its first bytes match the preface.
#[derive(Debug)]
pub(super) struct WithoutPreface<S> {
    stream: S,
    /// Bytes of the preface matched so far; none once the stream has started differently.
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
