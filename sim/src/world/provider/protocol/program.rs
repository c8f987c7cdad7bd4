//! A protocol in the form in which it is run: every name is resolved.

use std::collections::BTreeSet;
use std::sync::Mutex;

use mapi_sync::HResult;

use crate::lock::lock;
use crate::property::PropertyKind;
use crate::world::scenario::Cost;

/// A protocol that was checked.
#[derive(Debug)]
pub(in crate::world) struct Script {
    pub(super) counters: Vec<Cell>,
    pub(super) store: Vec<Cell>,
    pub(super) queues: Vec<Queue>,
    pub(super) locks: Vec<&'static str>,
    pub(super) keeps_store: bool,
    /// How many values a task has for itself.
    pub(super) locals: usize,
    pub(super) start: Block,
    pub(super) tasks: Vec<Task>,
    pub(super) shutdown: Option<[Block; 3]>,
    pub(super) promises: Vec<Promise>,
    /// The names of the steps `sometimes`.
    pub(super) goals: Vec<&'static str>,
}

/// What the author promises of shared numbers.
#[derive(Debug)]
pub(super) struct Promise {
    pub(super) name: &'static str,
    pub(super) kind: PropertyKind,
    /// An invariant never is so, another promise is.
    pub(super) condition: Condition,
}

/// A shared number.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) first: i64,
    /// Whether a task waits for it.
    pub(super) waited: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: &'static str,
    /// The most values in it.
    pub(super) capacity: usize,
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) steps: Block,
    pub(super) dropped: Option<Block>,
}

pub(super) type Block = Vec<Op>;

/// A step and its line.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) line: u32,
    pub(super) kind: Kind,
}

/// Where a shared number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Counter(usize),
    Store(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Number(i64),
    At(Place),
    Local(usize),
    /// The new messages in the folder whose number this local has.
    Messages(usize),
    Cancelled,
    CallFailed,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub(super) fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub(super) left: Value,
    pub(super) compare: Compare,
    pub(super) right: Value,
}

/// How a request goes wrong, and how long it takes.
#[derive(Clone, Debug)]
pub(super) enum Time {
    Connect,
    Folder,
    Header,
    Body,
    Upload,
    Own(Cost),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handle {
    Published,
    Private,
    Null,
}

#[derive(Debug)]
pub(super) enum Kind {
    Work(Time),
    Deadline(Time),
    Request { time: Time, retry: Block, failed: Block },
    Progress { index: Value, of: Value, text: Option<String> },
    Error { code: HResult, text: Option<String> },
    Done { status: HResult, handle: Handle },
    Create,
    Publish { failed: Option<Block> },
    Unpublish,
    Signal(Handle),
    Close,
    AddRef,
    Release,
    Spawn { task: usize, times: Value, failed: Option<Block> },
    Join { task: usize, lost: Block },
    Abort(usize),
    Send { queue: usize, value: Value },
    Receive { queue: usize, local: Option<usize>, closed: Block },
    Finish(usize),
    Lock { lock: usize, steps: Block },
    If { test: Condition, then: Block, otherwise: Block },
    Choose(Vec<Block>),
    Race(Vec<Block>),
    Repeat { times: Value, local: Option<usize>, steps: Block },
    While { test: Condition, steps: Block },
    Wait(Condition),
    Set { place: Place, to: Value },
    Add { place: Place, by: Value },
    Keep { value: Value, local: usize },
    Sometimes(&'static str),
    Cancel,
    Return(Option<HResult>),
    Yield,
}

/// The same text for as long as the process lives: the engine's objects have such names. A name is
/// kept once, however many protocols have it.
pub(super) fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = lock(&NAMES);
    if let Some(known) = names.get(name) {
        return known;
    }
    let kept: &'static str = Box::leak(name.into());
    names.insert(kept);
    kept
}
