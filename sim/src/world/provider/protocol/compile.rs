//! From the steps of a file to a program: names are looked up, and what cannot be meant is refused.

use std::collections::BTreeMap;
use std::ops::Range;

use mapi_sync::HResult;
use mapi_sync::contract::Rule;

use super::program::{
    Block, Cell, Compare, Condition, Handle, Kind, Op, Place, Promise, Queue, Script, Task, Time,
    Value, interned,
};
use crate::property::PropertyKind;
use crate::suggest::nearest;
use crate::world::scenario::{Amount, Duration, Keys, Protocol, ProtocolStep, Scenario};

/// Why a protocol is refused, and where in its text.
pub(in crate::world) type Refused = (Option<Range<usize>>, String);

/// The most names of a kind, and the most steps.
const MOST_NAMES: usize = 100;
const MOST_STEPS: usize = 2_000;
/// The most characters of a name.
const LONGEST: usize = 40;

/// What a name stands for without having been declared.
const KNOWN: &[&str] =
    &["folders", "messages", "total", "workers", "retries", "cancelled", "call_failed"];

/// The program of a scenario's protocol.
pub(in crate::world) fn compile(
    scenario: &Scenario,
    protocol: &Protocol,
    account: usize,
) -> Result<Script, Refused> {
    let mut compiler = Compiler::new(scenario, protocol, account)?;
    let mut tasks = Vec::new();
    for (name, steps) in &protocol.task {
        let dropped = protocol.dropped.get(name).map(|steps| compiler.block(steps, Room::Task));
        tasks.push(Task {
            name: name.clone(),
            steps: compiler.block(steps, Room::Task)?,
            dropped: dropped.transpose()?,
        });
    }
    if let Some(name) = protocol.dropped.keys().find(|name| !protocol.task.contains_key(*name)) {
        return Err((None, unknown("task", name, protocol.task.keys())));
    }
    if protocol.start.is_empty() {
        return Err((None, "a protocol has a `start`".to_owned()));
    }
    let start = compiler.block(&protocol.start, Room::Start)?;
    let handlers = protocol.shutdown.as_ref();
    let handlers = handlers.map(|all| [&all.notify, &all.exit, &all.logoff]);
    let shutdown = match handlers {
        None => None,
        Some([notify, exit, logoff]) => Some([
            compiler.block(notify, Room::Shutdown)?,
            compiler.block(exit, Room::Shutdown)?,
            compiler.block(logoff, Room::Shutdown)?,
        ]),
    };
    let mut promises = Vec::new();
    for (kind, all) in [
        (PropertyKind::Invariant, &protocol.never),
        (PropertyKind::Eventually, &protocol.eventually),
        (PropertyKind::AtEnd, &protocol.at_end),
    ] {
        for (name, promise) in all {
            let condition = compiler
                .promised(name, promise.condition())
                .map_err(|(_, message)| (Some(promise.span()), message))?;
            promises.push(Promise { name: interned(name), kind, condition });
        }
    }
    if promises.len() > MOST_NAMES {
        return Err((None, format!("{MOST_NAMES} promises are possible")));
    }
    let cells = |names: &BTreeMap<String, i64>, place: fn(usize) -> Place| {
        let cell = |(number, (name, first)): (usize, (&String, &i64))| Cell {
            name: interned(name),
            first: *first,
            waited: compiler.waited.contains(&place(number)),
        };
        names.iter().enumerate().map(cell).collect()
    };
    let queue = |(name, capacity): (&String, &u32)| Queue {
        name: interned(name),
        capacity: if *capacity == 0 { usize::MAX } else { *capacity as usize },
    };
    Ok(Script {
        counters: cells(&protocol.counters, Place::Counter),
        store: cells(&protocol.store, Place::Store),
        queues: protocol.queues.iter().map(queue).collect(),
        locks: protocol.locks.iter().map(|name| interned(name)).collect(),
        keeps_store: protocol.keeps_store,
        locals: compiler.locals.len(),
        start,
        tasks,
        shutdown,
        promises,
        goals: compiler.goals,
    })
}

/// What the protocol of a scenario should meet at least once.
pub(crate) fn goals(scenario: &Scenario) -> Vec<&'static str> {
    let script = scenario.protocol.as_ref().map(|protocol| compile(scenario, protocol, 0));
    script.and_then(Result::ok).map(|script| script.goals).unwrap_or_default()
}

/// Whose steps they are, as not every step makes sense everywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Start,
    Task,
    Shutdown,
}

