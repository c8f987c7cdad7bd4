//! The lines of a log, made the records of a trace.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Read, Write};

use mapi_sync::record::{Event, Record, Text};

use super::ImportError;
use super::mapping::{Field, Kind, Mapping, Said};
use super::times::Clock;

/// The most bytes of a line.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// The most calls that may be under way at once.
pub(super) const MOST_OPEN: usize = 10_000;

/// What became of a log.
#[derive(Debug, Default)]
pub(super) struct Summary {
    lines: u64,
    pub(super) imported: u64,
    /// The number of the first line that no pattern matched, from 1.
    first_unmatched: Option<u64>,
    /// Ends of calls that had not begun in the log.
    without_begin: u64,
    has_times: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, imported, first_unmatched, without_begin, has_times } = self;
        write!(f, "{imported} of {lines} lines are in the trace")?;
        if let Some(first) = first_unmatched {
            write!(f, "; no pattern matched the others, such as line {first}")?;
        }
        if *without_begin > 0 {
            write!(f, "; {without_begin} calls ended that had not begun in the log")?;
        }
        if !has_times && *imported > 0 {
            write!(f, "; without times, no bound in time can be held")?;
        }
        Ok(())
    }
}

/// Makes a trace of a log.
pub(super) struct Importer {
    mapping: Mapping,
    /// Whether the log says how calls end.
    ends: bool,
    clock: Clock,
    syncs: Names,
    threads: Names,
    /// Those syncs that have begun, with whether their Done has.
    begun: BTreeMap<u64, bool>,
    calls: u64,
    /// The calls under way, the oldest first.
    open: Vec<Open>,
    summary: Summary,
}

/// Numbers for what has a name in the log, from 1, in the order in which the names come.
#[derive(Default)]
struct Names(BTreeMap<String, u64>);

impl Names {
    fn number(&mut self, name: &str) -> u64 {
        let next = self.0.len() as u64 + 1;
        *self.0.entry(name.to_owned()).or_insert(next)
    }
}

/// A call under way.
struct Open {
    call: u64,
    /// What the log calls it.
    name: Option<String>,
    thread: Option<u64>,
    sync: Option<u64>,
}

impl Importer {
    pub(super) fn new(mapping: Mapping) -> Self {
        let summary = Summary { has_times: mapping.times.is_some(), ..Summary::default() };
        Self {
            ends: mapping.has_ends(),
            mapping,
            clock: Clock::default(),
            syncs: Names::default(),
            threads: Names::default(),
            begun: BTreeMap::new(),
            calls: 0,
            open: Vec::new(),
            summary,
        }
    }

