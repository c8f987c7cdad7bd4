//! What tasks share: channels, locks, events, cells, all tracked.
//!
//! Each asynchronous operation is a scheduling point: it starts a poll segment of its own. What an
//! operation does to the object is written into the segment's footprint when the strategy asks for
//! footprints, and costs a flag's test otherwise.
//!
//! Handles are cheap to clone and `Send`. Waiters are served in the order in which they came, as in
//! `tokio::sync`.

mod channel;
mod event;
mod mutex;
mod notify;
mod oneshot;
mod operation;
mod permits;
mod point;
mod register;
mod semaphore;

pub use channel::{
    Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError, bounded, unbounded,
};
pub use event::Event;
pub use mutex::{Mutex, MutexGuard};
pub use notify::{Condvar, Notified, Notify};
pub use oneshot::{OneshotReceiver, OneshotSender, oneshot};
pub use operation::{Gain, Operation};
pub use register::Register;
pub use semaphore::{Closed, Permit, Semaphore};
