//! A stream whose first bytes have already been read: they are given again before the rest. It tells
//! when what is written waits for the client.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// `stream`, preceded by bytes that were taken from it.
pub(crate) struct Rewind<S> {
    taken: Vec<u8>,
    given: usize,
    stream: S,
    waits: Box<dyn Fn() + Send>,
}

impl<S> Rewind<S> {
    /// Puts `taken` back in front of `stream`; `waits` is called when the stream takes no more bytes
    /// for the moment.
    pub(crate) fn new(taken: Vec<u8>, stream: S, waits: impl Fn() + Send + 'static) -> Self {
        Self { taken, given: 0, stream, waits: Box::new(waits) }
    }

    fn telling<T>(&self, written: Poll<T>) -> Poll<T> {
        if written.is_pending() {
            (self.waits)();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewind<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = &self.taken[self.given..];
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..count]);
        self.given += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewind<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.telling(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.telling(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_was_taken_comes_first() {
        let mut stream = Rewind::new(b"GET /".to_vec(), &b" HTTP/1.1"[..], || ());
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"GET / HTTP/1.1");
    }

    #[tokio::test]
    async fn it_tells_when_the_client_takes_nothing_and_not_before() {
        let (near, _far) = tokio::io::duplex(16);
        let told = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&told);
        let mut stream = Rewind::new(Vec::new(), near, move || _ = counted.fetch_add(1, Relaxed));
        stream.write_all(&[0; 16]).await.unwrap();
        assert_eq!(told.load(Relaxed), 0);
        assert!(stream.write_all(&[0]).now_or_never().is_none());
        assert_eq!(told.load(Relaxed), 1);
    }
}
