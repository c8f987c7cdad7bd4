//! The mutants: one row for each.

use mapi_sync::contract::{Party, Rule};

use super::super::scenario::{Cost, Scenario, Shutdown, WaitFor};

/// What must come together before a mutant shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing: every execution shows it.
    Nothing,
    /// A fault.
    Fault,
    /// The user's cancel, or the host's shutdown, at any moment.
    Cancel,
    /// A particular order or timing of steps.
    Order,
    /// A particular order of steps around a cancel.
    OrderAndCancel,
    /// A particular order of steps around a fault.
    OrderAndFault,
}

impl Needs {
    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Fault => "a fault",
            Self::Cancel => "a cancel",
            Self::Order => "an order of steps",
            Self::OrderAndCancel => "an order of steps and a cancel",
            Self::OrderAndFault => "an order of steps and a fault",
        }
    }
}

/// A row of the table of mutants.
#[derive(Debug)]
#[non_exhaustive]
pub struct MutantInfo {
    /// Which.
    pub mutant: Mutant,
    /// Its name, in scenario files too.
    pub name: &'static str,
    /// The rule that it breaks.
    pub rule: Rule,
    /// What it does wrong, in one sentence.
    pub summary: &'static str,
    /// What must come together before it shows.
    pub needs: Needs,
    /// The least context switches with which it shows, if it needs an order of steps. A search of
    /// every execution with fewer, in the smallest scenario of its counterexamples, found none.
    /// Moves of the clock do not count.
    pub least_switches: Option<u32>,
    /// Sets up the fixture.
    set_up: fn(&mut Scenario),
}

macro_rules! mutants {
    ($(
        $mutant:ident $name:literal $rule:ident $needs:ident $(($switches:literal))? $set_up:ident,
        $summary:literal;
    )*) => {
        /// A way to break the contract, built into the simulated provider or the simulated host.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Mutant {
            $(#[doc = $summary] $mutant,)*
        }

        /// All mutants, those of the provider first, by rule.
        pub const MUTANTS: &[MutantInfo] = &[$(MutantInfo {
            mutant: Mutant::$mutant,
            name: $name,
            rule: Rule::$rule,
            summary: $summary,
            needs: Needs::$needs,
            least_switches: [$(Some($switches),)? None][0],
            set_up: $set_up,
        }),*];
    };
}

