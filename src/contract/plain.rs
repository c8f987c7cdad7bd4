//! Plain calls: each a Progress that says again what the last one said, no less far on, in a sync
//! where all goes smoothly.
//!
//! Most calls are. Such a call breaks no rule, and all that has to be known for it is a few
//! numbers. They are kept apart from the state machine, so that a plain call begins without it, and
//! ends without the lock of its sync. The state machine opens this way and shuts it again: see
//! [`Plain::open`].

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::CallId;

/// So many calls at a time are noted here: more than a sync has in flight, so that the place of a
/// call is mostly free again when so many others have begun.
pub(super) const PLACES: u32 = 16;

/// A call of Progress, without its text.
#[derive(Clone, Copy, Debug)]
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
}

/// The calls of Progress of one sync, as far as they are plain. All but [`Self::end`] is for the
/// one who may use the sync's state machine: who holds its lock, or its thread.
#[derive(Debug, Default)]
pub(super) struct Plain {
    places: [Place; PLACES as usize],
    /// Callbacks begun so far, of all kinds.
    begun: AtomicU32,
    /// The number of the last Progress that was noted here; 0 if there was none.
    last: AtomicU32,
    /// The next Progress is plain from this position on, ...
    from: AtomicU32,
    /// ... and with this maximum. Where none would be, this is less than `from`.
    index_max: AtomicU32,
    /// The maximum of all calls that are noted. Whether they have a text is said by `text`.
    phase: AtomicU32,
    /// When the host last heard anything, in the monitor's milliseconds.
    heard_ms: AtomicU64,
    text: Text,
}

/// What a call that is in flight, or the last one, does not share with the others that are noted.
#[derive(Debug, Default)]
#[repr(align(16))]
struct Place {
    at_ms: AtomicU64,
    /// The call's number, until it ends; then 0.
    number: AtomicU32,
    index: AtomicU32,
}

impl Plain {
    /// Takes a Progress if it is plain. `None` if it is not, and nothing has been done. `is_text`
    /// says whether a text is the sync's that is not seen to be from here.
    #[inline(always)]
    pub(super) fn begin(
        &self,
        at_ms: u64,
        text: Option<&str>,
        index: u32,
        index_max: u32,
        silence_ms: u64,
        is_text: impl FnOnce(&str) -> bool,
    ) -> Option<CallId> {
        let plain = index_max == self.index_max.load(Ordering::Relaxed)
            && index >= self.from.load(Ordering::Relaxed)
            && index <= index_max
            // A time before that is none to be plain at.
            && at_ms.wrapping_sub(self.heard_ms()) <= silence_ms
            && self.text.is(text, is_text);
        if !plain {
            return None;
        }
        let number = CallId(self.begun.load(Ordering::Relaxed) + 1);
        if !self.put(at_ms, number, index) {
            return None;
        }
        self.begun.store(number.0, Ordering::Relaxed);
        self.from.store(index, Ordering::Relaxed);
        Some(number)
    }

    /// Notes a Progress that begins, unless its place is taken, or others are in flight that it has
    /// too little in common with.
    pub(super) fn note(&self, progress: Progress) -> bool {
        let Progress { at_ms, number, has_text, index, index_max } = progress;
        if !self.is_like(progress) {
            if self.in_flight().next().is_some() {
                return false;
            }
            self.phase.store(index_max, Ordering::Relaxed);
            self.text.expect(has_text);
        }
        self.put(at_ms, number, index)
    }

    /// Whether this call shares with those that are noted what each of them shares with the others.
    fn is_like(&self, progress: Progress) -> bool {
        self.phase.load(Ordering::Relaxed) == progress.index_max
            && self.text.is_expected() == progress.has_text
    }

    #[inline(always)]
    fn put(&self, at_ms: u64, number: CallId, index: u32) -> bool {
        let place = self.place(number);
        if place.number.load(Ordering::Acquire) != 0 {
            return false;
        }
        place.at_ms.store(at_ms, Ordering::Relaxed);
        place.index.store(index, Ordering::Relaxed);
        place.number.store(number.0, Ordering::Relaxed);
        self.last.store(number.0, Ordering::Relaxed);
        true
    }

    /// Notes the end of a call that returned `S_OK`. `false` if the call is not noted here.
    #[inline(always)]
    pub(super) fn end(&self, at_ms: u64, number: CallId) -> bool {
        let place = self.place(number);
        let is_here = place.number.load(Ordering::Relaxed) == number.0;
        if is_here {
            self.hear(at_ms);
            place.number.store(0, Ordering::Release);
        }
        is_here
    }

    /// Takes out a call that ends, in whatever way.
    pub(super) fn take(&self, number: CallId) -> Option<Progress> {
        let place = self.place(number);
        let is_here = place.number.load(Ordering::Acquire) == number.0;
        is_here.then(|| {
            place.number.store(0, Ordering::Release);
            self.progress(number)
        })
    }

    /// The calls in flight, in no order.
    #[inline]
    pub(super) fn in_flight(&self) -> impl Iterator<Item = Progress> {
        self.places.iter().filter_map(|place| {
            let number = place.number.load(Ordering::Acquire);
            CallId::numbered(number).map(|number| self.progress(number))
        })
    }

    /// Whether this call is in flight.
    pub(super) fn contains(&self, number: CallId) -> bool {
        self.place(number).number.load(Ordering::Acquire) == number.0
    }

    /// The last Progress that was noted.
    #[inline]
    pub(super) fn last(&self) -> Option<Progress> {
        let number = CallId(self.last.load(Ordering::Relaxed));
        // Its place is taken by none but a Progress that would be the last one itself.
        (number.0 != 0).then(|| self.progress(number))
    }

