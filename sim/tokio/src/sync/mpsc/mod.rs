//! A queue from many senders to one receiver.

mod bounded;
mod channel;
mod sides;
mod unbounded;

pub use real::sync::mpsc::error;

pub use self::bounded::{
    OwnedPermit, Permit, PermitIterator, Receiver, Sender, WeakSender, channel,
};
pub use self::unbounded::{
    UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel,
};