mutants! {
    DoneTwice "done-twice" DONE_ONCE Nothing unchanged,
        "Sends Done again after it was sent.";
    NoDoneOffline "no-done-when-offline" DONE_ONCE Fault offline,
        "Gives up without a Done when the server cannot be reached.";
    NoDoneWhenDropped "no-done-when-dropped" DONE_ONCE Fault dropped,
        "Has no guard: when its task is dropped, nobody sends the Done.";
    NoDoneWithoutTask "no-done-without-task" DONE_ONCE Fault no_task,
        "Reports a successful start although its task could not be started.";
    DoneFromTwoPaths "done-from-two-paths" DONE_ONCE OrderAndCancel(6) cancelled,
        "Both the end of the work and the watcher for the cancel send a Done when they \
         come together.";
    LateTicker "late-ticker" DONE_LAST Order(5) ticking,
        "Leaves its sign-of-life task running, which can report once more after Done.";
    CountsBeforeReport "counts-before-report" DONE_LAST Order(6) unchanged,
        "Reports the end of a folder after it was counted as finished, so that Done can \
         overtake the report.";
    UnawaitedReport "unawaited-report" DONE_LAST Order(3) slow_callback,
        "Does not wait for the host to return from the last report before it sends Done.";
    LateError "late-error" DONE_LAST OrderAndFault(3) lossy,
        "Reports errors from a task of its own that Done does not wait for.";
    DoneOnFailedStart "done-on-failed-start" NO_CALL_ON_FAILED_START Fault no_task,
        "Sends a Done for a start that it then reports as failed.";
    EventOnFailedStart "event-on-failed-start" NO_CALL_ON_FAILED_START Fault no_task,
        "Leaves the event in the out-pointer of a start that failed.";
    ErrorOnFailedStart "error-on-failed-start" NO_CALL_ON_FAILED_START Fault no_event,
        "Reports an error through the callback when it has no event and lets the start fail.";
    NoEvent "no-event" EVENT_PUBLISHED Nothing unchanged,
        "Returns from a successful start without an event in the out-pointer.";
    LateEvent "late-event" EVENT_PUBLISHED Order(2) unchanged,
        "Lets its worker publish the event, which may be after the start has returned.";
    EventBeforeDone "event-before-done" EVENT_AFTER_DONE Nothing unchanged,
        "Signals the event before it sends Done.";
    EventBesideDone "event-beside-done" EVENT_AFTER_DONE Order(2) slow_callback,
        "Signals the event while Done is still running.";
    EventNever "event-never" EVENT_AFTER_DONE Nothing impatient,
        "Never signals the event.";
    EventForgottenOnCancel "event-forgotten-on-cancel" EVENT_AFTER_DONE Cancel
        impatient_and_cancelled,
        "Does not signal the event after a cancel.";
    OtherHandle "other-handle" EVENT_SAME Nothing unchanged,
        "Hands its private duplicate to Done instead of the published handle.";
    NoDuplicate "no-duplicate" EVENT_OWNER Nothing unchanged,
        "Signals through the published handle after Done has given it away.";
    ClosesPublished "closes-published" EVENT_OWNER Nothing unchanged,
        "Closes the published handle after Done has given it away.";
    IndexBeyondMaximum "index-beyond-maximum" PROGRESS_RANGE Nothing unchanged,
        "Announces one step too few, passes its maximum, and corrects it afterwards.";
    RetryCountsTwice "retry-counts-twice" PROGRESS_RANGE Fault lossy,
        "Counts a message again for each attempt, passes its maximum, and corrects it afterwards.";
    IndexBeforeAwait "index-before-await" PROGRESS_FORWARD Order(6) unchanged,
        "Takes the position before it waits for the server, so that two workers can report \
         in the wrong order.";
    RetryGoesBack "retry-goes-back" PROGRESS_FORWARD Fault lossy,
        "Reports position 0 again when it tries a second time.";
    StopsShort "stops-short" PROGRESS_COMPLETE Nothing unchanged,
        "Never reports the last step, and ends with S_OK.";
    CompleteTooEarly "complete-too-early" PROGRESS_COMPLETE Nothing unchanged,
        "Reports a phase as complete at its first step already, and goes on.";
    ErrorWithSuccess "error-with-success" ERROR_CODE Fault lossy,
        "Reports an error with S_OK as its code.";
    ErrorWithoutText "error-without-text" ERROR_TEXT Fault lossy,
        "Reports an error without a text.";
    OkAfterError "ok-after-error" STATUS_HONEST Fault lossy,
        "Ends with S_OK after it reported a failure.";
    OkAfterLateError "ok-after-late-error" STATUS_HONEST OrderAndFault(7) lossy,
        "Settles the final status before the last worker is through, whose failure it then misses.";
    ReleasesInStart "releases-in-start" CALLBACK_HELD Nothing unchanged,
        "Releases the callback before the start returns, and calls it all the same.";
    ReleasesEarly "releases-early" CALLBACK_HELD Nothing unchanged,
        "Releases the callback before it sends Done.";
    ReleasesTwice "releases-twice" CALLBACK_HELD Nothing unchanged,
        "Releases the callback twice.";
    NeverReleases "never-releases" CALLBACK_HELD Nothing unchanged,
        "Never releases the callback.";
    LeaksOnFailedStart "leaks-on-failed-start" CALLBACK_HELD Fault no_event,
        "Forgets to release the callback when the start fails for want of an event.";
    StopsOnCallbackFailure "stops-on-callback-failure" HOST_ERROR_SURVIVED Fault failing_callback,
        "Ends without a Done when the host's Progress answers with a failure.";
    DiesOnCallbackPanic "dies-on-callback-panic" HOST_ERROR_SURVIVED Fault panicking_callback,
        "Ends without a Done when the host's Progress panics.";
    IgnoresCancel "ignores-cancel" CANCEL_ANSWERED Cancel cancelled,
        "Goes on to the end after a cancel, and ends with S_OK.";
    CancelTooLate "cancel-too-late" CANCEL_ANSWERED Cancel slow_cancel,
        "Obeys a cancel only when the whole phase is over.";
    CancelAsFailure "cancel-as-failure" CANCEL_ANSWERED Cancel cancelled,
        "Ends a cancelled sync with E_FAIL.";
    OutlivesStore "outlives-store" SHUTDOWN_DRAINED Cancel shut_down,
        "Lets the store go while a sync still runs.";
    IgnoresNotice "ignores-notice" SHUTDOWN_STOPS_WORK Cancel exiting,
        "Works on after NotifyProcessShutdown, until DoFastShutdown.";
    ExitsInMidSync "exits-in-mid-sync" SHUTDOWN_QUIET Cancel exiting,
        "Returns from DoFastShutdown while a sync still runs, whose Done comes later.";
    RefusesOverlap "refuses-overlap" OVERLAP Nothing overlapping,
        "Refuses a second start with E_FAIL instead of MAPI_E_BUSY.";
    OverlappingCalls "overlapping-calls" SERIAL_CALLS Order(6) serial,
        "Lets its workers call the callback at the same time.";
    LongSilence "long-silence" BOUNDED_SILENCE Nothing silent,
        "Says nothing during a long step.";
    HostNeverCloses "host-never-closes" EVENT_CLOSED_ONCE Nothing unchanged,
        "Never closes the published handle.";
    HostClosesTwice "host-closes-twice" EVENT_CLOSED_ONCE Nothing unchanged,
        "Closes the published handle inside Done, and again after it waited.";
    HostClosesEarly "host-closes-early" EVENT_CLOSED_ONCE Cancel cancelled,
        "Closes the published handle as soon as the user cancels, before Done.";
    HostClosesFromTwoPaths "host-closes-from-two-paths" EVENT_CLOSED_ONCE Cancel shut_down,
        "Closes the handle in its shutdown too, though Done may have brought it already.";
    HostKeepsText "host-keeps-text" STRINGS_COPIED Nothing unchanged,
        "Keeps the pointer to the text, and reads it after the call.";
}

