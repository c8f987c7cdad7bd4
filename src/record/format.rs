//! The trace format, version 1: see `format.md`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{HResult, ShutdownMethod};

/// The version that this module writes and reads.
pub(crate) const VERSION: u32 = 1;

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`VERSION`].
    #[serde(rename = "mapi-sync-trace")]
    pub(crate) version: u32,
    /// Which file of its recorder this is, from 0.
    pub(crate) file: u64,
    /// Whether texts were recorded.
    pub(crate) texts: bool,
    /// Whether records are missing only where the file says so. Older recorders said it later.
    #[serde(default)]
    pub(crate) exact_gaps: bool,
    /// Whether it is recorded how calls end.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub(crate) ends: bool,
}

fn yes() -> bool {
    true
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Microseconds since the recorder was made.
    #[serde(rename = "t")]
    pub at: u64,
    /// What it was.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The recorder was put around the callback of a sync.
    Open {
        /// The sync, counted from 1 by the recorder.
        sync: u64,
        /// `ulFlags`.
        #[serde(with = "hex")]
        flags: u32,
    },
    /// Progress began.
    Progress {
        /// The sync that it belongs to.
        sync: u64,
        /// The thread that it was called on.
        thread: u64,
        /// The call, counted from 1 by the recorder.
        call: u64,
        /// The status text.
        text: Text,
        /// `ulIndex`.
        index: u32,
        /// `ulIndexMax`.
        max: u32,
    },
    /// Error began.
    Error {
        /// The sync that it belongs to.
        sync: u64,
        /// The thread that it was called on.
        thread: u64,
        /// The call.
        call: u64,
        /// The code that was reported.
        #[serde(with = "code")]
        code: HResult,
        /// Its text.
        text: Text,
    },
    /// Done began.
    Done {
        /// The sync that it ends.
        sync: u64,
        /// The thread that it was called on.
        thread: u64,
        /// The call.
        call: u64,
        /// The value of the handle passed back; 0 for NULL.
        handle: u64,
        /// The status of the sync.
        #[serde(with = "code")]
        status: HResult,
    },
    /// The host called a method of shutdown of the provider's.
    Shutdown {
        /// The thread that it was called on.
        thread: u64,
        /// The call.
        call: u64,
        /// Which method.
        #[serde(with = "method")]
        method: ShutdownMethod,
    },
    /// A call returned.
    Returned {
        /// Which one.
        call: u64,
        /// What was answered.
        #[serde(with = "code")]
        result: HResult,
    },
    /// A call panicked.
    Panicked {
        /// Which one.
        call: u64,
    },
    /// A call was dropped before it returned.
    Abandoned {
        /// Which one.
        call: u64,
    },
    /// The recorder's callback was let go of.
    Close {
        /// The sync that it belonged to.
        sync: u64,
    },
    /// Records are missing here: the queue was full, or the disk refused.
    Dropped {
        /// How many.
        count: u64,
    },
}

impl Event {
    /// Whether it says how a call ended.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Self::Returned { .. } | Self::Panicked { .. } | Self::Abandoned { .. })
    }
}

/// A text of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// NULL was passed.
    Null,
    /// A text was passed, and was not recorded.
    LeftOut,
    /// This text was passed.
    Is(String),
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::LeftOut => serializer.serialize_bool(true),
            Self::Is(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Mark(bool),
            Text(Option<String>),
        }
        match Form::deserialize(deserializer) {
            Ok(Form::Mark(true)) => Ok(Self::LeftOut),
            Ok(Form::Text(None)) => Ok(Self::Null),
            Ok(Form::Text(Some(text))) => Ok(Self::Is(text)),
            Ok(Form::Mark(false)) | Err(_) => {
                Err(de::Error::custom("a text is null, true or a string"))
            }
        }
    }
}

/// A 32-bit number as `"0x…"`.
mod hex {
    use super::*;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `with` asks for this form")]
    pub(super) fn serialize<S: Serializer>(bits: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{bits:#010x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with('+'));
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(|| {
            de::Error::custom(format_args!("{text:?} is no 32-bit number like \"0x80040115\""))
        })
    }
}

/// A code as `"0x…"`.
mod code {
    use super::*;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `with` asks for this form")]
    pub(super) fn serialize<S: Serializer>(
        code: &HResult,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        hex::serialize(&code.bits(), serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HResult, D::Error> {
        hex::deserialize(deserializer).map(HResult::from_bits)
    }
}

/// The name in the reference.
mod method {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        method: &ShutdownMethod,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(method.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ShutdownMethod, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Text> {
        prop_oneof![Just(Text::Null), Just(Text::LeftOut), any::<String>().prop_map(Text::Is)]
    }

    fn event() -> impl Strategy<Value = Event> {
        let code = || any::<u32>().prop_map(HResult::from_bits);
        let place = || (any::<u64>(), any::<u64>(), any::<u64>());
        prop_oneof![
            any::<(u64, u32)>().prop_map(|(sync, flags)| Event::Open { sync, flags }),
            (place(), text(), any::<u32>(), any::<u32>()).prop_map(
                |((sync, thread, call), text, index, max)| Event::Progress {
                    sync,
                    thread,
                    call,
                    text,
                    index,
                    max
                }
            ),
            (place(), code(), text()).prop_map(|((sync, thread, call), code, text)| {
                Event::Error { sync, thread, call, code, text }
            }),
            (place(), any::<u64>(), code()).prop_map(|((sync, thread, call), handle, status)| {
                Event::Done { sync, thread, call, handle, status }
            }),
            (any::<u64>(), any::<u64>(), prop::sample::select(ShutdownMethod::ALL.to_vec()))
                .prop_map(|(thread, call, method)| Event::Shutdown { thread, call, method }),
            (any::<u64>(), code()).prop_map(|(call, result)| Event::Returned { call, result }),
            any::<u64>().prop_map(|call| Event::Panicked { call }),
            any::<u64>().prop_map(|call| Event::Abandoned { call }),
            any::<u64>().prop_map(|sync| Event::Close { sync }),
            any::<u64>().prop_map(|count| Event::Dropped { count }),
        ]
    }

    proptest! {
        #[test]
        fn records_survive_the_round_trip(at in any::<u64>(), event in event()) {
            let record = Record { at, event };
            let line = serde_json::to_string(&record).expect("a record is always JSON");
            prop_assert!(!line.contains('\n'));
            let read: Record = serde_json::from_str(&line).expect("the line that was written");
            prop_assert_eq!(read, record);
        }
    }

    #[test]
    fn the_documented_lines_are_what_is_written() {
        let line = serde_json::to_string(&Record {
            at: 50,
            event: Event::Error {
                sync: 1,
                thread: 2,
                call: 2,
                code: HResult::MAPI_E_NETWORK_ERROR,
                text: Text::Is("The network is gone".into()),
            },
        });
        assert_eq!(
            line.expect("JSON"),
            concat!(
                r#"{"t":50,"event":"error","sync":1,"thread":2,"call":2,"#,
                r#""code":"0x80040115","text":"The network is gone"}"#,
            )
        );
    }
}