    /// Reads a log and writes its trace.
    pub(super) fn import(
        mut self,
        log: &mut dyn BufRead,
        trace: &mut dyn Write,
    ) -> Result<Summary, ImportError> {
        let ends = self.ends;
        writeln!(
            trace,
            r#"{{"mapi-sync-trace":1,"file":0,"texts":true,"exact_gaps":true,"ends":{ends}}}"#
        )?;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let line = self.summary.lines + 1;
            (&mut *log)
                .take(MOST_BYTES as u64 + 1)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| ImportError::Read { line: line - 1, error })?;
            if bytes.is_empty() {
                break;
            }
            if bytes.len() > MOST_BYTES {
                return Err(ImportError::LongLine { line });
            }
            self.summary.lines = line;
            let text = String::from_utf8_lossy(&bytes);
            let records = self.line(text.trim_end_matches(['\n', '\r']));
            let records = records.map_err(|why| ImportError::Line { line, why })?;
            if self.open.len() > MOST_OPEN {
                return Err(ImportError::TooManyOpen { line });
            }
            write(trace, &records)?;
        }
        let at = self.clock.last_us();
        let over = self.begun.iter().filter(|(_, is_done)| self.mapping.whole_syncs && **is_done);
        let over: Vec<Record> =
            over.map(|(sync, _)| Record { at, event: Event::Close { sync: *sync } }).collect();
        write(trace, &over)?;
        Ok(self.summary)
    }

    /// The records of one line: none where no pattern matches it.
    fn line(&mut self, text: &str) -> Result<Vec<Record>, String> {
        let lines = std::mem::take(&mut self.mapping.lines);
        let said = lines.iter().find_map(|line| Some((line.kind, line.read(text)?)));
        let records = match &said {
            Some((kind, said)) => self.records(*kind, said),
            None => {
                self.summary.first_unmatched.get_or_insert(self.summary.lines);
                Ok(Vec::new())
            }
        };
        drop(said);
        self.mapping.lines = lines;
        records
    }

    fn records(&mut self, kind: Kind, said: &Said<'_>) -> Result<Vec<Record>, String> {
        self.summary.imported += 1;
        let at = match &self.mapping.times {
            Some(times) => self.clock.at(times, said.get(Field::Time)?)?,
            None => self.clock.next(),
        };
        let sync = said.find(Field::Sync).map(|name| self.syncs.number(name));
        let thread = said.find(Field::Thread).map(|name| self.threads.number(name));
        let mut events = Vec::new();
        if matches!(kind, Kind::Progress | Kind::Error | Kind::Done)
            && let Some(sync) = sync
        {
            let is_new = !self.begun.contains_key(&sync);
            *self.begun.entry(sync).or_default() |= kind == Kind::Done;
            if is_new && self.mapping.whole_syncs {
                events.push(Event::Open { sync, flags: 0 });
            }
        }
        if kind.is_end() {
            let Some(call) = self.take_open(said, sync, thread) else {
                self.summary.without_begin += 1;
                return Ok(Vec::new());
            };
            events.push(match kind {
                Kind::Returned => {
                    let result = self.mapping.code(said.get(Field::Result)?)?;
                    Event::Returned { call, result }
                }
                Kind::Panicked => Event::Panicked { call },
                _ => Event::Abandoned { call },
            });
        } else {
            events.push(self.event(kind, said, sync.unwrap_or(0), thread)?);
        }
        Ok(events.into_iter().map(|event| Record { at, event }).collect())
    }

    /// What begins, or happens at once.
    fn event(
        &mut self,
        kind: Kind,
        said: &Said<'_>,
        sync: u64,
        known_thread: Option<u64>,
    ) -> Result<Event, String> {
        let thread = known_thread.unwrap_or(0);
        let text = || said.find(Field::Text).map_or(Text::Null, |text| Text::Is(text.to_owned()));
        let code = |field| self.mapping.code(said.get(field)?);
        let has = |field| said.find(field).is_some();
        let call = self.calls + 1;
        let event = match kind {
            Kind::Open => {
                let flags = if has(Field::Flags) { said.number(Field::Flags)? } else { 0 };
                return Ok(Event::Open { sync, flags });
            }
            Kind::Close => return Ok(Event::Close { sync }),
            Kind::Dropped => return Ok(Event::Dropped { count: said.number(Field::Count)? }),
            Kind::Progress => {
                let (index, max) = (said.number(Field::Index)?, said.number(Field::Max)?);
                Event::Progress { sync, thread, call, text: text(), index, max }
            }
            Kind::Error => {
                Event::Error { sync, thread, call, code: code(Field::Code)?, text: text() }
            }
            Kind::Done => {
                let handle = if has(Field::Handle) { said.number(Field::Handle)? } else { 0 };
                Event::Done { sync, thread, call, handle, status: code(Field::Status)? }
            }
            _ => {
                let method = said.get(Field::Method)?;
                let method = method.parse().map_err(|error| format!("`method`: {error}"))?;
                Event::Shutdown { thread, call, method }
            }
        };
        self.calls = call;
        if self.ends {
            let name = said.find(Field::Call).map(str::to_owned);
            let sync = (kind != Kind::Shutdown).then_some(sync);
            self.open.push(Open { call, name, thread: known_thread, sync });
        }
        Ok(event)
    }

    /// The call that ends with this line: the one of that name; without names, the last one that
    /// began on the thread, or in the sync, as far as the line has them.
    fn take_open(
        &mut self,
        said: &Said<'_>,
        sync: Option<u64>,
        thread: Option<u64>,
    ) -> Option<u64> {
        let name = said.find(Field::Call);
        let is_it = |open: &Open| match name {
            Some(name) => open.name.as_deref() == Some(name),
            None => {
                thread.is_none_or(|thread| open.thread == Some(thread))
                    && sync.is_none_or(|sync| open.sync == Some(sync))
            }
        };
        let place = self.open.iter().rposition(is_it)?;
        Some(self.open.remove(place).call)
    }
}

fn write(trace: &mut dyn Write, records: &[Record]) -> std::io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *trace, record)?;
        writeln!(trace)?;
    }
    Ok(())
}
