//! What is known of a sync's event: its handles, which one is published, and what became of it.

use super::{Call, CallRecord, Party};
use crate::RawEvent;
use crate::handles::HandleTable;

#[derive(Debug, Default)]
pub(super) struct Handles {
    /// The provider's open handles.
    open: HandleTable,
    published: RawEvent,
    /// The object behind the published handle.
    object: Option<usize>,
    /// The handle that went to Done.
    given: Option<RawEvent>,
    /// The provider closed the handle that it had published.
    withdrawn: Option<CallRecord>,
    signalled: bool,
    /// The events that were signalled while none was published: object and handle.
    early: Vec<(Option<usize>, RawEvent)>,
    /// The host closed the published handle.
    closed: Option<CallRecord>,
}

impl Handles {
    /// Forgets all but the memory.
    pub(super) fn clear(&mut self) {
        let (mut open, mut early) =
            (std::mem::take(&mut self.open), std::mem::take(&mut self.early));
        open.clear();
        early.clear();
        *self = Self { open, early, ..Self::default() };
    }

    pub(super) fn published(&self) -> RawEvent {
        self.published
    }

    /// Whether this is the published handle.
    pub(super) fn is_published(&self, event: RawEvent) -> bool {
        event == self.published && !event.is_null()
    }

    /// Whether this is an open handle of the provider's.
    pub(super) fn is_open(&self, event: RawEvent) -> bool {
        self.open.object_of(event).is_some()
    }

    /// The object behind an open handle of the provider's.
    pub(super) fn object_of(&self, event: RawEvent) -> Option<usize> {
        self.open.object_of(event)
    }

    /// Whether this is the published event, through whichever handle.
    pub(super) fn is_published_event(&self, event: RawEvent) -> bool {
        let same_object = self.object.is_some() && self.open.object_of(event) == self.object;
        same_object || event == self.published
    }

    /// Whether this handle went to Done.
    pub(super) fn is_given_away(&self, event: RawEvent) -> bool {
        self.given == Some(event)
    }

    /// The provider's close of the handle that it had published.
    pub(super) fn withdrawn(&self) -> Option<&CallRecord> {
        self.withdrawn.as_ref()
    }

    pub(super) fn is_signalled(&self) -> bool {
        self.signalled
    }

    /// The host's last close of the published handle.
    pub(super) fn closed(&self) -> Option<&CallRecord> {
        self.closed.as_ref()
    }

    /// Whether nothing more is owed for the event.
    pub(super) fn is_settled(&self, host_watched: bool) -> bool {
        self.published.is_null() || (self.signalled && (self.closed.is_some() || !host_watched))
    }

    pub(super) fn apply(&mut self, record: CallRecord) {
        match record.call {
            Call::EventCreated { event } => {
                self.open.created(event);
                self.reused(event);
            }
            Call::EventDuplicated { from, event, .. } => {
                self.open.duplicated(from, event);
                self.reused(event);
            }
            Call::EventPublished { event } => self.publish(event),
            Call::EventSet { event, .. } if self.published.is_null() => {
                let early = (self.open.object_of(event), event);
                if !self.early.contains(&early) {
                    self.early.push(early);
                }
            }
            Call::EventSet { event, .. } => self.signalled |= self.is_published_event(event),
            Call::EventClosed { by: Party::Provider, event } => {
                if self.is_published(event) {
                    self.withdrawn = Some(record);
                }
                if !self.is_given_away(event) {
                    self.open.closed(event);
                }
            }
            Call::EventClosed { by: Party::Host, event } if self.is_published(event) => {
                self.closed = Some(record);
            }
            _ => {}
        }
    }

    /// A start returned a success with this event in the out-pointer. Where the out-pointer itself
    /// is not watched, this is the first that is seen of it.
    pub(super) fn start_returned(&mut self, event: RawEvent) {
        if self.published.is_null() {
            self.publish(event);
        }
    }

    pub(super) fn given_to_done(&mut self, event: RawEvent) {
        self.given = Some(event);
    }

    fn publish(&mut self, event: RawEvent) {
        self.published = event;
        self.object = self.open.object_of(event);
        self.signalled |= self.early.iter().any(|(object, set)| match object {
            Some(_) => *object == self.object,
            None => *set == event && !event.is_null(),
        });
    }

    /// The kernel gave out this value: where it was that of the handle that went to Done, it is
    /// another handle now.
    fn reused(&mut self, event: RawEvent) {
        if self.is_given_away(event) {
            self.given = None;
        }
    }
}
