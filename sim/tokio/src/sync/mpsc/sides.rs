//! What the sides of both queues have in common.

/// What a receiver, a sender and a weak sender do whether or not their queue has a bound.
macro_rules! sides {
    ($Receiver:ident, $Sender:ident, $WeakSender:ident) => {
        impl<T> $Receiver<T> {
            /// Waits for the next message. `None` if none will come.
            pub async fn recv(&mut self) -> Option<T> {
                let Self { real, end, .. } = self;
                let mut wait = Wait::new(&end.0);
                poll_fn(|cx| poll_recv(real, wait.channel, &mut wait.operation, cx)).await
            }

            /// Waits for messages, and takes up to `limit`. Returns how many; 0 if none will come.
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                let Self { real, end, .. } = self;
                let mut wait = Wait::new(&end.0);
                poll_fn(|cx| {
                    poll_recv_many(real, wait.channel, &mut wait.operation, buffer, limit, cx)
                })
                .await
            }

            /// The next message, if there is one.
            ///
            /// # Errors
            ///
            /// If there is none.
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.end.0.look();
                let received = self.real.try_recv()?;
                self.end.0.took(1);
                Ok(received)
            }

            /// Waits for the next message, and blocks the thread meanwhile.
            ///
            /// # Panics
            ///
            /// From an async task. Inside an execution, if there is no message.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                if is_inside() {
                    block_on(
                        concat!("mpsc::", stringify!($Receiver), "::blocking_recv"),
                        self.recv(),
                    )
                } else {
                    self.real.blocking_recv()
                }
            }

            /// Waits for messages, takes up to `limit`, and blocks the thread meanwhile.
            ///
            /// # Panics
            ///
            /// As [`blocking_recv`](Self::blocking_recv) does.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                if is_inside() {
                    block_on(
                        concat!("mpsc::", stringify!($Receiver), "::blocking_recv_many"),
                        self.recv_many(buffer, limit),
                    )
                } else {
                    self.real.blocking_recv_many(buffer, limit)
                }
            }

            /// Refuses further messages.
            pub fn close(&mut self) {
                self.end.0.close();
                self.real.close();
            }

            /// Whether no further message can come.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.end.0.look();
                self.real.is_closed()
            }

            /// Whether there is no message.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.end.0.look();
                self.real.is_empty()
            }

            /// How many messages there are.
            #[must_use]
            pub fn len(&self) -> usize {
                self.end.0.look();
                self.real.len()
            }

            /// Polls for the next message.
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let polled = poll_recv(&mut self.real, &self.end.0, &mut self.operation, cx);
                if polled.is_ready() {
                    self.operation = Operation::new();
                }
                polled
            }

            /// Polls for messages, up to `limit`.
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                let Self { real, operation, end } = self;
                let polled = poll_recv_many(real, &end.0, operation, buffer, limit, cx);
                if polled.is_ready() {
                    self.operation = Operation::new();
                }
                polled
            }

            /// How many senders there are.
            #[must_use]
            pub fn sender_strong_count(&self) -> usize {
                self.end.0.handles.read();
                self.real.sender_strong_count()
            }

            /// How many weak senders there are.
            #[must_use]
            pub fn sender_weak_count(&self) -> usize {
                self.end.0.handles.read();
                self.real.sender_weak_count()
            }
        }

        fn poll_recv<T>(
            real: &mut tokio::$Receiver<T>,
            channel: &Channel,
            operation: &mut Operation,
            cx: &mut Context<'_>,
        ) -> Poll<Option<T>> {
            let is_there = !real.is_empty() || real.is_closed();
            channel.poll_recv(
                operation,
                is_there,
                cx,
                |cx| real.poll_recv(cx),
                |next| next.iter().count(),
            )
        }

        fn poll_recv_many<T>(
            real: &mut tokio::$Receiver<T>,
            channel: &Channel,
            operation: &mut Operation,
            buffer: &mut Vec<T>,
            limit: usize,
            cx: &mut Context<'_>,
        ) -> Poll<usize> {
            let is_there = !real.is_empty() || real.is_closed() || limit == 0;
            let poll = |cx: &mut Context<'_>| real.poll_recv_many(cx, buffer, limit);
            channel.poll_recv(operation, is_there, cx, poll, |count| *count)
        }

        impl<T> Unpin for $Receiver<T> {}

        impl<T> fmt::Debug for $Receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.real.fmt(f)
            }
        }

        impl<T> $Sender<T> {
            /// Waits until no further message can be sent.
            pub async fn closed(&self) {
                tracked(self.door.0.tail, CLOSED, self.real.closed()).await;
            }

            /// Whether no further message can be sent.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.door.0.tail.read();
                self.real.is_closed()
            }

            /// Whether both send to one channel.
            #[must_use]
            pub fn same_channel(&self, other: &Self) -> bool {
                self.real.same_channel(&other.real)
            }

            /// A sender that does not keep the channel open.
            #[must_use]
            pub fn downgrade(&self) -> $WeakSender<T> {
                $WeakSender { real: self.real.downgrade(), door: WeakDoor::new(&self.door.0) }
            }

            /// How many senders there are.
            #[must_use]
            pub fn strong_count(&self) -> usize {
                self.door.0.handles.read();
                self.real.strong_count()
            }

            /// How many weak senders there are.
            #[must_use]
            pub fn weak_count(&self) -> usize {
                self.door.0.handles.read();
                self.real.weak_count()
            }
        }

        impl<T> Clone for $Sender<T> {
            fn clone(&self) -> Self {
                Self { real: self.real.clone(), door: self.door.clone() }
            }
        }

        impl<T> fmt::Debug for $Sender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.real.fmt(f)
            }
        }

        /// A sender that does not keep the channel open.
        pub struct $WeakSender<T> {
            real: tokio::$WeakSender<T>,
            door: WeakDoor,
        }

        impl<T> $WeakSender<T> {
            /// A sender, if there is still one.
            #[must_use]
            pub fn upgrade(&self) -> Option<$Sender<T>> {
                let (real, door) = self.door.upgrade(self.real.upgrade())?;
                Some($Sender { real, door })
            }

            /// How many senders there are.
            #[must_use]
            pub fn strong_count(&self) -> usize {
                self.door.channel().handles.read();
                self.real.strong_count()
            }

            /// How many weak senders there are.
            #[must_use]
            pub fn weak_count(&self) -> usize {
                self.door.channel().handles.read();
                self.real.weak_count()
            }
        }

        impl<T> Clone for $WeakSender<T> {
            fn clone(&self) -> Self {
                Self { real: self.real.clone(), door: self.door.clone() }
            }
        }

        impl<T> fmt::Debug for $WeakSender<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.real.fmt(f)
            }
        }
    };
}

pub(super) use sides;
