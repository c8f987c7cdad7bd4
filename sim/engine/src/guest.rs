//! A runtime of another crate that takes part in executions.

/// A runtime of another crate that takes part in executions, with tasks and timers of its own that
/// the engine does not see.
///
/// All its tasks together are one task of the execution, a *guest* in the
/// [background](crate::Builder::background): one segment of the guest is one poll of one of them,
/// and when that comes is a decision like others. Which of them it is, the runtime says. Its clock
/// and that of the execution show the same time.
///
/// An engine gets one by [`Engine::set_guest`](crate::Engine::set_guest). What the runtime does has
/// to follow from the calls of one execution alone.
pub trait GuestRuntime: Send {
    /// The name of its task, for people.
    fn name(&self) -> &'static str;

    /// An execution begins, at the time 0: there are no tasks and no timers.
    fn begin(&mut self);

    /// Runs `code`, which is that of a task, so that it meets the runtime.
    fn host(&self, code: &mut dyn FnMut());

    /// Asked after each segment: whether tasks can run since, and none could before.
    fn wakes(&self) -> bool;

    /// Lets one of its tasks run for one poll. Returns whether one more may be able to.
    fn turn(&self) -> bool;

    /// Moves its clock to its next timer, or to `until` if no timer comes before, in virtual
    /// milliseconds. It may stop on the way. It goes on if that wakes none of its own tasks and
    /// `is_woken` says that it woke none of the execution's. Returns what its clock shows.
    fn advance(&self, until: u64, is_woken: &mut dyn FnMut() -> bool) -> u64;

    /// The execution is over: what is left of it is dropped.
    fn end(&mut self);
}

/// What an execution used of its [guest](GuestRuntime).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestUse {
    /// Tasks of the guest ran.
    pub tasks: bool,
    /// A timer of the guest woke a task.
    pub timers: bool,
}
