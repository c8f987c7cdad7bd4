//! Holding recorded calls against the contract.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead, Read};

use super::format::{Event, Header, Record, Text, VERSION};
use crate::RawEvent;
use crate::contract::{
    Answer, Call, CallId, Monitor, MonitorConfig, Policy, SyncId, SyncWatch, Violation,
    VirtualClock,
};

/// Why a trace cannot be read.
///
/// `Debug` prints the same sentence as `Display`: it is what a failed `unwrap` shows.
#[derive(thiserror::Error)]
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
    /// A line is longer than any record.
    #[error("line {line} is longer than {MOST_BYTES} bytes")]
    LongLine {
        /// The line, from 1.
        line: u64,
    },
    /// More is under way at once than in any recording.
    #[error("line {line}: more than {MOST_OPEN} syncs or calls are under way at once")]
    TooManyOpen {
        /// The line, from 1.
        line: u64,
    },
}

impl fmt::Debug for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
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
    /// The rules that were broken, at most 1,000 of them.
    pub violations: Vec<Violation>,
    /// How many more were broken.
    pub more_violations: u64,
}

/// Reads a trace and checks its calls against the contract, as far as the callbacks show: no start,
/// no references, no event.
///
/// A last line that is cut off is left out. A sync whose callback was not let go of by the end of
/// the trace may go on elsewhere: nothing is missed of it. Nor is anything missed of a sync that
/// the trace has only in part.
///
/// The trace is read line by line, and what is kept of it does not grow with its length.
///
/// # Errors
///
/// See [`TraceError`].
pub fn check(trace: impl BufRead, policy: Policy) -> Result<TraceReport, TraceError> {
    let mut lines = Lines::new(trace)?;
    let mut trace = Trace::new(policy);
    while let Some(record) = lines.next()? {
        trace.observe(record);
        if trace.open.len() > MOST_OPEN || trace.calls.len() > MOST_OPEN {
            return Err(TraceError::TooManyOpen { line: lines.line });
        }
    }
    Ok(trace.report(lines.cut_off))
}

/// The most bytes of a line.
const MOST_BYTES: usize = 1 << 20;

/// The most syncs, and the most calls, that may be under way at once.
const MOST_OPEN: usize = 10_000;

/// How many closed syncs are kept. A call that comes after the end of its sync is an accusation.
const MOST_CLOSED: usize = 64;

/// The most violations that a report lists.
const MOST_VIOLATIONS: usize = 1_000;

/// What is known of the trace so far.
///
/// Whether the recorder dropped records, and so which rules can be held, is certain only at the
/// end. Until a record says that some were dropped, each whole sync is judged twice: with all
/// rules, and with those that can be applied where calls are missing.
struct Trace {
    policy: Policy,
    for_parts: Policy,
    /// Every time is the recorder's.
    clock: VirtualClock,
    open: BTreeMap<u64, Sync>,
    /// Those of `open` whose callback was let go of, the oldest first.
    closed: VecDeque<u64>,
    calls: BTreeMap<u64, Begun>,
    whole: Verdict,
    parts: Verdict,
    syncs: u64,
    begun: u64,
    dropped: u64,
}

/// The violations under one policy.
#[derive(Default)]
struct Verdict {
    violations: Vec<(u64, Violation)>,
    more: u64,
}

/// One sync of a trace. Each has its own monitors, as each may end, or not, for itself.
struct Sync {
    /// Judges it by all rules, if the trace has all of it.
    whole: Option<Judge>,
    parts: Judge,
    closed: bool,
}

struct Judge {
    monitor: Monitor,
    watch: SyncWatch,
}

/// A call that has begun.
struct Begun {
    sync: u64,
    /// Its number to each judge.
    whole: Option<CallId>,
    parts: Option<CallId>,
}

impl Trace {
    fn new(policy: Policy) -> Self {
        Self {
            for_parts: policy.for_parts(),
            policy,
            clock: VirtualClock::new(),
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            calls: BTreeMap::new(),
            whole: Verdict::default(),
            parts: Verdict::default(),
            syncs: 0,
            begun: 0,
            dropped: 0,
        }
    }

    fn observe(&mut self, Record { at, event }: Record) {
        self.clock.set(at / 1000);
        if let Some((number, call_number, call)) = begun(&event) {
            self.begun += 1;
            // Without its beginning, the trace has only a part of the sync.
            if !self.open.contains_key(&number) {
                self.insert(number, false);
            }
            if let Some(sync) = self.open.get(&number) {
                let whole = sync.whole.as_ref().and_then(|judge| judge.watch.observe(call));
                let parts = sync.parts.watch.observe(call);
                if whole.is_some() || parts.is_some() {
                    self.calls.insert(call_number, Begun { sync: number, whole, parts });
                }
            }
            return;
        }
        match event {
            Event::Open { sync, .. } => {
                self.finish(sync);
                self.insert(sync, true);
            }
            Event::Returned { call, result } => self.ended(call, Answer::Returned(result)),
            Event::Panicked { call } => self.ended(call, Answer::Panicked),
            Event::Abandoned { call } => self.ended(call, Answer::Dropped),
            Event::Close { sync } => self.close(sync),
            Event::Progress { .. } | Event::Error { .. } | Event::Done { .. } => {}
            Event::Dropped { count } => {
                self.dropped = self.dropped.saturating_add(count);
                if self.dropped > 0 {
                    self.open.values_mut().for_each(|sync| sync.whole = None);
                }
            }
        }
    }

