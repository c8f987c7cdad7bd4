//! The provider DLLs that `com-check` is held to, each with its verdict.

use std::path::{Path, PathBuf};

/// A provider DLL in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Which DLL.
    pub dll: Dll,
    /// The form, which the DLL reads from the variable [`Dll::variable`].
    pub name: &'static str,
    /// What is right or wrong with it, in words.
    pub about: &'static str,
    /// What the check must say; see [`verdict_here`](Self::verdict_here).
    pub verdict: Verdict,
    /// How it is checked.
    pub how: How,
}

impl Form {
    /// The verdict on this target.
    #[must_use]
    pub fn verdict_here(&self) -> Verdict {
        // On 32 bits GCC finds no handler outside of the module that throws, and ends the process.
        if cfg!(target_pointer_width = "32") && self.name == "throws-in-start" {
            return Verdict::Breaks("process-survives");
        }
        self.verdict
    }
}

/// A DLL with several forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dll {
    /// `cpp/store_dll.cpp`: the C++ provider that the method tables are tested with too.
    Store,
    /// `cpp/forms_dll.cpp`: what only a process and a real host show.
    Forms,
    /// `examples/scenario_store.rs`: the Rust provider. The form is a scenario.
    Rust,
    /// `examples/rust_forms.rs`: what a Rust provider may do wrong all the same.
    RustForms,
}

impl Dll {
    /// The variable of the environment that names the form.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Store | Self::Forms | Self::RustForms => "MAPI_SYNC_FORM",
            Self::Rust => "MAPI_SYNC_SCENARIO",
        }
    }

    /// The name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "C++",
            Self::Forms => "C++, forms",
            Self::Rust => "Rust",
            Self::RustForms => "Rust, forms",
        }
    }
}

/// What a check must say of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Status 0, and no rule broken.
    Holds,
    /// Status 1, and this rule among those that are broken.
    Breaks(&'static str),
    /// Status 3: nothing was checked.
    Vacuous,
    /// Status 2, with these words.
    Unusable(&'static str),
}

/// How a form is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    /// How many syncs.
    pub syncs: u32,
    /// The patience, in milliseconds.
    pub patience_ms: u32,
}

/// As most forms are checked: with each habit of the host, and a patience that a slow machine
/// needs.
const USUAL: How = How { syncs: 20, patience_ms: 5000 };

/// Few syncs, where one shows it.
const FEW: How = How { syncs: 4, ..USUAL };

/// What never comes is not waited for so long.
const SHORT: How = How { syncs: 4, patience_ms: 1500 };

