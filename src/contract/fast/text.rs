//! The text that the next Progress must have, compared without looking elsewhere.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The text of repeat Progress calls: one text, or none. A short text is kept as two numbers.
#[derive(Debug)]
pub(super) struct ExpectedText {
    /// In bytes, [`LONG`], or [`NULL`].
    len: AtomicUsize,
    ends: [AtomicU64; 2],
}

impl ExpectedText {
    /// Whether this is the expected text. `is_long` says whether it is the sync's last text; it is
    /// asked only where the expected one is too long to be kept here.
    #[inline(always)]
    pub(super) fn is(&self, text: Option<&str>, is_long: impl FnOnce(&str) -> bool) -> bool {
        let len = self.len.load(Ordering::Relaxed);
        let Some(text) = text else { return len == NULL };
        if text.len() != len {
            return len == LONG && is_long(text);
        }
        ends(text.as_bytes()).is_some_and(|[first, last]| {
            first == self.ends[0].load(Ordering::Relaxed)
                && last == self.ends[1].load(Ordering::Relaxed)
        })
    }

    pub(super) fn set(&self, text: Option<&str>) {
        let len = match text {
            None => NULL,
            Some(text) => match ends(text.as_bytes()) {
                None => LONG,
                Some([first, last]) => {
                    self.ends[0].store(first, Ordering::Relaxed);
                    self.ends[1].store(last, Ordering::Relaxed);
                    text.len()
                }
            },
        };
        self.len.store(len, Ordering::Relaxed);
    }
}

impl Default for ExpectedText {
    fn default() -> Self {
        Self { len: AtomicUsize::new(NULL), ends: Default::default() }
    }
}

/// The length of a text that is too long to be kept as numbers. No text has this many bytes.
const LONG: usize = usize::MAX;

/// The length where there is no text.
const NULL: usize = usize::MAX - 1;

/// The most bytes of a text that is kept as numbers.
const SHORT: usize = 16;

/// Two numbers that tell a text of up to [`SHORT`] bytes from all others of its length; `None` for
/// a longer one.
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
        fn numbers_tell_a_short_text_from_others_of_its_length(
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
