//! Checking any program.

use std::future::Future;

use super::{Check, SubjectKind};
use crate::program::{Program, ProgramResult};
use crate::world::{Code, Fault, Knob, Scenario};

/// Checks a program, any asynchronous code: runs it under many schedules, and looks for one in
/// which it goes wrong.
///
/// `program` makes the program's main future, anew for each execution and inside of it. It must
/// keep nothing from one execution to the next. The future need not be `Send`; what it spawns must.
///
/// # What is found
///
/// - a panic of any task, so each assertion that fails ([`Defect::Panic`]);
/// - an error that the program returns ([`Defect::Error`]);
/// - tasks that wait for ever, the main one among them ([`Defect::Deadlock`]);
/// - tasks that wait for ever although the program has returned ([`Defect::LeakedTask`]), unless
///   [`ends_with_main`](Check::ends_with_main) is set;
/// - an execution that goes on for ever ([`Defect::Livelock`]);
/// - code that is not under control ([`Defect::Nondeterminism`], [`Warning`](crate::Warning)).
///
/// [`Defect::Panic`]: crate::Defect::Panic
/// [`Defect::Error`]: crate::Defect::Error
/// [`Defect::Deadlock`]: crate::Defect::Deadlock
/// [`Defect::LeakedTask`]: crate::Defect::LeakedTask
/// [`Defect::Livelock`]: crate::Defect::Livelock
/// [`Defect::Nondeterminism`]: crate::Defect::Nondeterminism
///
/// # What is varied
///
/// The order of the steps, under every strategy. Under the random ones also, as in a
/// [check](crate::check()) of a provider: [`engine::work`](crate::engine::work) takes up to twice
/// as long ([`late_work`](Check::late_work)), the due timers of one task fire one by one, and a
/// task that [may](crate::engine::Builder::early) runs before its `spawn` returns
/// ([`early_tasks`](Check::early_tasks)). [`engine::sleep`](crate::engine::sleep) is exact.
///
/// Up to three of the program's own [faults](crate::engine::fault) strike in an execution. No task
/// is dropped, unless [`cancellations`](Check::cancellations) or [`drops`](Check::drops) asks for
/// that.
///
/// What [`Check`] has for hosts, scenarios and rules changes nothing here.
///
/// ```
/// use mapi_sync_sim::engine::{self, sync::Register};
/// use mapi_sync_sim::explore;
///
/// async fn add(counter: Register<u32>) {
///     let seen = counter.read().await;
///     counter.write(seen + 1).await;
/// }
///
/// let report = explore(|| async {
///     let counter = Register::new("counter", 0);
///     let tasks = ["a", "b"].map(|name| engine::spawn(name, add(counter.clone())));
///     for task in tasks {
///         task.await.unwrap();
///     }
///     assert_eq!(counter.get(), 2);
/// })
/// .run();
///
/// // Some order of the four steps loses one of the two.
/// assert_eq!(report.counterexamples[0].defects[0].id(), "panic");
/// ```
pub fn explore<F>(program: impl Fn() -> F + Send + Sync + 'static) -> Check
where
    F: Future<Output: ProgramResult> + 'static,
{
    let code = Code::Program(Program::new(program));
    Check::new(SubjectKind::Program, program_scenario(), code)
}

impl Check {
    /// Gives the program this name in reports and tokens. Without this, it is `program`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        if self.is_of_program() {
            self.scenario.name = name.into();
        }
        self
    }

    /// Drops at most this many tasks of an execution at one of their await points, as the strategy
    /// decides: of a program, those that were spawned
    /// [droppable](crate::engine::Builder::droppable). Without this, none of a program, and one of
    /// your own provider.
    pub fn drops(mut self, drops: u32) -> Self {
        self.changes = self.changes.with(Knob::Fault(Fault::TaskDropped), drops.into());
        self
    }

    /// Ends each execution of a program when its main future returns, and drops the tasks that are
    /// left, as a runtime does that is shut down. Without this, they run on to their ends, and one
    /// that waits for ever is a [defect](crate::Defect::LeakedTask).
    ///
    /// The strategy `exhaustive` runs every schedule then: how far the other tasks have come when
    /// the main one returns is no use of a tracked object.
    pub fn ends_with_main(self, ends_with_main: bool) -> Self {
        Self { ends_with_main: ends_with_main && self.is_of_program(), ..self }
    }
}

/// What stands in the place of a scenario. A program sees its faults of the engine only.
fn program_scenario() -> Scenario {
    Scenario::parse("program.toml", include_str!("program.toml")).expect("the scenario is valid")
}
