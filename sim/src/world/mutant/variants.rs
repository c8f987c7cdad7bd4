//! Correct variants: providers and hosts that are unusual and correct. A check must never accuse
//! one.

use mapi_sync::SyncFlags;

use super::super::scenario::{
    CancelStyle, Cost, ErrorStyle, Folders, Maximum, NextSync, OverlapStyle, Published, Returns,
    Scenario, Shutdown, Step, Text, WaitFor,
};
use super::table::fixture;

/// One correct variant of the table.
#[derive(Debug)]
#[non_exhaustive]
pub struct VariantInfo {
    /// Its name.
    pub name: &'static str,
    /// What is unusual about it, in one sentence.
    pub summary: &'static str,
    change: fn(&mut Scenario),
}

impl VariantInfo {
    /// A small scenario with the variant in it.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        let mut scenario = fixture();
        self.name.clone_into(&mut scenario.name);
        self.summary.clone_into(&mut scenario.about);
        (self.change)(&mut scenario);
        scenario
    }
}

/// All correct variants.
pub const VARIANTS: &[VariantInfo] = &[
    VariantInfo {
        name: "done-before-start-returned",
        summary: "The start returns only after Done.",
        change: |s| s.provider.returns = Returns::AfterDone,
    },
    VariantInfo {
        name: "maximum-zero",
        summary: "The amount of work is not known: the maximum is 0 throughout.",
        change: |s| s.provider.maximum = Maximum::Zero,
    },
    VariantInfo {
        name: "maximum-grows",
        summary: "The maximum grows from phase to phase.",
        change: |s| s.provider.maximum = Maximum::Growing,
    },
    VariantInfo {
        name: "null-texts",
        summary: "Progress has no text, only positions.",
        change: |s| s.provider.text = Text::Null,
    },
    VariantInfo {
        name: "unchanged-text",
        summary: "Progress has the same text each time.",
        change: |s| s.provider.text = Text::Unchanged,
    },
    VariantInfo {
        name: "progress-by-folder",
        summary: "Progress comes with each folder, and skips positions.",
        change: |s| s.provider.progress = Step::Folder,
    },
    VariantInfo {
        name: "several-errors",
        summary: "Several folders fail, each with an Error of its own, and the sync is a partial \
                  completion.",
        change: |s| {
            s.accounts[0].folders = Folders::Count(4);
            s.provider.retries = 0;
            s.faults.network_loss = 4;
        },
    },
    VariantInfo {
        name: "first-error-ends",
        summary: "The first error ends the sync with that error.",
        change: |s| {
            s.provider.on_error = ErrorStyle::Stop;
            s.provider.retries = 0;
            s.faults.network_loss = 2;
            s.faults.offline = 1;
        },
    },
    VariantInfo {
        name: "done-null",
        summary: "Done hands back NULL; the host waits for the event and closes it.",
        change: |s| s.provider.done_handle = false,
    },
    VariantInfo {
        name: "thread-handle",
        summary: "What is published is the handle of the worker thread.",
        change: |s| s.provider.event = Published::Thread,
    },
    VariantInfo {
        name: "next-sync-inside-done",
        summary: "The host starts the next sync from inside Done.",
        change: |s| {
            s.host.syncs = 3;
            s.host.next_sync = NextSync::InsideDone;
            s.host.callback = Cost::Choice(vec![0, 5]);
        },
    },
    VariantInfo {
        name: "host-closes-inside-done",
        summary: "The host closes the handle inside Done and waits for nothing.",
        change: |s| {
            s.host.wait = WaitFor::Done;
            s.faults.task_dropped = 1;
        },
    },
    VariantInfo {
        name: "second-start-is-busy",
        summary: "A second start while a sync runs answers MAPI_E_BUSY.",
        change: |s| s.host.overlap_start = true,
    },
    VariantInfo {
        name: "second-sync-of-its-own",
        summary: "A second start while a sync runs is a sync of its own.",
        change: |s| {
            s.host.overlap_start = true;
            s.provider.overlap = OverlapStyle::OwnSync;
            s.host.cancels = 1;
        },
    },
    VariantInfo {
        name: "start-inside-progress",
        summary: "The host starts another sync from inside Progress.",
        change: |s| {
            s.host.reentrant = true;
            s.provider.overlap = OverlapStyle::OwnSync;
        },
    },
    VariantInfo {
        name: "calls-overlap",
        summary: "Workers call the callback at the same time, which the documentation allows.",
        change: |s| {
            s.provider.done_handle = false;
            s.provider.workers = 4;
            s.accounts[0].folders = Folders::Count(4);
            s.host.callback = Cost::Choice(vec![0, 5, 9]);
        },
    },
    VariantInfo {
        name: "calls-in-turn",
        summary: "Workers call the callback one after the other, because the policy says so.",
        change: |s| {
            s.provider.done_handle = false;
            s.contract.serial_calls = true;
            s.host.callback = Cost::Choice(vec![0, 5]);
        },
    },
    VariantInfo {
        name: "host-fails",
        summary: "The host's callbacks fail and panic, and Done comes all the same.",
        change: |s| {
            s.faults.callback_failure = 3;
            s.faults.callback_panic = 3;
        },
    },
    VariantInfo {
        name: "refused-start",
        summary: "The start fails for want of a callback, an event or a task, and leaves nothing \
                  behind.",
        change: |s| {
            s.host.syncs = 2;
            s.faults.query_interface_refused = 1;
            s.faults.event_creation = 1;
            s.faults.task_creation = 1;
        },
    },
    VariantInfo {
        name: "refused-start-by-hand",
        summary: "The same with a provider that takes every step itself.",
        change: |s| {
            s.provider.done_handle = false;
            s.host.syncs = 2;
            s.faults.query_interface_refused = 1;
            s.faults.event_creation = 1;
            s.faults.task_creation = 1;
        },
    },
    VariantInfo {
        name: "nothing-to-do",
        summary: "There is nothing to synchronize: Done(S_OK) comes without any Progress.",
        change: |s| s.accounts[0].folders = Folders::Count(0),
    },
    VariantInfo {
        name: "unknown-flags",
        summary: "The flags have bits that nobody knows.",
        change: |s| s.accounts[0].flags = SyncFlags::from_bits_retain(0x8000_0082),
    },
    VariantInfo {
        name: "cancel-at-once",
        summary: "A cancel drops the step at hand.",
        change: |s| {
            s.host.cancels = 2;
            s.provider.on_cancel = CancelStyle::AtOnce;
        },
    },
    VariantInfo {
        name: "cancel-after-step",
        summary: "A cancel lets the step at hand end.",
        change: |s| {
            s.host.cancels = 2;
            s.host.callback = Cost::Choice(vec![0, 5]);
        },
    },
    VariantInfo {
        name: "cancel-by-hand",
        summary: "A provider that takes every step itself is cancelled.",
        change: |s| {
            s.host.cancels = 2;
            s.provider.done_handle = false;
            s.host.callback = Cost::Choice(vec![0, 5]);
        },
    },
    VariantInfo {
        name: "tasks-dropped",
        summary: "Any task of the provider's is dropped at any await point.",
        change: |s| {
            s.faults.task_dropped = 2;
            s.host.callback = Cost::Choice(vec![0, 5]);
        },
    },
    VariantInfo {
        name: "tasks-dropped-by-hand",
        summary: "The same with a provider that takes every step itself.",
        change: |s| {
            s.faults.task_dropped = 2;
            s.provider.done_handle = false;
            s.host.callback = Cost::Choice(vec![0, 5]);
        },
    },
    VariantInfo {
        name: "spurious-wake-ups",
        summary: "Tasks are polled although nothing woke them.",
        change: |s| s.faults.spurious_wake = 3,
    },
    VariantInfo {
        name: "sign-of-life",
        summary: "A long step is bridged by reports without a text.",
        change: |s| {
            s.provider.cost.body = Cost::Fixed(2_000);
            s.provider.keep_alive_ms = 300;
            s.contract.bounded_silence_ms = 1_000;
        },
    },
    VariantInfo {
        name: "shutdown-in-mid-sync",
        summary: "The host shuts down while a sync runs, and the provider keeps the store until \
                  Done.",
        change: |s| {
            s.host.shutdown = Shutdown::Released;
            s.host.syncs = 2;
        },
    },
    VariantInfo {
        name: "done-before-exit",
        summary: "The host shuts down fast while a sync runs, and the provider sends its Done \
                  before DoFastShutdown returns.",
        change: |s| {
            s.host.shutdown = Shutdown::Fast;
            s.host.syncs = 2;
        },
    },
    VariantInfo {
        name: "no-done-after-exit",
        summary: "The host shuts down fast, and a provider that takes every step itself calls \
                  nobody after DoFastShutdown: no Done comes.",
        change: |s| {
            s.host.shutdown = Shutdown::Fast;
            s.host.syncs = 2;
            s.host.callback = Cost::Choice(vec![0, 5]);
            s.provider.done_handle = false;
            s.provider.keep_alive_ms = 3;
        },
    },
    VariantInfo {
        name: "done-before-logoff",
        summary: "A fast shutdown is refused, and the provider ends its syncs before it logs off.",
        change: |s| {
            s.host.shutdown = Shutdown::FastRefused;
            s.host.overlap_start = true;
            s.provider.overlap = OverlapStyle::OwnSync;
        },
    },
    VariantInfo {
        name: "exit-with-faults",
        summary: "The host shuts down fast, users cancel, callbacks fail and tasks are dropped.",
        change: |s| {
            s.host.shutdown = Shutdown::Fast;
            s.host.cancels = 1;
            s.provider.keep_alive_ms = 3;
            s.faults.task_dropped = 2;
            s.faults.callback_failure = 1;
            s.faults.callback_panic = 1;
            s.faults.task_creation = 1;
        },
    },
];