/// All forms, the correct ones first.
pub const FORMS: &[Form] = &{
    use Dll::{Forms, Rust, RustForms, Store};
    use Verdict::{Breaks, Holds, Unusable, Vacuous};

    const fn form(
        dll: Dll,
        name: &'static str,
        verdict: Verdict,
        how: How,
        about: &'static str,
    ) -> Form {
        Form { dll, name, about, verdict, how }
    }

    [
        form(Rust, "tiny-sync", Holds, USUAL, "the example store, on a small mailbox"),
        form(Rust, "default", Holds, FEW, "the example store, on a larger one"),
        form(RustForms, "rust-panics", Holds, FEW, "panics in mid-sync, which costs no Done"),
        form(RustForms, "rust-prints", Holds, FEW, "prints a forged report"),
        form(Store, "correct", Holds, USUAL, "works on a thread of its own"),
        form(Store, "inline", Holds, USUAL, "does everything before the start returns"),
        form(Store, "null-handle", Holds, USUAL, "passes NULL to Done"),
        form(Forms, "plain", Holds, USUAL, "the form that the others differ from"),
        form(Forms, "no-progress", Holds, USUAL, "calls Done, and nothing before it"),
        form(Forms, "null-texts", Holds, USUAL, "passes NULL as the text of each Progress"),
        form(Forms, "no-maximum", Holds, USUAL, "does not know how much there is to do"),
        form(Forms, "many-progress", Holds, FEW, "calls Progress 1,500 times"),
        form(
            Forms,
            "long-sync",
            Holds,
            How { syncs: 2, patience_ms: 1500 },
            "takes longer than the patience, with a call now and then",
        ),
        form(
            Forms,
            "fails-with-errors",
            Holds,
            USUAL,
            "calls Error twice, and Done with a failure",
        ),
        form(Forms, "prints", Holds, FEW, "prints bytes, a forged report, and half a line"),
        form(Forms, "closes-its-output", Holds, FEW, "closes both of its output streams"),
        form(Forms, "holds-session", Holds, USUAL, "holds psesSync while it works"),
        form(Forms, "cleans-up-for-2-s", Holds, FEW, "needs 2 s from Done to its event"),
        form(
            Forms,
            "cleans-up-for-5-s",
            Holds,
            How { syncs: 1, patience_ms: 12_000 },
            "needs 5 s from Done to its event, within the patience",
        ),
        form(Forms, "refuses-overlap", Holds, USUAL, "answers MAPI_E_BUSY to a second start"),
        form(Forms, "offline-at-first", Holds, USUAL, "fails its first start"),
        form(Forms, "catches-its-exceptions", Holds, FEW, "throws, and catches what it throws"),
        form(Forms, "thread-pool", Holds, USUAL, "works on a thread of the system's pool"),
        form(Forms, "two-threads", Holds, USUAL, "calls from two threads, one after the other"),
        form(Forms, "enters-apartment", Holds, USUAL, "works in a single-threaded apartment"),
        form(Forms, "enters-mapi", Holds, USUAL, "enters and leaves MAPI with its thread"),
        form(Forms, "fills-a-cache", Holds, USUAL, "takes 16 MiB once, for all syncs"),
        form(Forms, "grandchild", Holds, FEW, "starts a process, which outlives the check"),
        form(Forms, "tear-off", Holds, USUAL, "has its IMAPISync in an object beside its store"),
        form(
            Forms,
            "work-needs-no-store",
            Holds,
            USUAL,
            "goes on when its store is gone, with what it needs",
        ),
        form(
            RustForms,
            "rust-blocks-in-start",
            Breaks("sync-ends"),
            SHORT,
            "does not return from a start",
        ),
        form(RustForms, "rust-aborts", Breaks("process-survives"), FEW, "aborts"),
        form(RustForms, "rust-leaks-thread", Breaks("threads-ended"), USUAL, "leaves a thread"),
        form(
            RustForms,
            "rust-leaks-memory",
            Breaks("memory-returned"),
            USUAL,
            "forgets 2 MiB in each sync",
        ),
        form(RustForms, "rust-panics-in-start", Vacuous, FEW, "panics in every start"),
        form(Store, "done-twice", Breaks("done-once"), FEW, "calls Done twice"),
        form(Store, "progress-after-done", Breaks("done-last"), FEW, "calls Progress after Done"),
        form(Store, "no-done", Breaks("sync-ends"), SHORT, "never calls Done"),
        form(
            Store,
            "event-before-done",
            Breaks("event-after-done"),
            FEW,
            "signals its event before Done",
        ),
        form(Store, "event-never", Breaks("event-after-done"), SHORT, "never signals its event"),
        form(Store, "other-handle", Breaks("event-same"), FEW, "passes another handle to Done"),
        form(Store, "index-beyond-max", Breaks("progress-range"), FEW, "goes beyond its maximum"),
        form(Store, "index-goes-back", Breaks("progress-forward"), FEW, "goes back"),
        form(Store, "error-s-ok", Breaks("error-code"), FEW, "calls Error with S_OK"),
        form(Store, "error-null-text", Breaks("error-text"), FEW, "calls Error without a text"),
        form(
            Store,
            "calls-on-failed-start",
            Breaks("no-call-on-failed-start"),
            FEW,
            "calls back, and fails its start",
        ),
        form(
            Store,
            "event-on-failed-start",
            Breaks("no-call-on-failed-start"),
            FEW,
            "leaves an event, and fails its start",
        ),
        form(Store, "no-event", Breaks("event-published"), SHORT, "leaves no event"),
        form(Store, "keeps-callback", Breaks("callback-held"), FEW, "never releases the callback"),
        form(Store, "releases-twice", Breaks("callback-held"), FEW, "releases the callback twice"),
        form(
            Store,
            "borrows-callback",
            Breaks("callback-held"),
            FEW,
            "calls back without a reference",
        ),
        form(
            Store,
            "closes-handle",
            Breaks("event-owner"),
            FEW,
            "closes the handle that is the host's",
        ),
        form(
            Store,
            "signals-published",
            Breaks("event-after-done"),
            FEW,
            "signals its event through the host's handle",
        ),
        form(Store, "hides-error", Breaks("status-honest"), FEW, "calls Error, and Done with S_OK"),
        form(
            Store,
            "done-overtakes",
            Breaks("done-last"),
            FEW,
            "calls Done while a Progress is running",
        ),
        form(Store, "leaks-event", Breaks("handles-closed"), USUAL, "leaves a handle open"),
        form(
            Store,
            "closes-twice",
            Breaks("handles-closed-once"),
            FEW,
            "closes its own handle twice",
        ),
        form(Store, "crashes", Breaks("process-survives"), FEW, "writes to NULL in its start"),
        form(Store, "hangs", Breaks("sync-ends"), SHORT, "never calls anything"),
        form(
            Forms,
            "throws-in-start",
            Breaks("exceptions-contained"),
            FEW,
            "throws out of SynchronizeInBackground",
        ),
        form(
            Forms,
            "throws-in-worker",
            Breaks("process-survives"),
            FEW,
            "throws out of its thread",
        ),
        form(
            Forms,
            "breakpoint",
            Breaks("process-survives"),
            FEW,
            "has a breakpoint in its thread",
        ),
        form(Forms, "aborts", Breaks("process-survives"), FEW, "calls abort"),
        form(Forms, "exits-process", Breaks("process-survives"), FEW, "ends the process, with 0"),
        form(
            Forms,
            "terminates-process",
            Breaks("process-survives"),
            FEW,
            "ends the process, with an error",
        ),
        form(Forms, "overflows-stack", Breaks("process-survives"), FEW, "has an endless recursion"),
        form(
            Forms,
            "reads-block-late",
            Breaks("process-survives"),
            FEW,
            "reads its MAPISIB after the start",
        ),
        form(
            Forms,
            "no-reference-to-the-store",
            Breaks("process-survives"),
            USUAL,
            "works on its store without a reference",
        ),
        form(
            Forms,
            "second-start-crashes",
            Breaks("process-survives"),
            USUAL,
            "crashes in a second start",
        ),
        form(
            Forms,
            "flags-crash",
            Breaks("process-survives"),
            USUAL,
            "crashes if it is asked for ON_DEMAND",
        ),
        form(
            Forms,
            "longer-block-crashes",
            Breaks("process-survives"),
            USUAL,
            "crashes if ulSize is larger",
        ),
        form(
            Forms,
            "session-crashes",
            Breaks("process-survives"),
            USUAL,
            "crashes if psesSync is not NULL",
        ),
        form(
            Forms,
            "release-crashes",
            Breaks("process-survives"),
            USUAL,
            "crashes in the last Release of its store",
        ),
        form(Forms, "export-crashes", Breaks("process-survives"), FEW, "crashes in its export"),
        form(
            Forms,
            "detach-crashes",
            Breaks("process-survives"),
            FEW,
            "crashes in DllMain when it is unloaded",
        ),
        form(
            Forms,
            "exit-crashes",
            Breaks("process-survives"),
            FEW,
            "crashes in DllMain when the process ends",
        ),
        form(
            Forms,
            "detach-hangs",
            Breaks("unload-ends"),
            SHORT,
            "hangs in DllMain when it is unloaded",
        ),
        form(
            Forms,
            "exit-hangs",
            Breaks("unload-ends"),
            SHORT,
            "hangs in DllMain when the process ends",
        ),
        form(Forms, "export-hangs", Breaks("sync-ends"), SHORT, "hangs in its export"),
        form(Forms, "blocks-in-start", Breaks("sync-ends"), SHORT, "does not return from a start"),
        form(
            Forms,
            "locks-while-it-calls",
            Breaks("sync-ends"),
            How { syncs: 20, patience_ms: 2000 },
            "calls back under a lock that a start takes too",
        ),
        form(
            Forms,
            "reports-for-ever",
            Breaks("sync-ends"),
            How { syncs: 1, patience_ms: 300 },
            "calls Progress for ever",
        ),
        form(
            Forms,
            "second-start-is-swallowed",
            Breaks("sync-ends"),
            How { syncs: 20, patience_ms: 2000 },
            "answers S_OK to a second start, and does nothing",
        ),
        form(
            Forms,
            "second-start-has-no-reason",
            Breaks("overlap"),
            USUAL,
            "answers E_FAIL to a second start",
        ),
        form(
            Forms,
            "one-callback-for-all",
            Breaks("done-once"),
            How { syncs: 20, patience_ms: 2000 },
            "gives the Done of one sync to another's callback",
        ),
        form(
            Forms,
            "stops-if-progress-failed",
            Breaks("host-error-survived"),
            How { syncs: 20, patience_ms: 2000 },
            "never calls Done if a Progress failed",
        ),
        form(
            Forms,
            "stops-if-error-failed",
            Breaks("host-error-survived"),
            How { syncs: 20, patience_ms: 2000 },
            "never calls Done if an Error failed",
        ),
        form(
            Forms,
            "done-again-if-it-failed",
            Breaks("done-once"),
            USUAL,
            "calls Done again if it failed",
        ),
        form(
            Forms,
            "forges-a-report",
            Breaks("done-once"),
            FEW,
            "prints a report without a defect, and has one",
        ),
        form(
            Forms,
            "event-during-done",
            Breaks("event-after-done"),
            USUAL,
            "signals its event from another thread during Done",
        ),
        form(
            Forms,
            "event-comes-late",
            Breaks("event-published"),
            SHORT,
            "writes its event after the start has returned",
        ),
        form(
            Forms,
            "ended-by-thread-detach",
            Breaks("no-call-from-dllmain"),
            FEW,
            "calls Done from DllMain, when its thread ends",
        ),
        form(Forms, "other-identity", Breaks("one-identity"), FEW, "has an IUnknown of its own"),
        form(Forms, "keeps-session", Breaks("session-released"), USUAL, "keeps psesSync for ever"),
        form(
            Forms,
            "session-released-too-often",
            Breaks("session-released"),
            USUAL,
            "releases psesSync without a reference",
        ),
        form(
            Forms,
            "mapi-never-left",
            Breaks("mapi-balanced"),
            FEW,
            "enters MAPI with the host's thread, and never leaves",
        ),
        form(
            Forms,
            "mapi-left-for-the-host",
            Breaks("mapi-balanced"),
            FEW,
            "leaves MAPI with a thread that it has not entered with",
        ),
        form(
            Forms,
            "leaves-mapi-too-often",
            Breaks("mapi-balanced"),
            FEW,
            "leaves MAPI twice with its thread",
        ),
        form(Forms, "leaks-memory", Breaks("memory-returned"), USUAL, "leaks 2 MiB in each sync"),
        form(Forms, "leaks-thread", Breaks("threads-ended"), USUAL, "leaves a thread running"),
        form(Forms, "every-start-fails", Vacuous, FEW, "fails every start"),
        form(Forms, "no-interface", Unusable("E_NOINTERFACE"), FEW, "has no IMAPISync"),
        form(
            Forms,
            "null-interface",
            Unusable("NULL interface"),
            FEW,
            "answers S_OK for IMAPISync, and NULL",
        ),
        form(Forms, "export-fails", Unusable("MAPI_E_OFFLINE"), FEW, "fails in its export"),
        form(
            Forms,
            "export-gives-nothing",
            Unusable("gave no store"),
            FEW,
            "answers S_OK from its export, and NULL",
        ),
        form(Forms, "attach-fails", Unusable("DllMain answered FALSE"), FEW, "refuses to load"),
    ]
};

/// What cargo has built for the examples and binaries, beside the tests: the folder above theirs.
///
/// # Panics
///
/// If it is not built. scripts/test-windows builds it.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("this test has a path");
    let built = tests.parent().and_then(Path::parent).expect("a folder of test programs");
    let path = built.join(name);
    assert!(path.exists(), "{} is not built: scripts/test-windows builds it", path.display());
    path
}
