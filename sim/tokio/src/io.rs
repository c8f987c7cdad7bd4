//! Input and output: `tokio::io`.
//!
//! The traits, adapters and buffers are the real ones: they only poll what they are made of. A
//! [`DuplexStream`] is shared by two tasks, so the engine knows its uses.

pub use real::io::*;

#[cfg(feature = "io-util")]
mod duplex {
    use std::io::{IoSlice, Result};
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use mapi_sync_engine::Object;

    use super::{AsyncRead, AsyncWrite, ReadBuf};
    use crate::task::coop::proceed;

    /// Two ends of a stream in memory, which holds `max_buf_size` bytes each way.
    ///
    /// # Panics
    ///
    /// If `max_buf_size` is zero.
    #[must_use]
    #[track_caller]
    pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
        let (one, other) = real::io::duplex(max_buf_size);
        let object = Object::new("DuplexStream");
        (DuplexStream { real: one, object }, DuplexStream { real: other, object })
    }

    /// An end of a stream in memory.
    #[derive(Debug)]
    pub struct DuplexStream {
        real: real::io::DuplexStream,
        /// Both ends have the same: each use changes it.
        object: Object,
    }

    impl DuplexStream {
        /// The real end, for an operation on it. It uses the segment's budget up, so a task that
        /// is never kept waiting still lets others run.
        fn used<T>(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            poll: impl FnOnce(Pin<&mut real::io::DuplexStream>, &mut Context<'_>) -> Poll<T>,
        ) -> Poll<T> {
            ready!(proceed(cx));
            self.object.write();
            let polled = poll(Pin::new(&mut self.real), cx);
            if polled.is_pending() {
                self.object.waits();
            }
            polled
        }
    }

    impl AsyncRead for DuplexStream {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<Result<()>> {
            self.used(cx, |real, cx| real.poll_read(cx, buf))
        }
    }

    impl AsyncWrite for DuplexStream {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<Result<usize>> {
            self.used(cx, |real, cx| real.poll_write(cx, buf))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<Result<usize>> {
            self.used(cx, |real, cx| real.poll_write_vectored(cx, bufs))
        }

        fn is_write_vectored(&self) -> bool {
            self.real.is_write_vectored()
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            self.used(cx, AsyncWrite::poll_flush)
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            self.used(cx, AsyncWrite::poll_shutdown)
        }
    }

    impl Drop for DuplexStream {
        fn drop(&mut self) {
            self.object.write();
        }
    }
}

#[cfg(feature = "io-util")]
pub use self::duplex::{DuplexStream, duplex};
