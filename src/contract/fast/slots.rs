//! The repeat Progress calls of one sync that are in flight, and what the next one must be like.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::text::ExpectedText;
use crate::contract::{Call, CallId, Progress, SyncState};

/// How many calls can be in flight here: more than a sync has, so that the slot of a call is mostly
/// free again when as many others have begun.
const SLOTS: u32 = 16;

/// The fast path of one sync. It is *open* while repeat Progress calls may take it.
///
/// All but [`Self::end`] is for the one who holds the sync's lock, or who runs on its thread.
#[derive(Debug, Default)]
pub(super) struct FastPath {
    slots: [Slot; SLOTS as usize],
    /// Callbacks begun so far, of all kinds, as of the last call that came this way.
    begun: AtomicU32,
    /// How many had begun when the path was opened: a later one came this way.
    opened_after: AtomicU32,
    /// The next Progress must be at this position or beyond, ...
    from: AtomicU32,
    /// ... and have this maximum. Where the path is closed, this is less than `from`.
    index_max: AtomicU32,
    /// When the last callback ended, in the monitor's milliseconds.
    last_activity_ms: AtomicU64,
    /// How long the silence before a call may be, in milliseconds.
    silence_ms: AtomicU64,
    text: ExpectedText,
}

/// What one call does not share with the others.
#[derive(Debug, Default)]
#[repr(align(16))]
struct Slot {
    at_ms: AtomicU64,
    /// The call's number until it ends; then 0.
    number: AtomicU32,
    index: AtomicU32,
}

impl FastPath {
    /// A path that is closed.
    pub(super) fn new() -> Self {
        let path = Self::default();
        path.shut();
        path
    }

    /// Closes the path, and forgets what came this way.
    pub(super) fn reset(&mut self) {
        for slot in &mut self.slots {
            *slot.number.get_mut() = 0;
        }
        self.shut();
    }

    /// The way in: begins a Progress if it is a repeat Progress and the path is open. `None` if
    /// not, and nothing has been done. `is_long` says whether a text is the sync's last one,
    /// where that is too long to be kept here.
    #[inline(always)]
    pub(super) fn begin(
        &self,
        at_ms: u64,
        text: Option<&str>,
        index: u32,
        index_max: u32,
        is_long: impl FnOnce(&str) -> bool,
    ) -> Option<CallId> {
        let silence_ms = self.silence_ms.load(Ordering::Relaxed);
        let repeats = index_max == self.index_max.load(Ordering::Relaxed)
            && index >= self.from.load(Ordering::Relaxed)
            && index <= index_max
            // If the clock went backwards, this wraps, and the call takes the full path.
            && at_ms.wrapping_sub(self.last_activity_ms.load(Ordering::Relaxed)) <= silence_ms
            && self.text.is(text, is_long);
        if !repeats {
            return None;
        }
        let number = self.begun.load(Ordering::Relaxed) + 1;
        if !self.put(at_ms, number, index) {
            return None;
        }
        self.begun.store(number, Ordering::Relaxed);
        self.from.store(index, Ordering::Relaxed);
        Some(CallId(number))
    }

