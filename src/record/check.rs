//! Holding recorded calls against the contract.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use super::format::{Event, Header, Record, Text, VERSION};
use crate::RawEvent;
use crate::contract::{
    Answer, Call, CallId, Monitor, MonitorConfig, Policy, SyncId, SyncWatch, Violation,
    VirtualClock,
};

/// Why a trace cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    #[error("line {line}: {error}")]
    Read {
        /// The line, from 1.
        line: u64,
        /// What the system says.
        error: io::Error,
    },
    /// The first line is not that of a trace.
    #[error("this is no trace: its first line is not like {{\"mapi-sync-trace\":1,…}}")]
    NoTrace,
    /// The trace is of a version that is not known here.
    #[error("the trace has version {0}; version {VERSION} is known here")]
    Version(u32),
    /// A line is not a record.
    #[error("line {line}, column {column}: {message}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What is wrong with it.
        message: String,
    },
}

/// What a trace came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceReport {
    /// Syncs in the trace.
    pub syncs: u64,
    /// Callbacks in the trace.
    pub calls: u64,
    /// Records that the recorder had to drop. Where there are any, or where the trace begins in
    /// mid-sync, a rule about something that never came cannot be held, and is not.
    pub dropped: u64,
    /// Whether the trace was cut off in the middle of a line, as a process that is ended leaves
    /// it.
    pub cut_off: bool,
    /// The rules that were broken.
    pub violations: Vec<Violation>,
}

/// Reads a trace and checks its calls against the contract, as far as the callbacks show: no start,
/// no references, no event.
///
/// A last line that is cut off is left out. A sync whose callback was not let go of by the end of
/// the trace may go on elsewhere: nothing is missed of it. Nor is anything missed of a sync that
/// the trace has only in part.
///
/// # Errors
///
/// See [`TraceError`].
pub fn check(trace: impl BufRead, policy: Policy) -> Result<TraceReport, TraceError> {
    let (records, cut_off) = read(trace)?;
    let dropped = records.iter().map(|record| match record.event {
        Event::Dropped { count } => count,
        _ => 0,
    });
    let dropped = dropped.fold(0, u64::saturating_add);
    let mut report = TraceReport { syncs: 0, calls: 0, dropped, cut_off, violations: Vec::new() };
    let mut syncs: BTreeMap<u64, Sync> = BTreeMap::new();
    let mut calls: BTreeMap<u64, (SyncWatch, CallId)> = BTreeMap::new();
    // Every time is the recorder's.
    let clock = VirtualClock::new();
    for Record { at, event } in records {
        clock.set(at / 1000);
        if let Some((sync, number, call)) = begun(&event) {
            report.calls += 1;
            // Without its beginning, the trace has only a part of the sync.
            let sync =
                syncs.entry(sync).or_insert_with(|| Sync::new(policy.for_parts(), &clock, false));
            if let Some(id) = sync.watch.observe(call) {
                calls.insert(number, (sync.watch.clone(), id));
            }
            continue;
        }
        match event {
            Event::Open { sync, .. } => {
                let whole = dropped == 0;
                let policy = if whole { policy.clone() } else { policy.for_parts() };
                syncs.insert(sync, Sync::new(policy, &clock, whole));
            }
            Event::Returned { call, result } => {
                ended(&mut calls, call, Answer::Returned(result));
            }
            Event::Panicked { call } => ended(&mut calls, call, Answer::Panicked),
            Event::Abandoned { call } => ended(&mut calls, call, Answer::Dropped),
            Event::Close { sync } => {
                if let Some(sync) = syncs.get(&sync)
                    && sync.whole
                {
                    sync.monitor.finish();
                }
            }
            Event::Progress { .. } | Event::Error { .. } | Event::Done { .. } => {}
            Event::Dropped { .. } => {}
        }
    }
    report.syncs = syncs.len() as u64;
    for (number, sync) in syncs {
        // Each sync has a monitor of its own, which knows it as the first.
        let id = SyncId(u32::try_from(number).unwrap_or(u32::MAX));
        report.violations.extend(sync.monitor.violations().into_iter().map(|mut violation| {
            violation.sync = id;
            for call in &mut violation.calls {
                call.sync = id;
            }
            violation
        }));
    }
    Ok(report)
}

/// One sync of a trace. Each has a monitor of its own, as each may end, or not, for itself.
struct Sync {
    monitor: Monitor,
    watch: SyncWatch,
    whole: bool,
}

impl Sync {
    fn new(policy: Policy, clock: &VirtualClock, whole: bool) -> Self {
        let config = MonitorConfig::default().with_policy(policy);
        let monitor = Monitor::new(config, clock.clone());
        let watch = monitor.callback_sync();
        Self { monitor, watch, whole }
    }
}

/// The sync, the number and the call, if one begins with this record.
fn begun(event: &Event) -> Option<(u64, u64, Call<&str>)> {
    Some(match event {
        Event::Progress { sync, call, text, index, max, .. } => {
            (*sync, *call, Call::Progress { text: said(text), index: *index, index_max: *max })
        }
        Event::Error { sync, call, code, text, .. } => {
            (*sync, *call, Call::Error { result: *code, text: said(text) })
        }
        Event::Done { sync, call, handle, status, .. } => {
            let event = RawEvent::from_value(usize::try_from(*handle).unwrap_or(usize::MAX));
            (*sync, *call, Call::Done { event, status: *status })
        }
        _ => return None,
    })
}

fn said(text: &Text) -> Option<&str> {
    match text {
        Text::Null => None,
        Text::LeftOut => Some("(left out)"),
        Text::Is(text) => Some(text),
    }
}

fn ended(calls: &mut BTreeMap<u64, (SyncWatch, CallId)>, call: u64, answer: Answer) {
    // A call that is not known began before the trace does.
    if let Some((watch, call)) = calls.remove(&call) {
        watch.observe(Call::Ended { call, answer });
    }
}

/// The records, and whether the last line was cut off.
fn read(mut trace: impl BufRead) -> Result<(Vec<Record>, bool), TraceError> {
    let mut records = Vec::new();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let length = trace.read_until(b'\n', &mut text);
        if length.map_err(|error| TraceError::Read { line, error })? == 0 {
            if line == 1 {
                return Err(TraceError::NoTrace);
            }
            break;
        }
        let whole = text.last() == Some(&b'\n');
        if line == 1 {
            let header: Header = serde_json::from_slice(&text).map_err(|_| TraceError::NoTrace)?;
            if header.version != VERSION {
                return Err(TraceError::Version(header.version));
            }
            continue;
        }
        match serde_json::from_slice(&text) {
            Ok(record) => records.push(record),
            Err(_) if !whole => return Ok((records, true)),
            Err(error) => {
                let column = error.column();
                return Err(TraceError::Line { line, column, message: error.to_string() });
            }
        }
    }
    Ok((records, false))
}
