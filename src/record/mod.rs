//! A recorder for production: the calls of a sync, written to a file from inside Outlook's process,
//! and read back to be checked against the contract on any system.
//!
//! The way of the data: [`Recorder::around`] wraps a callback, [`Recorder::around_provider`] a
//! whole provider with its methods of shutdown; each call puts a record into a
//! bounded queue and goes on; a thread of the recorder's own writes the queue to a file, as
//! [`Record`]s, one JSON object a line; [`check`] reads such files and reports what they hold to a
//! [`Monitor`](crate::contract::Monitor).
//!
//! ```no_run
//! # async fn sync(request: mapi_sync::SyncRequest) -> Result<(), Box<dyn std::error::Error>> {
//! use mapi_sync::record::Recorder;
//!
//! let recorder = Recorder::to_file("sync.jsonl").start()?;
//! // In the provider's start, the one line:
//! let request = recorder.around_request(request);
//! # Ok(())
//! # }
//! ```
//!
//! # The format
#![doc = include_str!("format.md")]

mod check;
mod disk;
#[cfg(all(windows, target_env = "msvc", feature = "etw"))]
mod etw;
mod format;
mod recorder;
mod writer;

pub use check::{NotJudged, TraceError, TraceReport, WhyNotJudged, check};
pub use format::{Event, Record, Text};
pub use recorder::{RecordedProvider, Recorder, RecorderConfig, RecorderCounts};
