//! The calls that have begun and not ended.
//!
//! Most calls are a Progress that ends well. Its end needs nothing but to be noted, so it is noted without the lock of
//! its sync ([`Ends`]), and the lock is taken once for such a call instead of twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::machine::Facts;
use super::{Call, CallId, KeptCall};

/// So many calls of Progress at a time are noted in the short way: more than a sync has in flight, so that the home of a
/// call is mostly free again when so many others have begun.
const PLACES: usize = 16;

/// A call of Progress, without its text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) at_ms: u64,
    pub(super) number: CallId,
    pub(super) has_text: bool,
    pub(super) index: u32,
    pub(super) index_max: u32,
}

impl Progress {
    pub(super) fn is_complete(self) -> bool {
        self.index == self.index_max
    }

    /// The whole call, given the text that it has if it has one.
    pub(super) fn kept(self, facts: &Facts, text: Option<&Arc<str>>) -> KeptCall {
        let Self { at_ms, number, has_text, index, index_max } = self;
        let text = text.filter(|_| has_text).cloned();
        facts.kept(at_ms, Some(number), Call::Progress { text, index, index_max })
    }
}

/// Where plain calls end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The number of the call that is in flight in each place, 0 where there is none. Filled under the sync's lock,
    /// emptied by the call's own end.
    places: [AtomicU32; PLACES],
    /// When the host last heard anything, in the monitor's milliseconds.
    heard_ms: AtomicU64,
}

impl Ends {
    /// Notes the end of a call that returned `S_OK`. `false` if the call is not noted here.
    #[inline]
    pub(super) fn end(&self, at_ms: u64, number: CallId) -> bool {
        let place = &self.places[home(number)];
        if place.load(Ordering::Relaxed) == number.0 {
            self.heard_ms.store(at_ms, Ordering::Relaxed);
            place.store(0, Ordering::Release);
            return true;
        }
        self.end_elsewhere(at_ms, number)
    }

    #[cold]
    fn end_elsewhere(&self, at_ms: u64, number: CallId) -> bool {
        let place = self.place_of(number);
        if let Some(place) = place {
            self.heard_ms.store(at_ms, Ordering::Relaxed);
            self.places[place].store(0, Ordering::Release);
        }
        place.is_some()
    }

    fn number_at(&self, place: usize) -> u32 {
        self.places[place].load(Ordering::Acquire)
    }

    /// Where the call of this number is in flight.
    fn place_of(&self, number: CallId) -> Option<usize> {
        places_from(number).find(|place| self.number_at(*place) == number.0)
    }
}

/// The place that a call takes if it is free.
#[inline]
fn home(number: CallId) -> usize {
    number.0 as usize % PLACES
}

/// All places, the call's home first.
fn places_from(number: CallId) -> impl Iterator<Item = usize> {
    (0..PLACES).map(move |step| (home(number) + step) % PLACES)
}

#[derive(Debug, Default)]
pub(super) struct InFlight {
    ends: Arc<Ends>,
    plain: [Progress; PLACES],
    /// The texts of plain calls that began before the sync's text changed.
    old_texts: Vec<(CallId, Arc<str>)>,
    /// All other calls.
    kept: Vec<KeptCall>,
}

impl InFlight {
    /// Forgets all calls. What is in a free place does not matter.
    pub(super) fn clear(&mut self) {
        for place in &self.ends.places {
            place.store(0, Ordering::Relaxed);
        }
        self.hear(0);
        self.old_texts.clear();
        self.kept.clear();
    }

    pub(super) fn ends(&self) -> &Arc<Ends> {
        &self.ends
    }

    pub(super) fn heard_ms(&self) -> u64 {
        self.ends.heard_ms.load(Ordering::Relaxed)
    }

    pub(super) fn hear(&self, at_ms: u64) {
        self.ends.heard_ms.store(at_ms, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && (0..PLACES).all(|place| self.ends.number_at(place) == 0)
    }

    pub(super) fn contains(&self, number: CallId) -> bool {
        self.ends.place_of(number).is_some()
            || self.kept.iter().any(|call| call.number == Some(number))
    }

    /// Adds a call of Progress that begins, if its home is free.
    #[inline]
    pub(super) fn begin_at_home(&mut self, progress: Progress) -> bool {
        let place = home(progress.number);
        let free = self.ends.number_at(place) == 0;
        if free {
            self.take(place, progress);
        }
        free
    }

    /// Adds a call of Progress that begins. Its text, if any, is `text`.
    pub(super) fn begin(&mut self, facts: &Facts, progress: Progress, text: Option<&Arc<str>>) {
        let free = places_from(progress.number).find(|place| self.ends.number_at(*place) == 0);
        match free {
            Some(place) => self.take(place, progress),
            None => self.keep(progress.kept(facts, text)),
        }
    }

    #[inline]
    fn take(&mut self, place: usize, progress: Progress) {
        self.plain[place] = progress;
        self.ends.places[place].store(progress.number.0, Ordering::Relaxed);
    }

    /// Adds any other call that begins.
    pub(super) fn keep(&mut self, call: KeptCall) {
        self.kept.push(call);
    }

    /// Takes out a call that ends.
    pub(super) fn end(
        &mut self,
        facts: &Facts,
        number: CallId,
        text: Option<&Arc<str>>,
    ) -> Option<KeptCall> {
        if let Some(place) = self.kept.iter().rposition(|call| call.number == Some(number)) {
            return Some(self.kept.remove(place));
        }
        let place = self.ends.place_of(number)?;
        let call = self.kept_plain(facts, place, text);
        self.ends.places[place].store(0, Ordering::Release);
        Some(call)
    }

    /// The call that has been in flight for the longest time. `text` is the sync's current one.
    pub(super) fn first(&self, facts: &Facts, text: Option<&Arc<str>>) -> Option<KeptCall> {
        let occupied = (0..PLACES).filter(|place| self.ends.number_at(*place) != 0);
        let plain = occupied.map(|place| self.kept_plain(facts, place, text));
        plain.chain(self.kept.iter().cloned()).min_by_key(|call| call.number)
    }

    /// Notes that the sync's text is about to change from `old`.
    pub(super) fn text_changes(&mut self, old: Option<&Arc<str>>) {
        let Some(old) = old else { return };
        let Self { ends, old_texts, .. } = self;
        old_texts.retain(|(number, _)| ends.place_of(*number).is_some());
        for place in 0..PLACES {
            let number = CallId(ends.number_at(place));
            if number.0 != 0 && !old_texts.iter().any(|(known, _)| *known == number) {
                old_texts.push((number, Arc::clone(old)));
            }
        }
    }

    fn kept_plain(&self, facts: &Facts, place: usize, text: Option<&Arc<str>>) -> KeptCall {
        let plain = self.plain[place];
        let old = self.old_texts.iter().find(|(number, _)| *number == plain.number);
        plain.kept(facts, old.map(|(_, text)| text).or(text))
    }
}