    fn insert(&mut self, number: u64, is_whole: bool) {
        let judge = |policy: &Policy| {
            let config = MonitorConfig::default().with_policy(policy.clone());
            let monitor = Monitor::new(config, self.clock.clone());
            let watch = monitor.callback_sync();
            Judge { monitor, watch }
        };
        let whole = (is_whole && self.dropped == 0).then(|| judge(&self.policy));
        let parts = judge(&self.for_parts);
        self.open.insert(number, Sync { whole, parts, closed: false });
        self.syncs += 1;
    }

    fn ended(&mut self, call: u64, answer: Answer) {
        // A call that is not known began before the trace does.
        let Some(Begun { sync, whole, parts }) = self.calls.remove(&call) else { return };
        let Some(sync) = self.open.get(&sync) else { return };
        let judges = [(sync.whole.as_ref(), whole), (Some(&sync.parts), parts)];
        for (judge, call) in judges {
            if let (Some(judge), Some(call)) = (judge, call) {
                judge.watch.observe(Call::Ended { call, answer });
            }
        }
    }

    fn close(&mut self, number: u64) {
        let Some(sync) = self.open.get_mut(&number).filter(|sync| !sync.closed) else { return };
        sync.closed = true;
        if let Some(judge) = &sync.whole {
            judge.monitor.finish();
        }
        self.closed.push_back(number);
        if self.closed.len() > MOST_CLOSED
            && let Some(oldest) = self.closed.front().copied()
        {
            self.finish(oldest);
        }
    }

    /// Takes the verdict on a sync, and forgets it.
    fn finish(&mut self, number: u64) {
        let Some(sync) = self.open.remove(&number) else { return };
        self.closed.retain(|other| *other != number);
        self.calls.retain(|_, call| call.sync != number);
        self.whole.add(number, sync.whole.as_ref().unwrap_or(&sync.parts));
        self.parts.add(number, &sync.parts);
    }

    fn report(mut self, cut_off: bool) -> TraceReport {
        for number in self.open.keys().copied().collect::<Vec<_>>() {
            self.finish(number);
        }
        let Verdict { mut violations, more } =
            if self.dropped == 0 { self.whole } else { self.parts };
        violations.sort_by_key(|(sync, _)| *sync);
        TraceReport {
            syncs: self.syncs,
            calls: self.begun,
            dropped: self.dropped,
            cut_off,
            violations: violations.into_iter().map(|(_, violation)| violation).collect(),
            more_violations: more,
        }
    }
}

impl Verdict {
    fn add(&mut self, number: u64, judge: &Judge) {
        // To its own monitor, each sync is the first.
        let id = SyncId(u32::try_from(number).unwrap_or(u32::MAX));
        for mut violation in judge.monitor.violations() {
            if self.violations.len() == MOST_VIOLATIONS {
                self.more += 1;
                continue;
            }
            violation.sync = id;
            for call in &mut violation.calls {
                call.sync = id;
            }
            self.violations.push((number, violation));
        }
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

/// The records of a trace, one line after another.
struct Lines<R> {
    trace: R,
    text: Vec<u8>,
    /// The number of the last line that was read, from 1.
    line: u64,
    /// Whether the last line was cut off.
    cut_off: bool,
}

impl<R: BufRead> Lines<R> {
    /// Reads the first line.
    fn new(trace: R) -> Result<Self, TraceError> {
        let mut lines = Self { trace, text: Vec::new(), line: 0, cut_off: false };
        lines.read()?;
        let header: Header =
            serde_json::from_slice(&lines.text).map_err(|_| TraceError::NoTrace)?;
        if header.version != VERSION {
            return Err(TraceError::Version(header.version));
        }
        Ok(lines)
    }

    /// The next record. `None` at the end.
    fn next(&mut self) -> Result<Option<Record>, TraceError> {
        self.read()?;
        if self.text.is_empty() {
            return Ok(None);
        }
        match serde_json::from_slice(&self.text) {
            Ok(record) => Ok(Some(record)),
            Err(_) if self.text.last() != Some(&b'\n') => {
                self.cut_off = true;
                Ok(None)
            }
            Err(error) => {
                let (line, column) = (self.line, error.column());
                Err(TraceError::Line { line, column, message: error.to_string() })
            }
        }
    }

    /// Reads a line, with its line feed. At the end there is nothing.
    fn read(&mut self) -> Result<(), TraceError> {
        self.text.clear();
        self.line += 1;
        let line = self.line;
        (&mut self.trace)
            .take(MOST_BYTES as u64 + 1)
            .read_until(b'\n', &mut self.text)
            .map_err(|error| TraceError::Read { line, error })?;
        if self.text.len() > MOST_BYTES {
            return Err(TraceError::LongLine { line });
        }
        Ok(())
    }
}
