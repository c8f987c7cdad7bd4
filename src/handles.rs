//! Which open handles belong to which event object.

use crate::RawEvent;

/// Open handles, each with the number of its object.
#[derive(Debug, Default)]
pub(crate) struct HandleTable {
    open: Vec<(RawEvent, usize)>,
    objects: usize,
}

impl HandleTable {
    /// Forgets all but the memory.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
        self.objects = 0;
    }

    /// A handle to a new object was given out.
    pub(crate) fn created(&mut self, event: RawEvent) {
        self.objects += 1;
        self.add(event, self.objects);
    }

    /// A duplicate of `from` was given out. Where `from` is not known, its object is a new one.
    pub(crate) fn duplicated(&mut self, from: RawEvent, event: RawEvent) {
        match self.object_of(from) {
            Some(object) => self.add(event, object),
            None => self.created(event),
        }
    }

    pub(crate) fn closed(&mut self, event: RawEvent) {
        self.open.retain(|(open, _)| *open != event);
    }

    /// The object behind an open handle.
    pub(crate) fn object_of(&self, event: RawEvent) -> Option<usize> {
        self.open.iter().find(|(open, _)| *open == event).map(|(_, object)| *object)
    }

    fn add(&mut self, event: RawEvent, object: usize) {
        // A kernel may give out the value of a closed handle again.
        self.closed(event);
        self.open.push((event, object));
    }
}