struct Compiler<'a> {
    scenario: &'a Scenario,
    protocol: &'a Protocol,
    account: usize,
    /// The names that `as` binds anywhere in the file.
    locals: Vec<&'a str>,
    waited: Vec<Place>,
    goals: Vec<&'static str>,
    steps: usize,
}

impl<'a> Compiler<'a> {
    fn new(
        scenario: &'a Scenario,
        protocol: &'a Protocol,
        account: usize,
    ) -> Result<Self, Refused> {
        let mut locals = Vec::new();
        for steps in protocol.task.values().chain(protocol.dropped.values()) {
            bound(steps, &mut locals);
        }
        bound(&protocol.start, &mut locals);
        if let Some(all) = &protocol.shutdown {
            for steps in [&all.notify, &all.exit, &all.logoff] {
                bound(steps, &mut locals);
            }
        }
        let (locks, queues) = (&protocol.locks, &protocol.queues);
        let kinds: [(&str, Vec<&str>); 5] = [
            ("counters", protocol.counters.keys().map(String::as_str).collect()),
            ("numbers of the store", protocol.store.keys().map(String::as_str).collect()),
            ("queues", queues.keys().map(String::as_str).collect()),
            ("locks", locks.iter().map(String::as_str).collect()),
            ("tasks", protocol.task.keys().map(String::as_str).collect()),
        ];
        for (kind, names) in &kinds {
            if names.len() > MOST_NAMES {
                return Err((None, format!("{MOST_NAMES} {kind} are possible")));
            }
            names.iter().try_for_each(|name| good_name(name))?;
        }
        locals.iter().try_for_each(|name| good_name(name))?;
        if locals.len() > MOST_NAMES {
            return Err((None, format!("`as` can bind {MOST_NAMES} names")));
        }
        let numbers = kinds[0].1.iter().chain(&kinds[1].1);
        let mut seen: Vec<&str> = KNOWN.to_vec();
        for name in numbers.chain(&locals) {
            if seen.contains(name) {
                return Err((None, format!("`{name}` stands for two things")));
            }
            seen.push(name);
        }
        Ok(Self {
            scenario,
            protocol,
            account,
            locals,
            waited: Vec::new(),
            goals: Vec::new(),
            steps: 0,
        })
    }

    fn block(&mut self, steps: &[ProtocolStep], room: Room) -> Result<Block, Refused> {
        steps.iter().map(|step| self.op(step, room)).collect()
    }

    fn maybe(&mut self, steps: &Option<Vec<ProtocolStep>>, room: Room) -> Result<Block, Refused> {
        self.block(steps.as_deref().unwrap_or_default(), room)
    }

