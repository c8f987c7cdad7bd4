//! What a program promises of its own state, and what it should meet at least once.
//!
//! A *property* is looked at by the engine, between the segments of the program:
//!
//! - an [`invariant`] holds after every step;
//! - an [`at_end`] condition holds when every task has come to its end;
//! - what is promised [`eventually`] becomes true within a bound in virtual time.
//!
//! Three *oracles* follow data and know what is right: [`ExactlyOnce`], [`Monotonic`] and
//! [`LastWriteWins`].
//!
//! A *goal* is the reverse: [`sometimes!`](crate::sometimes) says that at least one schedule should
//! come by here.
//!
//! ```
//! use mapi_sync_engine::{self as engine, Engine, Limits, property, sync::Register};
//! use mapi_sync_engine::strategy::Random;
//!
//! let mut engine = Engine::new(Limits::default(), Random::new(1));
//! engine.execute(0, async {
//!     let balance = Register::new("balance", 10);
//!     let seen = balance.clone();
//!     property::invariant("no overdraft", move || seen.get() >= 0);
//!     balance.write(-1).await;
//! });
//! let broken = &engine.broken_properties()[0];
//! assert_eq!(broken.property.name, "no overdraft");
//! ```
//!
//! # What a look may do
//!
//! The function of a property only looks. It may read tracked objects within the segment
//! ([`Register::get`](crate::sync::Register::get) and [`with`](crate::sync::Register::with)) and
//! any other memory. It may assert: a panic in it means that the property is broken. Nothing that
//! it does is a decision or a step, so it changes no schedule and no token. If it spawns, asks for
//! a choice or changes a tracked object, the property counts as broken, and the message says why.
//!
//! # Exhaustive search
//!
//! What a look reads conflicts with whoever writes it: a search by classes runs every order in
//! which the looked-at objects change. A look that reads no tracked object could depend on
//! anything: every order of all steps is run then, and
//! [`Engine::untracked_property`](crate::Engine::untracked_property) names it. A look that reads
//! both tracked objects and others is under the word that was given for the program's tasks.
//!
//! Outside of an execution all of this does nothing, so that it can stay in code that also runs on
//! a real runtime.

mod oracles;

use std::fmt::{self, Display};
use std::time::Duration;

pub use self::oracles::{ExactlyOnce, LastWriteWins, Monotonic};
use crate::context::{self, Context};
use crate::id::{ObjectId, TaskId, TaskKey};

/// Something that a program promises of its own state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Property {
    /// The name that the author gave it.
    pub name: &'static str,
    /// When it is to hold.
    pub kind: PropertyKind,
}

/// When a property is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PropertyKind {
    /// After every step; of an oracle, at everything that it is told.
    Invariant,
    /// When every task has come to its end.
    AtEnd,
    /// Once, within a bound in virtual time.
    Eventually,
}

impl PropertyKind {
    /// Its name: `invariant`, `at-end` or `eventually`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invariant => "invariant",
            Self::AtEnd => "at-end",
            Self::Eventually => "eventually",
        }
    }
}

/// A property that an execution broke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokenProperty {
    /// Which.
    pub property: Property,
    /// What is wrong, in words.
    pub message: String,
    /// The step after which that was seen, from 0.
    pub step: u64,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// The task of that step, or the clock.
    pub task: TaskId,
    /// Whether it is broken because something had not come by then.
    pub never_came: bool,
}

/// What a look at a property finds: `()`, as long as nothing panics; `true`; or `Ok(())`, where an
/// `Err` says what is wrong.
#[diagnostic::on_unimplemented(
    message = "a look at a property returns `()`, a `bool` or a `Result<(), E>`, not `{Self}`",
    note = "an error must be `Display`: the report shows it"
)]
pub trait Verdict {
    /// What is wrong, in words, if something is.
    fn into_message(self) -> Option<String>;
}

impl Verdict for () {
    fn into_message(self) -> Option<String> {
        None
    }
}

impl Verdict for bool {
    fn into_message(self) -> Option<String> {
        (!self).then(|| "it does not hold".to_owned())
    }
}