impl Mutant {
    /// The table's row.
    #[must_use]
    pub fn info(self) -> &'static MutantInfo {
        &MUTANTS[self as usize]
    }

    /// The mutant of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        MUTANTS.iter().find(|info| info.name == name).map(|info| info.mutant)
    }
}

impl MutantInfo {
    /// Whether it is built into the provider. The others are built into the host.
    #[must_use]
    pub fn is_of_provider(&self) -> bool {
        self.rule.blame() == Party::Provider
    }

    /// A small scenario in which it can show, with the mutant built in.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        let mut scenario = fixture();
        self.name.clone_into(&mut scenario.name);
        self.summary.clone_into(&mut scenario.about);
        scenario.mutant = Some(self.name.to_owned());
        (self.set_up)(&mut scenario);
        scenario
    }
}

/// One account with two folders of two messages each, and two workers.
pub(super) fn fixture() -> Scenario {
    let source = include_str!("fixture.toml");
    Scenario::parse("fixture", source).expect("the fixture is a valid scenario")
}

fn unchanged(_: &mut Scenario) {}

fn offline(scenario: &mut Scenario) {
    scenario.faults.offline = 1;
}

fn dropped(scenario: &mut Scenario) {
    scenario.faults.task_dropped = 1;
}

fn no_task(scenario: &mut Scenario) {
    scenario.faults.task_creation = 1;
}

fn no_event(scenario: &mut Scenario) {
    scenario.faults.event_creation = 1;
}

fn lossy(scenario: &mut Scenario) {
    scenario.faults.network_loss = 2;
}

fn failing_callback(scenario: &mut Scenario) {
    scenario.faults.callback_failure = 1;
}

fn panicking_callback(scenario: &mut Scenario) {
    scenario.faults.callback_panic = 1;
}

fn cancelled(scenario: &mut Scenario) {
    scenario.host.cancels = 1;
}

fn impatient(scenario: &mut Scenario) {
    scenario.host.wait = WaitFor::Done;
}

fn impatient_and_cancelled(scenario: &mut Scenario) {
    impatient(scenario);
    cancelled(scenario);
}

fn slow_cancel(scenario: &mut Scenario) {
    scenario.host.cancels = 1;
    scenario.provider.cost.body = Cost::Fixed(2_000);
    scenario.contract.cancel_within_ms = 3_000;
}

fn shut_down(scenario: &mut Scenario) {
    scenario.host.shutdown = Shutdown::Released;
}

fn exiting(scenario: &mut Scenario) {
    scenario.host.shutdown = Shutdown::Fast;
}

fn overlapping(scenario: &mut Scenario) {
    scenario.host.overlap_start = true;
}

fn slow_callback(scenario: &mut Scenario) {
    scenario.host.callback = Cost::Choice(vec![0, 5]);
}

fn ticking(scenario: &mut Scenario) {
    scenario.provider.keep_alive_ms = 2;
}

fn serial(scenario: &mut Scenario) {
    scenario.contract.serial_calls = true;
    scenario.host.callback = Cost::Choice(vec![0, 5]);
}

fn silent(scenario: &mut Scenario) {
    scenario.provider.cost.body = Cost::Fixed(2_000);
    scenario.contract.bounded_silence_ms = 1_000;
}
