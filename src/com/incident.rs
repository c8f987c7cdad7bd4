//! What goes wrong in a sync besides its calls, for the author: Outlook has no standard error
//! stream, and the host only sees a status.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Once};

use super::guard::{self, Contained};

/// Something that went wrong in the adapter's care. It is reported to the callback of
/// [`Provider::with_incidents`](super::Provider::with_incidents), and with the feature `tracing` as
/// an event of the target `mapi_sync::com`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incident {
    /// Code of the provider panicked.
    Panic {
        /// The name of the thread.
        thread: String,
        /// The name of the task, if a task of the sync's runtime panicked.
        task: Option<String>,
        /// What the panic said.
        message: String,
        /// File, line and column. `None` for a panic that bypassed the panic hook.
        place: Option<String>,
    },
    /// The provider could no longer send the Done that it owed, so the adapter sends it.
    DoneOwed {
        /// The references to the callback that the provider has not given back.
        references: usize,
    },
    /// Tasks of the provider still ran when its sync ended. They are dropped.
    TasksDropped {
        /// Their names, in the order in which they were spawned.
        tasks: Vec<String>,
    },
    /// Threads of the runtime (`spawn_blocking`) still ran when the sync ended. They run on, so
    /// this module stays in memory until the process ends.
    ThreadsLeft {
        /// How many had begun to run.
        count: usize,
    },
    /// An exception left a method of the host's. It costs a thread; see
    /// [`parked_threads`](super::parked_threads).
    Exception {
        /// The interface and the method.
        method: &'static str,
    },
    /// The thread of a sync did not begin to run, so the start failed: a start under the loader
    /// lock does.
    NotBegun,
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic { thread, task, message, place } => {
                write!(f, "thread '{thread}' panicked")?;
                if let Some(task) = task {
                    write!(f, " in task '{task}'")?;
                }
                if let Some(place) = place {
                    write!(f, " at {place}")?;
                }
                write!(f, ": {message}")
            }
            Self::DoneOwed { references } => write!(
                f,
                "the provider sent no Done, and holds {references} references to the callback"
            ),
            Self::TasksDropped { tasks } => {
                write!(f, "tasks still ran when the sync ended: {}", tasks.join(", "))
            }
            Self::ThreadsLeft { count } => {
                write!(f, "{count} blocking threads still ran when the sync ended")
            }
            Self::Exception { method } => write!(f, "an exception left {method}"),
            Self::NotBegun => f.write_str("the thread of the sync did not begin to run"),
        }
    }
}

type Callback = Box<dyn Fn(&Incident) + Send + Sync>;

/// Where a provider's incidents go.
#[derive(Clone, Default)]
pub(crate) struct Incidents(Option<Arc<Contained<Callback>>>);

impl Incidents {
    pub(crate) fn new(callback: impl Fn(&Incident) + Send + Sync + 'static) -> Self {
        install_hook();
        Self(Some(Arc::new(Contained::new(Box::new(callback)))))
    }

    /// Reports an incident. A panic of the callback stays in here.
    pub(crate) fn report(&self, incident: &Incident) {
        #[cfg(feature = "tracing")]
        guard::contain(|| tracing::error!(target: "mapi_sync::com", "{incident}"));
        if let Some(callback) = &self.0 {
            guard::contain(|| (callback.get())(incident));
        }
    }

    /// Runs code of the provider; a panic is reported and becomes `None`.
    pub(crate) fn contain<R>(&self, body: impl FnOnce() -> R) -> Option<R> {
        let watch = Watch::begin();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        watch.end(self, result.as_ref().err());
        result.map_err(guard::discard).ok()
    }
}

/// Notes the panics of this thread while it exists.
pub(crate) struct Watch {
    /// Whether an earlier one notes them.
    is_inner: bool,
}

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static TASK: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
    static NOTED: RefCell<Vec<Incident>> = const { RefCell::new(Vec::new()) };
}

/// How many panics are noted until somebody can report them.
const NOTED_MOST: usize = 16;

impl Watch {
    pub(crate) fn begin() -> Self {
        #[cfg(feature = "tracing")]
        install_hook();
        Self { is_inner: WATCHED.replace(true) }
    }

    /// Reports what was noted, and `payload` if it was not: `resume_unwind` bypasses the hook.
    pub(crate) fn end(
        self,
        incidents: &Incidents,
        payload: Option<&Box<dyn std::any::Any + Send>>,
    ) {
        let noted = NOTED.take();
        if noted.is_empty()
            && let Some(payload) = payload
        {
            incidents.report(&panic(message(&**payload), None));
        }
        noted.iter().for_each(|incident| incidents.report(incident));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHED.set(self.is_inner);
    }
}

/// Runs `body` as this task, for reports.
pub(crate) fn as_task<R>(name: &Arc<str>, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Arc<str>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            TASK.set(self.0.take());
        }
    }

    let _restore = Restore(TASK.replace(Some(Arc::clone(name))));
    body()
}

fn panic(message: String, place: Option<String>) -> Incident {
    let thread = super::thread::current_name();
    let task = TASK.with_borrow(|task| task.as_deref().map(str::to_owned));
    Incident::Panic { thread, task, message, place }
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a value that is no text".to_owned())
}

/// Puts a hook before the panic hook, once. It only notes the panics of watched threads: a callback
/// that panicked inside of a hook would end the process.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note(info);
            earlier(info);
        }));
    });
}

fn note(info: &PanicHookInfo<'_>) {
    if !WATCHED.try_with(Cell::get).unwrap_or(false) {
        return;
    }
    let incident = panic(message(info.payload()), info.location().map(ToString::to_string));
    let _ = NOTED.try_with(|noted| {
        if let Ok(mut noted) = noted.try_borrow_mut()
            && noted.len() < NOTED_MOST
        {
            noted.push(incident);
        }
    });
}
