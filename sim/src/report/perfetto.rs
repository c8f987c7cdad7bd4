//! A trace of Perfetto's: a track for each task, a slice for each of its steps, and an arrow from
//! who woke a task to the step that it woke up for.
//!
//! The messages are those of [its `.proto` files], as far as they are needed.
//!
//! [its `.proto` files]: https://perfetto.dev/docs/reference/trace-packet-proto

use std::collections::BTreeMap;
use std::io::{self, Write};

use prost::Message;

use super::words::call_in_words;
use super::{Document, Format, unsupported};
use crate::check::{Breach, BreachPlace, Execution};
use crate::engine::TaskId;

#[derive(Clone, PartialEq, Message)]
struct Trace {
    #[prost(message, repeated, tag = "1")]
    packet: Vec<TracePacket>,
}

#[derive(Clone, PartialEq, Message)]
struct TracePacket {
    /// In nanoseconds.
    #[prost(uint64, optional, tag = "8")]
    timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "10")]
    trusted_packet_sequence_id: Option<u32>,
    #[prost(message, optional, tag = "11")]
    track_event: Option<TrackEvent>,
    #[prost(message, optional, tag = "60")]
    track_descriptor: Option<TrackDescriptor>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackDescriptor {
    #[prost(uint64, optional, tag = "1")]
    uuid: Option<u64>,
    #[prost(string, optional, tag = "2")]
    name: Option<String>,
    #[prost(message, optional, tag = "3")]
    process: Option<ProcessDescriptor>,
    #[prost(message, optional, tag = "4")]
    thread: Option<ThreadDescriptor>,
    #[prost(uint64, optional, tag = "5")]
    parent_uuid: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct ProcessDescriptor {
    #[prost(int32, optional, tag = "1")]
    pid: Option<i32>,
    #[prost(string, optional, tag = "6")]
    process_name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ThreadDescriptor {
    #[prost(int32, optional, tag = "1")]
    pid: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    tid: Option<i32>,
    #[prost(string, optional, tag = "5")]
    thread_name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct TrackEvent {
    #[prost(message, repeated, tag = "4")]
    debug_annotations: Vec<DebugAnnotation>,
    #[prost(enumeration = "EventType", optional, tag = "9")]
    r#type: Option<i32>,
    #[prost(uint64, optional, tag = "11")]
    track_uuid: Option<u64>,
    #[prost(string, repeated, tag = "22")]
    categories: Vec<String>,
    #[prost(string, optional, tag = "23")]
    name: Option<String>,
    #[prost(fixed64, repeated, packed = "false", tag = "47")]
    flow_ids: Vec<u64>,
    #[prost(fixed64, repeated, packed = "false", tag = "48")]
    terminating_flow_ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct DebugAnnotation {
    #[prost(string, optional, tag = "6")]
    string_value: Option<String>,
    #[prost(string, optional, tag = "10")]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum EventType {
    Unspecified = 0,
    SliceBegin = 1,
    SliceEnd = 2,
    Instant = 3,
}

/// Writes the executions of a check's counterexamples, or of a replay, each as a process.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    let mut trace = Builder::default();
    match document {
        Document::Check(report) => {
            for shown in &report.counterexamples {
                let breaches: Vec<&Breach> =
                    shown.defects.iter().filter_map(|of| shown.execution.breach(*of)).collect();
                trace.add(
                    &format!("{}: {}", report.scenario, shown.sentence()),
                    &shown.execution,
                    &breaches,
                );
            }
        }
        Document::Replay(replayed) => {
            let breaches: Vec<&Breach> = replayed.execution.breaches.iter().collect();
            trace.add(&replayed.subject.name, &replayed.execution, &breaches);
        }
        _ => return Err(unsupported(Format::Perfetto, document)),
    }
    out.write_all(&Trace { packet: trace.packets }.encode_to_vec())
}

/// All packets are of one sequence.
const SEQUENCE: u32 = 1;

/// How long a step is drawn, in nanoseconds. It takes no virtual time.
const STEP: u64 = 1_000;

#[derive(Default)]
struct Builder {
    packets: Vec<TracePacket>,
    /// The processes so far.
    processes: i32,
    /// The tracks so far.
    tracks: u64,
    /// The arrows so far.
    flows: u64,
}

impl Builder {
    fn add(&mut self, name: &str, execution: &Execution, breaches: &[&Breach]) {
        self.processes += 1;
        let pid = self.processes;
        let process = self.track(|uuid| TrackDescriptor {
            uuid: Some(uuid),
            process: Some(ProcessDescriptor {
                pid: Some(pid),
                process_name: Some(name.to_owned()),
            }),
            ..TrackDescriptor::default()
        });
        let mut tracks: BTreeMap<TaskId, u64> = BTreeMap::new();
        let tasks = execution.tasks.iter().map(|(task, name)| (*task, name.as_str()));
        for (tid, (task, name)) in (1..).zip(tasks.chain([(TaskId::CLOCK, "clock")])) {
            let thread = ThreadDescriptor {
                pid: Some(pid),
                tid: Some(tid),
                thread_name: Some(name.to_owned()),
            };
            let track = self.track(|uuid| TrackDescriptor {
                uuid: Some(uuid),
                parent_uuid: Some(process),
                thread: Some(thread),
                ..TrackDescriptor::default()
            });
            tracks.insert(task, track);
        }
        let track_of = |task: TaskId| tracks.get(&task).copied().unwrap_or(process);
        // The arrows that end at the next step of a task.
        let mut arrows: BTreeMap<TaskId, Vec<u64>> = BTreeMap::new();
        let mut calls = execution.calls.iter().enumerate().peekable();
        let mut steps = execution.steps.iter().enumerate().peekable();
        let mut now = 0;
        for segment in &execution.segments {
            now = now.max(segment.at_ms.saturating_mul(1_000_000));
            let began = now;
            let track = track_of(segment.task);
            let woke = segment.woke.iter().map(|task| {
                self.flows += 1;
                arrows.entry(*task).or_default().push(self.flows);
                self.flows
            });
            let flow_ids: Vec<u64> = woke.collect();
            let could_run: Vec<&str> =
                segment.could_run.iter().map(|task| execution.task_name(*task)).collect();
            self.event(
                began,
                TrackEvent {
                    name: Some(format!("step {}", segment.step)),
                    categories: vec!["step".to_owned()],
                    flow_ids,
                    terminating_flow_ids: arrows.remove(&segment.task).unwrap_or_default(),
                    debug_annotations: vec![annotation("could run", could_run.join(", "))],
                    ..event(EventType::SliceBegin, track)
                },
            );
            now += STEP;
            while let Some((place, seen)) = calls.next_if(|(_, seen)| seen.step <= segment.step) {
                let text = call_in_words(&seen.call, " ");
                self.instant(now, track_of(seen.task), text, "call");
                self.breaches(now, track_of(seen.task), breaches, BreachPlace::At(place));
                now += STEP;
            }
            while let Some((place, seen)) = steps.next_if(|(_, seen)| seen.step <= segment.step) {
                self.instant(now, track_of(seen.task), execution.step_in_words(seen), "use");
                self.breaches(now, track_of(seen.task), breaches, BreachPlace::At(place));
                now += STEP;
            }
            self.event(now, event(EventType::SliceEnd, track));
            now += STEP;
        }
        for breach in breaches {
            if let BreachPlace::After(_) = breach.place {
                self.breaches(now, process, &[breach], breach.place);
            }
        }
    }

    fn track(&mut self, descriptor: impl FnOnce(u64) -> TrackDescriptor) -> u64 {
        self.tracks += 1;
        self.packets.push(TracePacket {
            trusted_packet_sequence_id: Some(SEQUENCE),
            track_descriptor: Some(descriptor(self.tracks)),
            ..TracePacket::default()
        });
        self.tracks
    }

    fn event(&mut self, at: u64, event: TrackEvent) {
        self.packets.push(TracePacket {
            timestamp: Some(at),
            trusted_packet_sequence_id: Some(SEQUENCE),
            track_event: Some(event),
            ..TracePacket::default()
        });
    }

    fn instant(&mut self, at: u64, track: u64, name: String, category: &str) {
        let categories = vec![category.to_owned()];
        let instant = event(EventType::Instant, track);
        self.event(at, TrackEvent { name: Some(name), categories, ..instant });
    }

    /// Marks the rules that are broken in this place.
    fn breaches(&mut self, at: u64, track: u64, breaches: &[&Breach], place: BreachPlace) {
        for breach in breaches.iter().filter(|breach| breach.place == place) {
            let instant = TrackEvent {
                name: Some(format!("{} is broken", breach.defect)),
                categories: vec!["broken".to_owned()],
                debug_annotations: vec![annotation("message", breach.message.clone())],
                ..event(EventType::Instant, track)
            };
            self.event(at, instant);
        }
    }
}

fn event(kind: EventType, track: u64) -> TrackEvent {
    TrackEvent { r#type: Some(kind as i32), track_uuid: Some(track), ..TrackEvent::default() }
}

fn annotation(name: &str, value: String) -> DebugAnnotation {
    DebugAnnotation { name: Some(name.to_owned()), string_value: Some(value) }
}
