//! The faults: one row for each.

use serde::{Deserialize, Serialize};

use super::read::budget;
use super::values::{DAY, ranged};

/// Who injects a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Injector {
    /// The simulated world, at the place where the fault happens.
    World,
    /// The engine, at any step.
    Engine,
}

/// From the rows: what faults there are, and how a scenario sets their budgets.
///
/// A row has the variant, its number in tokens, its key in a scenario file, who injects it, and a
/// sentence. A fault with a time has that time's key, its default and its sentence behind it.
macro_rules! faults {
    ($(
        $variant:ident = $code:literal $key:ident $injector:ident $doc:literal
        $(with $time:ident = $time_ms:literal $time_doc:literal)?;
    )*) => {
        /// Something that goes wrong and that the provider cannot prevent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $(#[doc = $doc] $variant,)*
        }

        impl Fault {
            /// All of them, in the order of the reference page.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            /// The name, as a scenario file's `[faults]` has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($key),)*
                }
            }

            /// The number in a token.
            pub(in crate::world) const fn code(self) -> u64 {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            const fn injector(self) -> Injector {
                match self {
                    $(Self::$variant => Injector::$injector,)*
                }
            }

            /// How often one execution of a scenario may have it.
            #[must_use]
            pub const fn budget(self, faults: &Faults) -> u32 {
                match self {
                    $(Self::$variant => faults.$key,)*
                }
            }

            /// How often one execution of a scenario may have it, to be changed.
            pub(in crate::world) const fn budget_mut(self, faults: &mut Faults) -> &mut u32 {
                match self {
                    $(Self::$variant => &mut faults.$key,)*
                }
            }
        }

        /// Faults: how many of each the search may inject in one execution, 0 (off) to 1,000.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Faults {
            $(
                #[doc = $doc]
                #[serde(deserialize_with = "budget")]
                pub $key: u32,
                $(
                    #[doc = $time_doc]
                    ///
                    /// In virtual milliseconds, 0 to a day.
                    #[serde(deserialize_with = "ranged::<0, DAY, _, _>")]
                    pub $time: u64,
                )?
            )*
        }

        impl Default for Faults {
            fn default() -> Self {
                Self { $($key: 0, $($time: $time_ms,)?)* }
            }
        }
    };
}

// Append only: the numbers are in tokens.
faults! {
    NetworkLoss = 0 network_loss World "A request or its answer is lost.";
    NetworkLatency = 1 network_latency World "An answer takes `latency_ms` longer."
        with latency_ms = 500 "The additional time of a late answer.";
    Offline = 2 offline World "The server cannot be reached at logon.";
    CallbackFailure = 3 callback_failure World "Progress or Error answers with a failing HRESULT.";
    CallbackPanic = 4 callback_panic World "Progress or Error panics in the host's code.";
    QueryInterfaceRefused = 5 query_interface_refused World
        "The callback object answers E_NOINTERFACE.";
    EventCreation = 6 event_creation World "The system refuses to create an event.";
    TaskCreation = 7 task_creation World "The system refuses to start a task.";
    TaskDropped = 8 task_dropped Engine "A task of the provider is dropped at an await point.";
    SpuriousWake = 9 spurious_wake Engine "A task is polled although nothing woke it.";
    HandleDuplication = 10 handle_duplication World "The system refuses to duplicate a handle.";
}

impl Fault {
    /// The fault with this number in a token.
    pub(in crate::world) fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.code() == code)
    }

    /// Whether the engine injects it by itself.
    pub(crate) fn is_engines(self) -> bool {
        self.injector() == Injector::Engine
    }
}

impl Faults {
    /// The same faults with this budget for one of them.
    #[must_use]
    pub const fn with(mut self, fault: Fault, budget: u32) -> Self {
        *fault.budget_mut(&mut self) = budget;
        self
    }
}