    fn op(&mut self, step: &ProtocolStep, room: Room) -> Result<Op, Refused> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err((Some(step.span()), format!("a protocol has at most {MOST_STEPS} steps")));
        }
        // An inner step has placed its own mistake.
        let kind = self
            .kind(step.keys(), room)
            .map_err(|(span, message)| (span.or_else(|| Some(step.span())), message))?;
        Ok(Op { line: step.line(), kind })
    }

    fn kind(&mut self, keys: &Keys, room: Room) -> Result<Kind, Refused> {
        let verb = keys.verb();
        if room == Room::Shutdown && !IN_SHUTDOWN.contains(&verb) {
            return Err(refuse(format!(
                "`{verb}` is a sync's step; a shutdown has {}",
                IN_SHUTDOWN.join(", ")
            )));
        }
        if let Some(word) = &keys.word {
            return Ok(match word.as_str() {
                "publish" => Kind::Publish { failed: None },
                "create" => Kind::Create,
                "unpublish" => Kind::Unpublish,
                "signal" => Kind::Signal(Handle::Private),
                "close" => Kind::Close,
                "add_ref" => Kind::AddRef,
                "release" => Kind::Release,
                "done" => Kind::Done { status: HResult::S_OK, handle: Handle::Published },
                "cancel" => Kind::Cancel,
                "yield" => Kind::Yield,
                _ => Kind::Return(None),
            });
        }
        Ok(if let Some(time) = &keys.work {
            Kind::Work(cost(time))
        } else if let Some(time) = &keys.deadline {
            Kind::Deadline(cost(time))
        } else if let Some(time) = &keys.request {
            Kind::Request {
                time: cost(time),
                retry: self.maybe(&keys.retry, room)?,
                failed: self.maybe(&keys.failed, room)?,
            }
        } else if let Some(index) = &keys.progress {
            let of = keys.of.as_ref().ok_or_else(|| refuse("`progress` needs `of`".to_owned()))?;
            let text = text(keys.text.as_deref(), "Synchronizing");
            Kind::Progress { index: self.value(index)?, of: self.value(of)?, text }
        } else if let Some(code) = &keys.error {
            let text = text(keys.text.as_deref(), "The server does not answer");
            Kind::Error { code: hresult(code)?, text }
        } else if let Some(status) = &keys.done {
            let handle = keys.handle.as_deref().map_or(Ok(Handle::Published), handle)?;
            Kind::Done { status: hresult(status)?, handle }
        } else if let Some(what) = &keys.publish {
            if what != "event" {
                return Err(refuse("only an `event` can be published".to_owned()));
            }
            let failed = keys.failed.as_ref().map(|steps| self.block(steps, room));
            Kind::Publish { failed: failed.transpose()? }
        } else if let Some(which) = &keys.signal {
            match handle(which)? {
                Handle::Null => return Err(refuse("NULL cannot be signalled".to_owned())),
                handle => Kind::Signal(handle),
            }
        } else if let Some(name) = &keys.spawn {
            let failed = keys.failed.as_ref().map(|steps| self.block(steps, room));
            Kind::Spawn {
                task: self.task(name)?,
                times: keys.times.as_ref().map_or(Ok(Value::Number(1)), |n| self.value(n))?,
                failed: failed.transpose()?,
            }
        } else if let Some(name) = &keys.join {
            Kind::Join { task: self.task(name)?, lost: self.maybe(&keys.lost, room)? }
        } else if let Some(name) = &keys.abort {
            Kind::Abort(self.task(name)?)
        } else if let Some(name) = &keys.send {
            let value = keys.value.as_ref().map_or(Ok(Value::Number(1)), |n| self.value(n))?;
            Kind::Send { queue: self.queue(name)?, value }
        } else if let Some(name) = &keys.receive {
            Kind::Receive {
                queue: self.queue(name)?,
                local: keys.name.as_ref().map(|name| self.local(name)),
                closed: self.maybe(&keys.closed, room)?,
            }
        } else if let Some(name) = &keys.finish {
            Kind::Finish(self.queue(name)?)
        } else if let Some(name) = &keys.lock {
            let lock = self.protocol.locks.iter().position(|lock| lock == name);
            let lock =
                lock.ok_or_else(|| refuse(unknown("lock", name, self.protocol.locks.iter())))?;
            Kind::Lock { lock, steps: self.maybe(&keys.steps, room)? }
        } else if let Some(test) = &keys.test {
            Kind::If {
                test: self.condition(test)?,
                then: self.maybe(&keys.then, room)?,
                otherwise: self.maybe(&keys.otherwise, room)?,
            }
        } else if let Some(branches) = &keys.choose {
            Kind::Choose(self.branches(branches, room)?)
        } else if let Some(branches) = &keys.race {
            Kind::Race(self.branches(branches, room)?)
        } else if let Some(times) = &keys.repeat {
            Kind::Repeat {
                times: self.value(times)?,
                local: keys.name.as_ref().map(|name| self.local(name)),
                steps: self.maybe(&keys.steps, room)?,
            }
        } else if let Some(test) = &keys.repeat_while {
            Kind::While { test: self.condition(test)?, steps: self.maybe(&keys.steps, room)? }
        } else if let Some(test) = &keys.wait {
            let test = self.condition(test)?;
            match (test.left, test.right) {
                (Value::At(place), Value::Number(_) | Value::Local(_) | Value::Messages(_)) => {
                    self.waited.push(place);
                }
                (Value::Cancelled, Value::Number(_)) => {}
                _ => {
                    let message = "`wait` waits for `cancelled`, or for a counter that is compared \
                                   with something that does not change";
                    return Err(refuse(message.to_owned()));
                }
            }
            Kind::Wait(test)
        } else if let Some(name) = &keys.set {
            let to = keys.to.as_ref().map_or(Ok(Value::Number(1)), |n| self.value(n))?;
            Kind::Set { place: self.place(name)?, to }
        } else if let Some(name) = &keys.add {
            let by = keys.by.as_ref().map_or(Ok(Value::Number(1)), |n| self.value(n))?;
            Kind::Add { place: self.place(name)?, by }
        } else if let Some(value) = &keys.keep {
            let name = keys.name.as_ref();
            let name = name.ok_or_else(|| refuse("`keep` needs `as`".to_owned()))?;
            Kind::Keep { value: self.value(value)?, local: self.local(name) }
        } else if let Some(name) = &keys.sometimes {
            property_name(name)?;
            let name = interned(name);
            self.goals.push(name);
            Kind::Sometimes(name)
        } else {
            let code = keys.give_back.as_deref().unwrap_or("S_OK");
            if room == Room::Task {
                let message = "a task returns no code; only a start and a shutdown do";
                return Err(refuse(message.to_owned()));
            }
            Kind::Return(Some(hresult(code)?))
        })
    }

    fn branches(
        &mut self,
        branches: &[Vec<ProtocolStep>],
        room: Room,
    ) -> Result<Vec<Block>, Refused> {
        if branches.is_empty() || branches.len() > 16 {
            return Err(refuse("1 to 16 branches are possible".to_owned()));
        }
        branches.iter().map(|steps| self.block(steps, room)).collect()
    }

    /// Whether a name is bound by some `as`: then it has a number.
    fn local(&self, name: &str) -> usize {
        self.locals.iter().position(|local| *local == name).unwrap_or_default()
    }

    fn task(&self, name: &str) -> Result<usize, Refused> {
        let tasks = &self.protocol.task;
        tasks
            .keys()
            .position(|task| task == name)
            .ok_or_else(|| refuse(unknown("task", name, tasks.keys())))
    }

    fn queue(&self, name: &str) -> Result<usize, Refused> {
        let queues = &self.protocol.queues;
        queues
            .keys()
            .position(|queue| queue == name)
            .ok_or_else(|| refuse(unknown("queue", name, queues.keys())))
    }

    fn place(&self, name: &str) -> Result<Place, Refused> {
        let Protocol { counters, store, .. } = self.protocol;
        let at = |names: &BTreeMap<String, i64>| names.keys().position(|known| known == name);
        let place = at(counters).map(Place::Counter).or_else(|| at(store).map(Place::Store));
        place.ok_or_else(|| refuse(unknown("counter", name, counters.keys().chain(store.keys()))))
    }

    fn value(&self, amount: &Amount) -> Result<Value, Refused> {
        match amount {
            Amount::Number(number) => Ok(Value::Number(*number)),
            Amount::Named(name) => self.named(name),
        }
    }

    fn named(&self, name: &str) -> Result<Value, Refused> {
        let Scenario { accounts, provider, .. } = self.scenario;
        let account = &accounts[self.account];
        Ok(match name {
            "folders" => Value::Number(account.folder_count().into()),
            "total" => {
                let folders = 0..account.folder_count();
                let total = folders.map(|folder| i64::from(account.messages_in(folder))).sum();
                Value::Number(total)
            }
            "workers" => Value::Number(provider.workers.into()),
            "retries" => Value::Number(provider.retries.into()),
            "cancelled" => Value::Cancelled,
            "call_failed" => Value::CallFailed,
            "messages" => {
                let folder = self.locals.iter().position(|local| *local == "folder");
                let message = "`messages` is that of the folder whose number was kept as `folder`";
                Value::Messages(folder.ok_or_else(|| refuse(message.to_owned()))?)
            }
            name => {
                if let Some(local) = self.locals.iter().position(|local| *local == name) {
                    return Ok(Value::Local(local));
                }
                if let Ok(place) = self.place(name) {
                    return Ok(Value::At(place));
                }
                let Protocol { counters, store, .. } = self.protocol;
                let own = counters.keys().chain(store.keys()).map(String::as_str);
                let known = own.chain(KNOWN.iter().copied()).chain(self.locals.iter().copied());
                return Err(refuse(unknown("name", name, known)));
            }
        })
    }

    /// Reads a condition that a look from outside of the tasks can judge.
    fn promised(&self, name: &str, condition: &str) -> Result<Condition, Refused> {
        property_name(name)?;
        let condition = self.condition(condition)?;
        if [condition.left, condition.right]
            .iter()
            .any(|value| !matches!(value, Value::At(_) | Value::Number(_)))
        {
            let message =
                "a promise compares counters and numbers: no task is there to ask for more";
            return Err(refuse(message.to_owned()));
        }
        Ok(condition)
    }

    /// Reads `name`, `not name`, or `a < b`.
    fn condition(&self, text: &str) -> Result<Condition, Refused> {
        let words: Vec<&str> = text.split_whitespace().take(4).collect();
        let value = |word: &str| match word.parse::<i32>() {
            Ok(number) => Ok(Value::Number(number.into())),
            Err(_) => self.named(word),
        };
        let (left, compare, right) = match words[..] {
            [name] => (value(name)?, Compare::Unequal, Value::Number(0)),
            ["not", name] => (value(name)?, Compare::Equal, Value::Number(0)),
            [left, compare, right] => {
                let compare = match compare {
                    "==" => Compare::Equal,
                    "!=" => Compare::Unequal,
                    "<" => Compare::Less,
                    "<=" => Compare::LessOrEqual,
                    ">" => Compare::Greater,
                    ">=" => Compare::GreaterOrEqual,
                    _ => return Err(refuse(CONDITION.to_owned())),
                };
                (value(left)?, compare, value(right)?)
            }
            _ => return Err(refuse(CONDITION.to_owned())),
        };
        Ok(Condition { left, compare, right })
    }
}

