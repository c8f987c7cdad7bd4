//! `HRESULT` as a value that keeps all its bits.

use std::fmt;
use std::str::FromStr;

/// A result code of COM and MAPI: 32 bits, of which the highest says whether it is a failure.
///
/// It is not a [`Result`]: warnings are nonzero successes, and a code that this crate does not know
/// must pass through unchanged. For code that only asks "did it fail?" there is [`HResult::ok`].
///
/// ```
/// use mapi_sync::HResult;
///
/// assert!(HResult::MAPI_W_PARTIAL_COMPLETION.is_warning());
/// assert_eq!(HResult::MAPI_E_USER_CANCEL.to_string(), "MAPI_E_USER_CANCEL (0x80040113)");
/// assert_eq!("0x80040113".parse(), Ok(HResult::MAPI_E_USER_CANCEL));
/// assert_eq!(HResult::from_bits(0x8123_4567).to_string(), "0x81234567");
/// ```
///
/// Source: "Structure of COM Error Codes" and, for MAPI's names, "MAPI Return Values" in
/// Microsoft's reference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct HResult(i32);

/// The three kinds of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// `S_OK` and nothing else.
    Success,
    /// A success-class code other than `S_OK`.
    Warning,
    /// The high bit is set.
    Failure,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $bits:literal;)*) => {
        impl HResult {
            $($(#[$doc])* pub const $name: Self = Self::from_bits($bits);)*

            /// Every code that has a name here, with that name. Where two names share a value,
            /// [`Display`](fmt::Display) uses the first.
            pub const NAMED: &'static [(&'static str, Self)] =
                &[$((stringify!($name), Self::$name)),*];
        }
    };
}

codes! {
    /// Success.
    S_OK = 0x0000_0000;
    /// Success, with "no" as the answer.
    S_FALSE = 0x0000_0001;
    /// The operation failed for no stated reason. MAPI's name for it is
    /// [`Self::MAPI_E_CALL_FAILED`].
    E_FAIL = 0x8000_4005;
    /// MAPI's name for [`Self::E_FAIL`].
    MAPI_E_CALL_FAILED = 0x8000_4005;
    /// The object does not have the interface that was asked for.
    E_NOINTERFACE = 0x8000_4002;
    /// A pointer that must be valid is NULL.
    E_POINTER = 0x8000_4003;
    /// The operation was given up.
    E_ABORT = 0x8000_4004;
    /// Memory, or another resource that counts as memory, ran out.
    E_OUTOFMEMORY = 0x8007_000E;
    /// An argument is wrong. MAPI's name for it is [`Self::MAPI_E_INVALID_PARAMETER`].
    E_INVALIDARG = 0x8007_0057;
    /// MAPI's name for [`Self::E_INVALIDARG`].
    MAPI_E_INVALID_PARAMETER = 0x8007_0057;
    /// Access is denied. MAPI's name for it is [`Self::MAPI_E_NO_ACCESS`].
    E_ACCESSDENIED = 0x8007_0005;
    /// MAPI's name for [`Self::E_ACCESSDENIED`].
    MAPI_E_NO_ACCESS = 0x8007_0005;
    /// A handle is not, or is no longer, a handle of this process.
    E_HANDLE = 0x8007_0006;
    /// Something unexpected happened.
    E_UNEXPECTED = 0x8000_FFFF;
    /// The operation is not supported.
    MAPI_E_NO_SUPPORT = 0x8004_0102;
    /// A flag is set that the callee does not know.
    MAPI_E_UNKNOWN_FLAGS = 0x8004_0106;
    /// The object is busy, for example with an earlier sync.
    MAPI_E_BUSY = 0x8004_010B;
    /// The object does not exist.
    MAPI_E_NOT_FOUND = 0x8004_010F;
    /// A version is not supported.
    MAPI_E_VERSION = 0x8004_0110;
    /// The logon failed.
    MAPI_E_LOGON_FAILED = 0x8004_0111;
    /// The user cancelled.
    MAPI_E_USER_CANCEL = 0x8004_0113;
    /// The network failed.
    MAPI_E_NETWORK_ERROR = 0x8004_0115;
    /// The disk failed.
    MAPI_E_DISK_ERROR = 0x8004_0116;
    /// `GetLastError` has more details.
    MAPI_E_EXTENDED_ERROR = 0x8004_0119;
    /// The connection was lost and is back.
    MAPI_E_RECONNECTED = 0x8004_0125;
    /// The store is offline.
    MAPI_E_OFFLINE = 0x8004_0126;
    /// The session is ending.
    MAPI_E_END_OF_SESSION = 0x8004_0200;
    /// The operation could not be completed.
    MAPI_E_UNABLE_TO_COMPLETE = 0x8004_0400;
    /// The operation took too long.
    MAPI_E_TIMEOUT = 0x8004_0401;
    /// Wait and try again.
    MAPI_E_WAIT = 0x8004_0500;
    /// The operation was cancelled by the provider or the host.
    MAPI_E_CANCEL = 0x8004_0501;
    /// The object was not initialised.
    MAPI_E_NOT_INITIALIZED = 0x8004_0605;
    /// Warning: the service is not available.
    MAPI_W_NO_SERVICE = 0x0004_0203;
    /// Warning: the operation succeeded, but errors were reported on the way.
    MAPI_W_ERRORS_RETURNED = 0x0004_0380;
    /// Warning, from a callback: the user asks to cancel the message, and here the sync.
    MAPI_W_CANCEL_MESSAGE = 0x0004_0580;
    /// Warning: the operation succeeded in part.
    MAPI_W_PARTIAL_COMPLETION = 0x0004_0680;
}