impl<E: Display> Verdict for Result<(), E> {
    fn into_message(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// Promises that something holds after every step, from now on to the end of the execution. It is
/// looked at after the running step for the first time.
///
/// ```
/// use mapi_sync_engine::{property, sync::Register};
///
/// # fn program() {
/// let stored = Register::new("stored", Vec::<u32>::new());
/// let seen = stored.clone();
/// property::invariant("stored in order", move || {
///     seen.with(|stored| assert!(stored.is_sorted(), "{stored:?}"));
/// });
/// # }
/// ```
pub fn invariant<V: Verdict>(name: &'static str, look: impl FnMut() -> V + 'static) {
    register(Property { name, kind: PropertyKind::Invariant }, u64::MAX, look);
}

/// Promises that something holds when every task has come to its end. An execution that ends
/// otherwise, in a deadlock for example, is not judged.
pub fn at_end<V: Verdict>(name: &'static str, look: impl FnMut() -> V + 'static) {
    register(Property { name, kind: PropertyKind::AtEnd }, u64::MAX, look);
}

/// Promises that something will be true, after one of the steps from now on, before more than
/// `within` has passed in virtual time. [`Duration::MAX`] is "before the execution ends".
///
/// The bound is whole milliseconds, as virtual time is: a part of one counts as one.
pub fn eventually<V: Verdict>(
    name: &'static str,
    within: Duration,
    look: impl FnMut() -> V + 'static,
) {
    let ms = within.as_nanos().div_ceil(1_000_000);
    let deadline = context::now().saturating_add(u64::try_from(ms).unwrap_or(u64::MAX));
    register(Property { name, kind: PropertyKind::Eventually }, deadline, look);
}

/// Says that at least one schedule should come by here, or, with a condition, should meet it here.
///
/// A goal that no execution met means that the check did not try what it is about. Outside of an
/// execution this does nothing.
///
/// ```
/// use mapi_sync_engine::sometimes;
///
/// # fn program(lost: bool, left: u32) {
/// if lost {
///     sometimes!("retry after loss");
/// }
/// sometimes!("the last message is stored", left == 0);
/// # }
/// ```
#[macro_export]
macro_rules! sometimes {
    ($name:expr $(,)?) => {
        $crate::property::meet($name, true)
    };
    ($name:expr, $condition:expr $(,)?) => {
        $crate::property::meet($name, $condition)
    };
}

/// What [`sometimes!`](crate::sometimes) does: the goal of this name was come by, and perhaps met.
pub fn meet(name: &'static str, met: bool) {
    context::with(|cx| {
        if !takes_part(cx) {
            return;
        }
        cx.touched.set(true);
        let goals = &mut cx.seen.borrow_mut().goals;
        match goals.iter_mut().find(|(goal, _)| *goal == name) {
            Some((_, before)) => *before |= met,
            None => goals.push((name, met)),
        }
    });
}

/// What stands for the memory that nobody tracks, in the footprints of an execution with a look at
/// such.
pub(crate) const UNTRACKED: ObjectId = ObjectId::of_task(TaskKey::CLOCK).part(2);

/// A property that is looked at.
pub(crate) struct Look {
    pub(crate) property: Property,
    /// The last virtual time, in milliseconds, at which it may become true.
    pub(crate) deadline: u64,
    pub(crate) look: Box<dyn FnMut() -> Option<String>>,
    /// The tracked objects that the last look read, if footprints are kept; `None` before the
    /// first.
    pub(crate) reads: Option<Vec<ObjectId>>,
    pub(crate) is_over: bool,
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("property", &self.property).finish_non_exhaustive()
    }
}

/// What an execution showed of properties and goals.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) properties: Vec<Property>,
    pub(crate) broken: Vec<BrokenProperty>,
    /// The goals that were come by, and whether each was met.
    pub(crate) goals: Vec<(&'static str, bool)>,
    /// The first property whose look read nothing that is tracked.
    pub(crate) untracked: Option<Property>,
}

impl Seen {
    pub(crate) const fn new() -> Self {
        Self { properties: Vec::new(), broken: Vec::new(), goals: Vec::new(), untracked: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.goals.is_empty()
    }

    pub(crate) fn name(&mut self, property: Property) {
        if !self.properties.contains(&property) {
            self.properties.push(property);
        }
    }
}

/// Whether properties and goals count now.
fn takes_part(cx: &Context) -> bool {
    cx.active.get() && !cx.closing.get()
}

fn register<V: Verdict>(property: Property, deadline: u64, mut look: impl FnMut() -> V + 'static) {
    context::with(|cx| {
        if !takes_part(cx) {
            return;
        }
        cx.touched.set(true);
        cx.has_extras.set(true);
        if property.kind != PropertyKind::AtEnd {
            cx.dirty.set(true);
            cx.stays_dirty.set(true);
        }
        cx.seen.borrow_mut().name(property);
        cx.looks.borrow_mut().push(Look {
            property,
            deadline,
            look: Box::new(move || look().into_message()),
            reads: None,
            is_over: false,
        });
    });
}

/// The running segment broke a property: an oracle saw it.
fn break_now(property: Property, message: String) {
    context::with(|cx| {
        if takes_part(cx) {
            cx.touched.set(true);
            let (step, at_ms, task) = (cx.step.get(), context::now(), cx.current.get());
            let mut seen = cx.seen.borrow_mut();
            seen.name(property);
            let broken = BrokenProperty { property, message, step, at_ms, task, never_came: false };
            seen.broken.push(broken);
        }
    });
}