const CONDITION: &str =
    "a condition is `name`, `not name`, or two values with ==, !=, <, <=, > or >= between them";

/// The steps that a shutdown may have.
const IN_SHUTDOWN: &[&str] = &[
    "cancel", "wait", "if", "set", "add", "keep", "work", "deadline", "race", "repeat", "return",
    "yield",
];

fn refuse(message: String) -> Refused {
    (None, message)
}

fn unknown<'a, S: AsRef<str> + ?Sized + 'a>(
    kind: &str,
    name: &str,
    known: impl Iterator<Item = &'a S>,
) -> String {
    let known: Vec<&str> = known.map(AsRef::as_ref).collect();
    let name: String = name.chars().take(LONGEST).collect();
    match nearest(&name, &known) {
        Some(near) => format!("unknown {kind} `{name}`, did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {kind} `{name}`, there is none"),
        None => format!("unknown {kind} `{name}`, known are {}", known.join(", ")),
    }
}

fn good_name(name: &str) -> Result<(), Refused> {
    let is_good = !name.is_empty()
        && name.len() <= LONGEST
        && !name.starts_with(|first: char| first.is_ascii_digit() || first == '-')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && name != "not";
    if is_good {
        return Ok(());
    }
    let name: String = name.chars().take(LONGEST).filter(|c| !c.is_control()).collect();
    Err(refuse(format!(
        "`{name}` is no name: it has 1 to {LONGEST} letters, digits, _ and -, and no digit first"
    )))
}