impl HResult {
    /// The code with exactly these 32 bits.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits.cast_signed())
    }

    /// The 32 bits, as they are written in hexadecimal.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0.cast_unsigned()
    }

    /// The code as the signed number that COM passes.
    #[must_use]
    pub const fn from_i32(code: i32) -> Self {
        Self(code)
    }

    /// The signed number that COM passes.
    #[must_use]
    pub const fn as_i32(self) -> i32 {
        self.0
    }

    /// Whether this is success, a warning or a failure.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.0 {
            0 => Severity::Success,
            code if code < 0 => Severity::Failure,
            _ => Severity::Warning,
        }
    }

    /// True for `S_OK` and for every warning: COM's `SUCCEEDED`.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// True if the high bit is set: COM's `FAILED`.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 < 0
    }

    /// True for a success-class code other than `S_OK`.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        self.0 > 0
    }

    /// The code's name, if it has one here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(_, code)| *code == self).map(|(name, _)| *name)
    }

    /// `Ok` with the code for a success *or a warning*, `Err` with it for a failure, for use with
    /// `?`.
    ///
    /// # Errors
    ///
    /// The code itself, if it is a failure.
    pub const fn ok(self) -> Result<Self, Self> {
        if self.is_failure() { Err(self) } else { Ok(self) }
    }
}

impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) if self.0 == 0 => f.write_str(name),
            Some(name) => write!(f, "{name} (0x{:08X})", self.bits()),
            None => write!(f, "0x{:08X}", self.bits()),
        }
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for HResult {}

/// The text is neither the name of a code nor `0x` with one to eight hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no HRESULT: give a name such as MAPI_E_BUSY, or up to eight hexadecimal digits \
     such as 0x8004010B"
)]
pub struct ParseHResultError(String);

impl FromStr for HResult {
    type Err = ParseHResultError;

    /// Reads a name (in any case), `0x` with hexadecimal digits, or what [`Display`](fmt::Display)
    /// prints.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseHResultError(text.to_owned());
        let text_alone = text.trim();
        let (word, in_brackets) = match text_alone.split_once(" (") {
            Some((word, rest)) => (word, Some(rest.strip_suffix(')').ok_or_else(refuse)?)),
            None => (text_alone, None),
        };
        let code = match parse_hex(word) {
            Some(code) => code,
            None => {
                let named = Self::NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
                named.ok_or_else(refuse)?.1
            }
        };
        match in_brackets {
            Some(hex) if parse_hex(hex) != Some(code) => Err(refuse()),
            _ => Ok(code),
        }
    }
}

