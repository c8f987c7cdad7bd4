//! The crate `tokio-test`, with tasks that obey their wakers: one that has woken itself is polled
//! again at once. The first poll of an operation ends its segment so.

pub use real_tokio_test::*;

/// Tasks that are polled by hand.
pub mod task {
    use std::future::Future;
    use std::ops::{Deref, DerefMut};
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use futures_core::Stream;

    #[derive(Debug, Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    pub fn spawn<T>(task: T) -> Spawn<T> {
        Spawn { woken: Arc::default(), future: Box::pin(task) }
    }

    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are polled"]
    pub struct Spawn<T> {
        woken: Arc<Woken>,
        future: Pin<Box<T>>,
    }

    impl<T> Spawn<T> {
        pub fn into_inner(self) -> T
        where
            T: Unpin,
        {
            *Pin::into_inner(self.future)
        }

        pub fn is_woken(&self) -> bool {
            self.woken.0.load(Ordering::SeqCst)
        }

        pub fn waker_ref_count(&self) -> usize {
            Arc::strong_count(&self.woken)
        }

        pub fn enter<R>(&mut self, mut f: impl FnMut(&mut Context<'_>, Pin<&mut T>) -> R) -> R {
            self.woken.0.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(&self.woken));
            f(&mut Context::from_waker(&waker), self.future.as_mut())
        }

        fn poll_with<R>(
            &mut self,
            mut poll: impl FnMut(&mut Context<'_>, Pin<&mut T>) -> Poll<R>,
        ) -> Poll<R> {
            for _ in 0..100 {
                let polled = self.enter(&mut poll);
                if polled.is_ready() || !self.is_woken() {
                    return polled;
                }
            }
            Poll::Pending
        }
    }

    impl<T: Future> Spawn<T> {
        pub fn poll(&mut self) -> Poll<T::Output> {
            self.poll_with(|cx, future| future.poll(cx))
        }
    }

    impl<T: Stream> Spawn<T> {
        pub fn poll_next(&mut self) -> Poll<Option<T::Item>> {
            self.poll_with(|cx, stream| stream.poll_next(cx))
        }
    }

    impl<T: Unpin> Deref for Spawn<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.future
        }
    }

    impl<T: Unpin> DerefMut for Spawn<T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.future
        }
    }

    impl<T: Future> Future for Spawn<T> {
        type Output = T::Output;

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
            self.future.as_mut().poll(cx)
        }
    }

    impl<T: Stream> Stream for Spawn<T> {
        type Item = T::Item;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
            self.future.as_mut().poll_next(cx)
        }
    }
}