/// Whether a promise or a goal can have this name: a counterexample is known by it.
fn property_name(name: &str) -> Result<(), Refused> {
    let is_shown = !name.is_empty() && name.len() <= 100 && !name.chars().any(char::is_control);
    if !is_shown {
        return Err(refuse("a promise has a name of 1 to 100 characters".to_owned()));
    }
    if Rule::ALL.iter().any(|rule| rule.id() == name) {
        return Err(refuse(format!("`{name}` is a rule of the contract: choose another name")));
    }
    Ok(())
}

fn hresult(name: &str) -> Result<HResult, Refused> {
    if let Some((_, code)) = HResult::NAMED.iter().find(|(known, _)| *known == name) {
        return Ok(*code);
    }
    let names = HResult::NAMED.iter().map(|(known, _)| *known);
    Err(refuse(match nearest(name, &names.collect::<Vec<_>>()) {
        Some(near) => format!("unknown code, did you mean `{near}`?"),
        None => "unknown code; MAPI_E_NETWORK_ERROR is one".to_owned(),
    }))
}

fn handle(name: &str) -> Result<Handle, Refused> {
    match name {
        "published" => Ok(Handle::Published),
        "private" => Ok(Handle::Private),
        "null" => Ok(Handle::Null),
        _ => Err(refuse("a handle is `published`, `private` or `null`".to_owned())),
    }
}

fn text(given: Option<&str>, default: &str) -> Option<String> {
    let text = given.unwrap_or(default);
    (!text.is_empty()).then(|| text.to_owned())
}

fn cost(time: &Duration) -> Time {
    match time {
        Duration::Cost(cost) => Time::Own(cost.clone()),
        Duration::Named(name) => match name.as_str() {
            "connect" => Time::Connect,
            "folder" => Time::Folder,
            "header" => Time::Header,
            "upload" => Time::Upload,
            _ => Time::Body,
        },
    }
}

/// Adds the names that `as` binds in these steps.
fn bound<'a>(steps: &'a [ProtocolStep], names: &mut Vec<&'a str>) {
    for step in steps {
        let keys = step.keys();
        if let Some(name) = keys.name.as_deref()
            && !names.contains(&name)
        {
            names.push(name);
        }
        let inner = [
            &keys.retry,
            &keys.failed,
            &keys.lost,
            &keys.closed,
            &keys.steps,
            &keys.then,
            &keys.otherwise,
        ];
        inner.into_iter().flatten().for_each(|steps| bound(steps, names));
        let branches = [&keys.choose, &keys.race];
        branches.into_iter().flatten().flatten().for_each(|steps| bound(steps, names));
    }
}