fn parse_hex(text: &str) -> Option<HResult> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok().map(HResult::from_bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_code_has_the_value_of_the_reference() {
        let facts: &[(&str, u32)] = &[
            ("E_FAIL", 0x8000_4005),
            ("E_NOINTERFACE", 0x8000_4002),
            ("E_OUTOFMEMORY", 0x8007_000E),
            ("MAPI_E_INVALID_PARAMETER", 0x8007_0057),
            ("MAPI_E_NO_ACCESS", 0x8007_0005),
            ("E_UNEXPECTED", 0x8000_FFFF),
            ("MAPI_E_NO_SUPPORT", 0x8004_0102),
            ("MAPI_E_UNKNOWN_FLAGS", 0x8004_0106),
            ("MAPI_E_BUSY", 0x8004_010B),
            ("MAPI_E_NOT_FOUND", 0x8004_010F),
            ("MAPI_E_VERSION", 0x8004_0110),
            ("MAPI_E_LOGON_FAILED", 0x8004_0111),
            ("MAPI_E_USER_CANCEL", 0x8004_0113),
            ("MAPI_E_NETWORK_ERROR", 0x8004_0115),
            ("MAPI_E_DISK_ERROR", 0x8004_0116),
            ("MAPI_E_EXTENDED_ERROR", 0x8004_0119),
            ("MAPI_E_RECONNECTED", 0x8004_0125),
            ("MAPI_E_OFFLINE", 0x8004_0126),
            ("MAPI_E_END_OF_SESSION", 0x8004_0200),
            ("MAPI_E_UNABLE_TO_COMPLETE", 0x8004_0400),
            ("MAPI_E_TIMEOUT", 0x8004_0401),
            ("MAPI_E_WAIT", 0x8004_0500),
            ("MAPI_E_CANCEL", 0x8004_0501),
            ("MAPI_E_NOT_INITIALIZED", 0x8004_0605),
            ("MAPI_W_NO_SERVICE", 0x0004_0203),
            ("MAPI_W_ERRORS_RETURNED", 0x0004_0380),
            ("MAPI_W_CANCEL_MESSAGE", 0x0004_0580),
            ("MAPI_W_PARTIAL_COMPLETION", 0x0004_0680),
        ];
        for (name, bits) in facts {
            assert_eq!(name.parse(), Ok(HResult::from_bits(*bits)), "{name}");
        }
    }

    #[test]
    fn each_code_has_its_severity() {
        assert_eq!(HResult::S_OK.severity(), Severity::Success);
        assert_eq!(HResult::S_FALSE.severity(), Severity::Warning);
        assert_eq!(HResult::MAPI_W_NO_SERVICE.severity(), Severity::Warning);
        assert_eq!(HResult::E_FAIL.severity(), Severity::Failure);
        assert_eq!(HResult::MAPI_W_NO_SERVICE.ok(), Ok(HResult::MAPI_W_NO_SERVICE));
        assert_eq!(HResult::E_FAIL.ok(), Err(HResult::E_FAIL));
    }

    #[test]
    fn shared_values_print_the_first_name() {
        assert_eq!(HResult::MAPI_E_CALL_FAILED.to_string(), "E_FAIL (0x80004005)");
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in
            ["", "0x", "0x123456789", "80040113", "E_FAIL (0x1)", "E_FAIL (0x80004005", "0x+1"]
        {
            assert!(text.parse::<HResult>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_code_survives_print_and_parse(bits: u32) {
            let code = HResult::from_bits(bits);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
            prop_assert_eq!(HResult::from_i32(code.as_i32()), code);
        }

        #[test]
        fn named_codes_survive_in_any_case(index in 0..HResult::NAMED.len()) {
            let (name, code) = HResult::NAMED[index];
            prop_assert_eq!(name.to_lowercase().parse(), Ok(code));
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,24}") {
            let _: Result<HResult, _> = text.parse();
        }
    }
}
