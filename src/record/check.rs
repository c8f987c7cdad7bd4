//! Holding recorded calls against the contract.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead, Read};

use super::format::{Event, Header, Record, Text, VERSION};
use super::report::{NotJudged, TraceReport, WhyNotJudged};
use crate::contract::{
    Answer, Call, CallId, Monitor, MonitorConfig, Policy, Rule, Situation, SyncId, SyncWatch,
    Violation, VirtualClock,
};
use crate::{HResult, RawEvent, ShutdownMethod};

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
    /// There is nothing in the file.
    #[error("the file is empty: a trace has at least its first line")]
    Empty,
    /// The first line is not that of a trace.
    #[error("this is no trace: its first line is not like {{\"mapi-sync-trace\":1,…}}")]
    NoTrace,
    /// The trace is of a version that is not known here.
    #[error(
        "the trace has version {0}, and version {VERSION} is known here: check it with the \
         mapi-sync that recorded it, or with a later one"
    )]
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
    let (mut lines, header) = Lines::new(trace)?;
    let mut trace = Trace::new(policy, &header);
    while let Some(record) = lines.next()? {
        if !header.ends && record.event.is_end() {
            let message = "the first line says that the trace does not say how calls end".into();
            return Err(TraceError::Line { line: lines.line, column: 1, message });
        }
        trace.observe(record);
        let most = trace.open.len().max(trace.calls.len()).max(trace.shutdown.calls.len());
        if most > MOST_OPEN {
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
/// Of a sync of which records may be missing, only those rules count that can be applied where
/// calls are missing. In a trace that does not say where they are missing, only its end tells which
/// syncs these are, so both verdicts are kept until then.
struct Trace {
    /// Whether records are missing only where the trace says so.
    exact_gaps: bool,
    /// Whether the trace says how calls end. If not, each one ends as it begins.
    ends: bool,
    policy: Policy,
    /// What of it can be applied to this trace.
    judged: Policy,
    /// Every time is the recorder's.
    clock: VirtualClock,
    open: BTreeMap<u64, Sync>,
    /// Those of `open` whose callback was let go of, the oldest first.
    closed: VecDeque<u64>,
    calls: BTreeMap<u64, Begun>,
    shutdown: Shutdown,
    whole: Verdict,
    parts: Verdict,
    syncs: u64,
    /// How many of them have nothing missing, as far as the trace says.
    whole_syncs: u64,
    begun: u64,
    dropped: u64,
    seen: Vec<Situation>,
    /// The rules that some sync may have broken, for all that the trace shows.
    unsure: Vec<NotJudged>,
}

/// What the trace has of a shutdown.
#[derive(Default)]
struct Shutdown {
    /// The methods that have not returned, by their calls.
    calls: BTreeMap<u64, ShutdownMethod>,
    /// The methods that have returned, each with its first time, in milliseconds: later syncs know
    /// of them.
    returned: BTreeMap<ShutdownMethod, (u64, HResult)>,
    /// Whether NotifyProcessShutdown was called, and DoFastShutdown has not returned since.
    is_noticed: bool,
}

/// The violations under one policy.
#[derive(Default)]
struct Verdict {
    violations: Vec<(u64, Violation)>,
    more: u64,
}

/// One sync of a trace. Each has its own monitor, as each may end, or not, for itself.
struct Sync {
    monitor: Monitor,
    watch: SyncWatch,
    /// Whether the trace has all of it so far.
    is_whole: bool,
    /// How many violations had been found before the first gap: they hold whatever is missing.
    sure: usize,
    closed: bool,
    late: Late,
}

/// How many calls a sync began, and how many of Progress when it was to stop.
#[derive(Clone, Copy, Default)]
struct Late {
    /// All of them.
    calls: u64,
    /// Since its host answered a call with a cancel request, if it did.
    since_cancel: Option<u32>,
    /// Since NotifyProcessShutdown.
    since_notice: u32,
    /// Whether it ended with a success or a warning.
    succeeded: bool,
}

/// A call that has begun.
struct Begun {
    sync: u64,
    /// Its number to the monitor.
    number: CallId,
    is_done: bool,
}

impl Trace {
    fn new(policy: Policy, header: &Header) -> Self {
        let judged = policy.rules().filter(|rule| rule.needs_ends() && !header.ends);
        let judged = judged.fold(policy.clone(), Policy::without);
        Self {
            exact_gaps: header.exact_gaps,
            ends: header.ends,
            policy,
            judged,
            clock: VirtualClock::new(),
            open: BTreeMap::new(),
            closed: VecDeque::new(),
            calls: BTreeMap::new(),
            shutdown: Shutdown::default(),
            whole: Verdict::default(),
            parts: Verdict::default(),
            syncs: 0,
            whole_syncs: 0,
            begun: 0,
            dropped: 0,
            seen: Vec::new(),
            unsure: Vec::new(),
        }
    }

    fn sees(&mut self, situation: Situation) {
        if !self.seen.contains(&situation) {
            self.seen.push(situation);
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
            self.begins(number, call_number, call);
            return;
        }
        match event {
            Event::Open { sync, .. } => {
                self.finish(sync);
                self.insert(sync, true);
            }
            Event::Shutdown { call, method, .. } => {
                self.shutdown.is_noticed |= method == ShutdownMethod::NotifyProcessShutdown;
                self.monitors().for_each(|monitor| monitor.shutdown_called(method));
                if self.ends {
                    self.shutdown.calls.insert(call, method);
                } else {
                    // A Done that is owed then may never come.
                    self.shutdown_returned(method, HResult::S_OK);
                }
            }
            Event::Returned { call, result } => match self.shutdown.calls.remove(&call) {
                Some(method) => self.shutdown_returned(method, result),
                None => self.ended(call, Answer::Returned(result)),
            },
            Event::Panicked { call } | Event::Abandoned { call }
                if self.shutdown.calls.remove(&call).is_some() => {}
            Event::Panicked { call } => self.ended(call, Answer::Panicked),
            Event::Abandoned { call } => self.ended(call, Answer::Dropped),
            Event::Close { sync } => self.close(sync),
            Event::Progress { .. } | Event::Error { .. } | Event::Done { .. } => {}
            Event::Dropped { count: 0 } => {}
            Event::Dropped { count } => self.gap(count),
        }
    }

    fn begins(&mut self, number: u64, call_number: u64, call: Call<&str>) {
        match call {
            Call::Progress { .. } => self.sees(Situation::Progress),
            Call::Error { .. } => self.sees(Situation::Error),
            _ => {}
        }
        let Some(sync) = self.open.get_mut(&number) else { return };
        sync.late.calls += 1;
        match call {
            Call::Progress { .. } => {
                if let Some(count) = &mut sync.late.since_cancel {
                    *count = count.saturating_add(1);
                }
                let is_late = u32::from(self.shutdown.is_noticed);
                sync.late.since_notice = sync.late.since_notice.saturating_add(is_late);
            }
            Call::Done { status, .. } => sync.late.succeeded = status.is_success(),
            _ => {}
        }
        let is_done = matches!(call, Call::Done { .. });
        let Some(call) = sync.watch.observe(call) else { return };
        if self.ends {
            self.calls.insert(call_number, Begun { sync: number, number: call, is_done });
        } else {
            sync.watch.observe(Call::Ended { call, answer: Answer::Returned(HResult::S_OK) });
        }
    }

    /// Records are missing here, or before.
    fn gap(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
        let Self { exact_gaps, open, calls, .. } = self;
        for sync in open.values_mut().filter(|sync| !(*exact_gaps && sync.closed)) {
            if std::mem::take(&mut sync.is_whole) && *exact_gaps {
                sync.sure = sync.monitor.violations().len();
            }
        }
        // What was in flight may have ended in it. No rule that judges parts cares how.
        calls.retain(|_, call| {
            let sync = open.get(&call.sync);
            let keep = sync.is_some_and(|sync| sync.is_whole);
            if let (Some(sync), false) = (sync, keep) {
                let (call, answer) = (call.number, Answer::Returned(HResult::S_OK));
                sync.watch.observe(Call::Ended { call, answer });
            }
            keep
        });
    }

    fn insert(&mut self, number: u64, is_whole: bool) {
        let now = self.clock.now();
        let config = MonitorConfig::default().with_policy(self.judged.clone());
        let monitor = Monitor::new(config, self.clock.clone());
        for (method, (at_ms, result)) in &self.shutdown.returned {
            self.clock.set(*at_ms);
            monitor.shutdown_returned(*method, *result);
        }
        self.clock.set(now);
        let watch = monitor.callback_sync();
        let is_whole = is_whole && self.has_whole_syncs();
        let late = Late::default();
        self.open.insert(number, Sync { monitor, watch, is_whole, sure: 0, closed: false, late });
        self.syncs += 1;
    }

    fn monitors(&self) -> impl Iterator<Item = &Monitor> {
        self.open.values().map(|sync| &sync.monitor)
    }

    fn shutdown_returned(&mut self, method: ShutdownMethod, result: HResult) {
        self.monitors().for_each(|monitor| monitor.shutdown_returned(method, result));
        if matches!(method, ShutdownMethod::NotifyProcessShutdown | ShutdownMethod::DoFastShutdown)
        {
            self.sees(Situation::FastShutdown);
        }
        self.shutdown.is_noticed &= method != ShutdownMethod::DoFastShutdown;
        let now = self.clock.now();
        self.shutdown.returned.entry(method).or_insert((now, result));
    }

    fn ended(&mut self, call: u64, answer: Answer) {
        match answer {
            Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE) => self.sees(Situation::Cancel),
            Answer::Panicked => self.sees(Situation::HostFailure),
            Answer::Returned(result) if result.is_failure() => self.sees(Situation::HostFailure),
            _ => {}
        }
        // A call that is not known began before the trace does.
        let Some(begun) = self.calls.remove(&call) else { return };
        let Begun { sync, number: call, is_done } = begun;
        if let Some(sync) = self.open.get_mut(&sync) {
            if answer == Answer::Returned(HResult::MAPI_W_CANCEL_MESSAGE) && !is_done {
                sync.late.since_cancel.get_or_insert(0);
            }
            sync.watch.observe(Call::Ended { call, answer });
        }
    }

    fn close(&mut self, number: u64) {
        let Some(sync) = self.open.get_mut(&number).filter(|sync| !sync.closed) else { return };
        sync.closed = true;
        if sync.is_whole {
            sync.monitor.finish();
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
        self.whole_syncs += u64::from(sync.is_whole);
        self.doubt(&sync);
        for (place, violation) in sync.monitor.violations().into_iter().enumerate() {
            // What did not come may be among what is missing.
            let of_parts = violation.rule.judges_parts() && !violation.never_came;
            if of_parts {
                self.parts.add(number, violation.clone());
            }
            if sync.is_whole || of_parts || place < sync.sure {
                self.whole.add(number, violation);
            }
        }
    }

    /// Notes which rules a sync that has come to its end may have broken unseen.
    fn doubt(&mut self, sync: &Sync) {
        let Late { calls, since_cancel, since_notice, succeeded } = sync.late;
        let tasks = WhyNotJudged::TasksUnknown { most: self.policy.progress_after_cancel() };
        let ignored = since_cancel.filter(|_| succeeded).unwrap_or(0);
        for (rule, why, is_doubtful) in [
            (Rule::DONE_ONCE, WhyNotJudged::NoCalls, sync.is_whole && sync.closed && calls == 0),
            (Rule::CANCEL_ANSWERED, tasks, ignored > 1),
            (Rule::SHUTDOWN_STOPS_WORK, tasks, since_notice > 1),
        ] {
            if is_doubtful && self.unsure.iter().all(|known| known.rule != rule) {
                self.unsure.push(NotJudged { rule, why });
            }
        }
    }

    fn report(mut self, cut_off: bool) -> TraceReport {
        for number in self.open.keys().copied().collect::<Vec<_>>() {
            self.finish(number);
        }
        let mut not_judged = self.not_judged();
        let Verdict { mut violations, more } =
            if self.has_whole_syncs() { self.whole } else { self.parts };
        violations.sort_by_key(|(sync, _)| *sync);
        let is_broken = |rule: &Rule| violations.iter().any(|(_, broken)| broken.rule == *rule);
        not_judged.retain(|not| !self.unsure.contains(not) || !is_broken(&not.rule));
        let is_judged = |rule: &Rule| not_judged.iter().all(|not| not.rule != *rule);
        let held = self.policy.rules().filter(|rule| is_judged(rule) && !is_broken(rule)).collect();
        TraceReport {
            syncs: self.syncs,
            calls: self.begun,
            dropped: self.dropped,
            cut_off,
            violations: violations.into_iter().map(|(_, violation)| violation).collect(),
            more_violations: more,
            not_judged,
            held,
        }
    }

    fn not_judged(&self) -> Vec<NotJudged> {
        let has_whole = self.has_whole_syncs() && self.whole_syncs > 0;
        let why = |rule: Rule| {
            if rule.needs_start() {
                return Some(WhyNotJudged::CallbacksOnly);
            }
            if rule.needs_ends() && !self.ends {
                return Some(WhyNotJudged::NoEnds);
            }
            let missing = rule.needs().filter(|situation| !self.seen.contains(situation));
            if let Some(situation) = missing {
                return Some(WhyNotJudged::Missing(situation));
            }
            let judges_what_is_there = has_whole || rule.judges_parts() && self.syncs > 0;
            if !judges_what_is_there {
                return Some(WhyNotJudged::PartsOnly);
            }
            self.unsure.iter().find(|known| known.rule == rule).map(|known| known.why)
        };
        let of = |rule| why(rule).map(|why| NotJudged { rule, why });
        self.policy.rules().filter_map(of).collect()
    }

    /// Whether it is known that nothing is missing of some of the syncs.
    fn has_whole_syncs(&self) -> bool {
        self.exact_gaps || self.dropped == 0
    }
}

impl Verdict {
    fn add(&mut self, number: u64, mut violation: Violation) {
        if self.violations.len() == MOST_VIOLATIONS {
            self.more += 1;
            return;
        }
        // To its own monitor, each sync is the first.
        let id = SyncId(u32::try_from(number).unwrap_or(u32::MAX));
        violation.sync = id;
        let of_sync = violation.calls.iter_mut().filter(|call| call.sync != SyncId::STORE);
        for call in of_sync {
            call.sync = id;
        }
        self.violations.push((number, violation));
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
    fn new(trace: R) -> Result<(Self, Header), TraceError> {
        let mut lines = Self { trace, text: Vec::new(), line: 0, cut_off: false };
        lines.read()?;
        if lines.text.is_empty() {
            return Err(TraceError::Empty);
        }
        let header: Header =
            serde_json::from_slice(&lines.text).map_err(|_| TraceError::NoTrace)?;
        if header.version != VERSION {
            return Err(TraceError::Version(header.version));
        }
        Ok((lines, header))
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
                // serde_json ends its message with the position in the line.
                let message = error.to_string();
                let position = format!(" at line {} column {column}", error.line());
                let message = message.strip_suffix(&position).unwrap_or(&message).to_owned();
                Err(TraceError::Line { line, column, message })
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
