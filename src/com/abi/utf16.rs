//! UTF-16 as it crosses the interface.
//!
//! Outbound, a NUL inside a text ends it, as it would for the host. Inbound, lone surrogates, which
//! Windows allows in its strings, become U+FFFD. NULL and the empty text stay different.

use std::mem::MaybeUninit;

/// The code units that fit without an allocation, with the terminator: more than the Send/Receive
/// dialog shows.
const INLINE: usize = 256;

/// A NUL-terminated UTF-16 text, or NULL.
pub(crate) struct WideText {
    inline: [MaybeUninit<u16>; INLINE],
    heap: Vec<u16>,
    is_null: bool,
}

impl WideText {
    /// An empty buffer; [`set`](Self::set) fills it.
    pub(crate) const fn new() -> Self {
        Self { inline: [MaybeUninit::uninit(); INLINE], heap: Vec::new(), is_null: true }
    }

    /// Converts `text` and returns the pointer to pass, valid while `self` stays borrowed.
    pub(crate) fn set(&mut self, text: Option<&str>) -> *const u16 {
        let Some(text) = text else {
            self.is_null = true;
            return std::ptr::null();
        };
        self.is_null = false;
        let bytes = text.as_bytes();
        // One unit of UTF-16 at most for each byte of UTF-8, and the terminator.
        if bytes.len() >= INLINE {
            self.heap.clear();
            self.heap.extend(text.encode_utf16().take_while(|&unit| unit != 0));
            self.heap.push(0);
            return self.heap.as_ptr();
        }
        let mut written = 0;
        if text.is_ascii() {
            for (unit, &byte) in self.inline.iter_mut().zip(bytes) {
                unit.write(u16::from(byte));
            }
            written = bytes.len();
        } else {
            for (unit, value) in self.inline.iter_mut().zip(text.encode_utf16()) {
                unit.write(value);
                written += 1;
            }
        }
        self.inline[written].write(0);
        // The reader stops at an interior NUL, so it may stay.
        self.inline.as_ptr().cast()
    }
}

/// Copies a foreign text.
///
/// # Safety
///
/// `text` is NULL, or points to `u16`s up to and including a zero, all valid for reads and not
/// written meanwhile.
pub(crate) unsafe fn copy(text: *const u16) -> Option<String> {
    if text.is_null() {
        return None;
    }
    let mut length = 0;
    // SAFETY: the caller promises that everything up to the zero is readable, and `length` has not
    // passed it.
    while unsafe { text.wrapping_add(length).read() } != 0 {
        length += 1;
    }
    // SAFETY: the same promise, for the units just counted.
    let units = unsafe { std::slice::from_raw_parts(text, length) };
    Some(String::from_utf16_lossy(units))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(text: Option<&str>) -> Option<String> {
        let mut wide = WideText::new();
        let pointer = wide.set(text);
        // SAFETY: `set` returns NULL or a terminated text that lives as long as `wide`.
        unsafe { copy(pointer) }
    }

    #[test]
    fn null_is_not_empty() {
        assert_eq!(round_trip(None), None);
        assert_eq!(round_trip(Some("")), Some(String::new()));
    }

    #[test]
    fn interior_nul_cuts() {
        assert_eq!(round_trip(Some("ab\0cd")), Some("ab".into()));
        assert_eq!(round_trip(Some("é\0cd")), Some("é".into()));
        let long = "x".repeat(300) + "\0y";
        assert_eq!(round_trip(Some(&long)), Some("x".repeat(300)));
    }

    #[test]
    fn lone_surrogates_are_replaced() {
        let units = [0x0041, 0xD800, 0x0042, 0xDC00, 0];
        // SAFETY: a terminated array.
        let copied = unsafe { copy(units.as_ptr()) };
        assert_eq!(copied.as_deref(), Some("A\u{FFFD}B\u{FFFD}"));
    }

    #[test]
    fn lengths_around_the_inline_room() {
        for length in INLINE - 3..INLINE + 3 {
            let text = "é".repeat(length / 2) + "z";
            assert_eq!(round_trip(Some(&text)), Some(text));
            let text = "z".repeat(length);
            assert_eq!(round_trip(Some(&text)), Some(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_without_nul_survives(text in "[^\0]{0,300}") {
            prop_assert_eq!(round_trip(Some(&text)), Some(text));
        }

        #[test]
        fn a_place_can_be_used_again(first in "[^\0]{0,300}", second in "[^\0]{0,300}") {
            let mut wide = WideText::new();
            wide.set(Some(&first));
            let pointer = wide.set(Some(&second));
            // SAFETY: as in `round_trip`.
            prop_assert_eq!(unsafe { copy(pointer) }, Some(second));
        }
    }
}