    /// Ends a call that began here and returned `S_OK`. `false` if the call did not begin here, or
    /// is known to the full path by now. `alone` says that no other thread uses the path: an atomic
    /// exchange costs more than all the rest.
    #[inline(always)]
    pub(super) fn end(&self, at_ms: u64, number: CallId, alone: bool) -> bool {
        let slot = self.slot(number.0);
        if slot.number.load(Ordering::Relaxed) != number.0 {
            return false;
        }
        self.last_activity_ms.store(at_ms, Ordering::Relaxed);
        if alone {
            slot.number.store(0, Ordering::Relaxed);
            return true;
        }
        let (own, over) = (number.0, 0);
        slot.number.compare_exchange(own, over, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Opens the path for calls that repeat the last Progress of `sync`, or leaves it closed if
    /// there was none. Calls in flight that are like that one end here from now on.
    pub(super) fn open(&self, sync: &mut SyncState, silence_ms: u64) {
        let Some(last) = &sync.last_progress else { return };
        if last.index > last.index_max {
            return;
        }
        self.begun.store(sync.callbacks, Ordering::Relaxed);
        self.opened_after.store(sync.callbacks, Ordering::Relaxed);
        self.from.store(last.index, Ordering::Relaxed);
        self.index_max.store(last.index_max, Ordering::Relaxed);
        self.last_activity_ms.store(sync.last_activity_ms, Ordering::Relaxed);
        self.silence_ms.store(silence_ms, Ordering::Relaxed);
        self.text.set(last.text.as_deref());
        sync.in_flight.retain(|record| match (&record.call, record.number) {
            (Call::Progress { text, index, index_max }, Some(CallId(number))) => {
                let is_like = *index_max == last.index_max && *text == last.text;
                !(is_like && self.put(record.at_ms, number, *index))
            }
            _ => true,
        });
    }

    /// Whether calls may begin here.
    pub(super) fn is_open(&self) -> bool {
        self.index_max.load(Ordering::Relaxed) >= self.from.load(Ordering::Relaxed)
    }

    /// The way out: closes the path, and has `sync` catch up with the calls that came this way.
    pub(super) fn close(&self, sync: &mut SyncState) {
        if !self.is_open() {
            return;
        }
        self.shut();
        let Some(last) = &mut sync.last_progress else { return };
        let begun = self.begun.load(Ordering::Relaxed);
        if begun != self.opened_after.load(Ordering::Relaxed) {
            // Its slot still has its figures. Only a newer Progress takes the slot, and that one
            // would be the last. The text and the maximum are the same.
            let slot = self.slot(begun);
            last.at_ms = slot.at_ms.load(Ordering::Relaxed);
            last.number = CallId(begun);
            last.index = slot.index.load(Ordering::Relaxed);
        }
        sync.callbacks = begun;
        sync.last_activity_ms = self.last_activity_ms.load(Ordering::Relaxed);
        // As a rule no call is in flight. So the slots are looked at all at once, without branches.
        let in_flight =
            self.slots.iter().fold(0, |all, slot| all | slot.number.load(Ordering::Acquire));
        if in_flight != 0 {
            self.hand_over_in_flight(sync);
        }
    }

    /// Has `sync` know of the calls that are in flight.
    #[inline(never)]
    fn hand_over_in_flight(&self, sync: &mut SyncState) {
        let Some(last) = &sync.last_progress else { return };
        let (text, index_max, id) = (last.text.clone(), last.index_max, sync.id());
        for slot in &self.slots {
            let number = slot.number.load(Ordering::Acquire);
            if number == 0 {
                continue;
            }
            let in_flight = Progress {
                at_ms: slot.at_ms.load(Ordering::Relaxed),
                number: CallId(number),
                text: text.clone(),
                index: slot.index.load(Ordering::Relaxed),
                index_max,
            };
            // Where another thread ends the call meanwhile, it is over.
            let taken =
                slot.number.compare_exchange(number, 0, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                sync.in_flight.push(in_flight.record(id));
            }
        }
    }

    /// Puts a call into its slot. `false` if the slot is taken.
    #[inline(always)]
    fn put(&self, at_ms: u64, number: u32, index: u32) -> bool {
        let slot = self.slot(number);
        if slot.number.load(Ordering::Acquire) != 0 {
            return false;
        }
        slot.at_ms.store(at_ms, Ordering::Relaxed);
        slot.index.store(index, Ordering::Relaxed);
        slot.number.store(number, Ordering::Release);
        true
    }

    /// Lets no call begin here.
    fn shut(&self) {
        self.from.store(u32::MAX, Ordering::Relaxed);
        self.index_max.store(0, Ordering::Relaxed);
    }

    #[inline(always)]
    fn slot(&self, number: u32) -> &Slot {
        &self.slots[(number % SLOTS) as usize]
    }
}
