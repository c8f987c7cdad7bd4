//! The calls of an execution in the form in which a recorder writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use mapi_sync::RawEvent;
use mapi_sync::contract::{Answer, Call, CallId, SyncId};
use mapi_sync::record::{self, Event, Record, Text};

use super::{Document, Format, unsupported};
use crate::check::Execution;
use crate::world::SeenCall;

/// Writes what a recorder around the provider would have written: of a check, the calls of its
/// first counterexample; and of these those of one store, the one that shows the defect.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    let execution = match document {
        Document::Check(report) => report.counterexamples.first().map(|shown| &shown.execution),
        Document::Replay(replayed) => Some(&replayed.execution),
        _ => return Err(unsupported(Format::Calls, document)),
    };
    record::write(out, execution.map_or_else(Vec::new, records))
}

fn records(execution: &Execution) -> Vec<Record> {
    let account = execution.breaches.iter().find_map(|breach| breach.account).unwrap_or(0);
    let calls: Vec<&SeenCall> =
        execution.calls.iter().filter(|seen| seen.account == account).collect();
    let mut recording = Recording::default();
    for seen in &calls {
        recording.observe(seen);
    }
    let end = execution.outcome.virtual_ms;
    recording.end(calls.last().map_or(end, |seen| seen.call.at_ms.max(end)))
}

/// A recorder, as far as it has come.
#[derive(Default)]
struct Recording {
    records: Vec<Record>,
    /// The flags of each start.
    flags: BTreeMap<SyncId, u32>,
    /// The syncs whose callback was asked for.
    open: BTreeSet<SyncId>,
    /// The recorder's numbers of the calls that are under way.
    calls: BTreeMap<(SyncId, Option<CallId>), u64>,
    begun: u64,
}

impl Recording {
    fn observe(&mut self, seen: &SeenCall) {
        let sync = seen.call.sync;
        let (number, thread) = (u64::from(sync.0), seen.task.index() as u64 + 1);
        let event = match &seen.call.call {
            Call::Start { flags } => {
                self.flags.insert(sync, flags.bits());
                return;
            }
            Call::Queried => return self.open(seen),
            Call::Progress { text, index, index_max } => {
                let (text, index, max) = (said(text.as_deref()), *index, *index_max);
                self.open(seen);
                let call = self.begin((sync, seen.call.number));
                Event::Progress { sync: number, thread, call, text, index, max }
            }
            Call::Error { result, text } => {
                let (code, text) = (*result, said(text.as_deref()));
                self.open(seen);
                let call = self.begin((sync, seen.call.number));
                Event::Error { sync: number, thread, call, code, text }
            }
            Call::Done { event, status } => {
                let (handle, status) = (handle(*event), *status);
                self.open(seen);
                let call = self.begin((sync, seen.call.number));
                Event::Done { sync: number, thread, call, handle, status }
            }
            Call::Ended { call, answer } => {
                let Some(call) = self.calls.remove(&(sync, Some(*call))) else { return };
                match answer {
                    Answer::Returned(result) => Event::Returned { call, result: *result },
                    Answer::Panicked => Event::Panicked { call },
                    Answer::Dropped => Event::Abandoned { call },
                }
            }
            // One method of shutdown is under way at a time.
            Call::Shutdown { method } => {
                let call = self.begin((sync, None));
                Event::Shutdown { thread, call, method: *method }
            }
            Call::ShutdownReturned { result, .. } => {
                let Some(call) = self.calls.remove(&(sync, None)) else { return };
                Event::Returned { call, result: *result }
            }
            // A recorder sees nothing else.
            _ => return,
        };
        self.record(seen.call.at_ms, event);
    }

    fn open(&mut self, seen: &SeenCall) {
        let sync = seen.call.sync;
        if self.open.insert(sync) {
            let flags = self.flags.get(&sync).copied().unwrap_or(0);
            self.record(seen.call.at_ms, Event::Open { sync: u64::from(sync.0), flags });
        }
    }

    fn begin(&mut self, key: (SyncId, Option<CallId>)) -> u64 {
        self.begun += 1;
        self.calls.insert(key, self.begun);
        self.begun
    }

    fn record(&mut self, at_ms: u64, event: Event) {
        self.records.push(Record { at: at_ms.saturating_mul(1_000), event });
    }

    /// The world is over: what is under way is dropped, and every callback is let go of. A provider
    /// that calls a callback after its last release would still call the recorder's.
    fn end(mut self, at_ms: u64) -> Vec<Record> {
        for call in std::mem::take(&mut self.calls).into_values() {
            self.record(at_ms, Event::Abandoned { call });
        }
        for sync in std::mem::take(&mut self.open) {
            self.record(at_ms, Event::Close { sync: u64::from(sync.0) });
        }
        self.records
    }
}

fn said(text: Option<&str>) -> Text {
    text.map_or(Text::Null, |text| Text::Is(text.to_owned()))
}

fn handle(event: RawEvent) -> u64 {
    event.value() as u64
}