    /// Callbacks begun so far, of all kinds.
    #[inline]
    pub(super) fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Numbers a callback that begins.
    #[inline]
    pub(super) fn next_number(&self) -> CallId {
        let number = self.begun() + 1;
        self.begun.store(number, Ordering::Relaxed);
        CallId(number)
    }

    /// Lets plain calls begin, if they would be like those that are noted: those that are no less
    /// far on than `last`.
    #[inline]
    pub(super) fn open(&self, last: Progress) {
        if !self.is_like(last) {
            return self.shut();
        }
        self.from.store(last.index, Ordering::Relaxed);
        self.index_max.store(last.index_max, Ordering::Relaxed);
    }

    /// Lets no plain call begin.
    #[inline]
    pub(super) fn shut(&self) {
        self.from.store(u32::MAX, Ordering::Relaxed);
        self.index_max.store(0, Ordering::Relaxed);
    }

    /// When the host last heard anything, in the monitor's milliseconds.
    #[inline]
    pub(super) fn heard_ms(&self) -> u64 {
        self.heard_ms.load(Ordering::Relaxed)
    }

    /// Notes that the host hears something.
    #[inline]
    pub(super) fn hear(&self, at_ms: u64) {
        self.heard_ms.store(at_ms, Ordering::Relaxed);
    }

    /// Makes this the text of plain calls.
    pub(super) fn set_text(&self, text: &str) {
        self.text.set(text);
    }

    /// Forgets all but the text.
    pub(super) fn clear(&self) {
        for place in &self.places {
            place.number.store(0, Ordering::Relaxed);
        }
        self.begun.store(0, Ordering::Relaxed);
        self.last.store(0, Ordering::Relaxed);
        self.hear(0);
        self.shut();
    }

    fn progress(&self, number: CallId) -> Progress {
        let place = self.place(number);
        Progress {
            at_ms: place.at_ms.load(Ordering::Relaxed),
            number,
            has_text: self.text.is_expected(),
            index: place.index.load(Ordering::Relaxed),
            index_max: self.phase.load(Ordering::Relaxed),
        }
    }

    #[inline(always)]
    fn place(&self, number: CallId) -> &Place {
        &self.places[(number.0 % PLACES) as usize]
    }
}

/// The text of plain calls: the sync's or none. It is kept in numbers if it is short: they are
/// compared without looking elsewhere.
#[derive(Debug)]
struct Text {
    /// In bytes, [`LONG`], or [`NONE`].
    len: AtomicUsize,
    /// That of the sync's text.
    own_len: AtomicUsize,
    ends: [AtomicU64; 2],
}

impl Text {
    #[inline(always)]
    fn is(&self, text: Option<&str>, is_text: impl FnOnce(&str) -> bool) -> bool {
        let len = self.len.load(Ordering::Relaxed);
        let Some(text) = text else { return len == NONE };
        if text.len() != len {
            return len == LONG && is_text(text);
        }
        ends(text.as_bytes()).is_some_and(|[first, last]| {
            first == self.ends[0].load(Ordering::Relaxed)
                && last == self.ends[1].load(Ordering::Relaxed)
        })
    }

    fn set(&self, text: &str) {
        let [first, last] = ends(text.as_bytes()).unwrap_or_default();
        let len = if text.len() <= SHORT { text.len() } else { LONG };
        self.own_len.store(len, Ordering::Relaxed);
        self.ends[0].store(first, Ordering::Relaxed);
        self.ends[1].store(last, Ordering::Relaxed);
        self.expect(self.is_expected());
    }

    /// Makes the text of plain calls the sync's, or none.
    fn expect(&self, any: bool) {
        let len = if any { self.own_len.load(Ordering::Relaxed) } else { NONE };
        self.len.store(len, Ordering::Relaxed);
    }

    fn is_expected(&self) -> bool {
        self.len.load(Ordering::Relaxed) != NONE
    }
}

impl Default for Text {
    fn default() -> Self {
        let len = || AtomicUsize::new(LONG);
        Self { len: len(), own_len: len(), ends: Default::default() }
    }
}

/// More than any text has: the length of one that is not compared as numbers, and of none.
const LONG: usize = usize::MAX;
const NONE: usize = usize::MAX - 1;

/// The most bytes of a text that is compared as numbers.
const SHORT: usize = 16;

/// Two numbers that tell a text of up to [`SHORT`] bytes from all others of its length.
#[inline(always)]
fn ends(text: &[u8]) -> Option<[u64; 2]> {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let ends = [u64::from_le_bytes(*first), u64::from_le_bytes(*last)];
        return (text.len() <= SHORT).then_some(ends);
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return Some([u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()]);
    }
    Some(match *text {
        [a, b, c] => [u64::from(a) << 8 | u64::from(b), c.into()],
        [a, b] => [a.into(), b.into()],
        [a] => [a.into(), 0],
        _ => [0, 0],
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_numbers_of_a_short_text_tell_it_from_others(
            text in prop::collection::vec(any::<u8>(), 1..20_usize),
            place in any::<prop::sample::Index>(),
            other in 1..=u8::MAX,
        ) {
            prop_assert_eq!(ends(&text).is_some(), text.len() <= SHORT);
            if text.len() <= SHORT {
                let mut changed = text.clone();
                changed[place.index(text.len())] ^= other;
                prop_assert_ne!(ends(&text), ends(&changed));
            }
        }
    }
}
