//! The cases: what the provider does, how the host behaves, and the exact calls that must follow.

use mapi_sync::HResult;

/// A call as the host sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Progress, with text, position and maximum.
    Progress(Option<String>, u32, u32),
    /// Error, with code and text.
    Error(HResult, Option<String>),
    /// Done, with a handle and a status.
    Done(Handle, HResult),
}

/// The handle given to Done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handle {
    /// NULL.
    Null,
    /// The one in the out-pointer.
    Published,
    /// Another.
    Other,
}

/// A step of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Calls Progress.
    Progress(Option<&'static str>, u32, u32),
    /// Calls Error.
    Error(HResult, &'static str),
    /// Waits, in milliseconds.
    Sleep(u32),
}

/// How a provider's part ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With Done.
    Done(HResult),
    /// The session is dropped.
    Drops,
    /// The session is dropped, and what the work holds panics in its drop.
    DropsAndPanics,
    /// The work panics.
    Panics,
    /// The work panics once the session has ended, in the drop of what it holds.
    PanicsInDrop(HResult),
    /// The start fails, before anything.
    StartFails(HResult),
    /// The start panics, before anything.
    StartPanics,
    /// The start panics when it has called the callback by itself, without a session: Progress with
    /// the text `"so far"`.
    StartPanicsLate,
}

/// How the host answers calls of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// With `S_OK`.
    #[default]
    Ok,
    /// With this code.
    Code(HResult),
    /// Not at all: it panics.
    Panics,
}

/// Where the host starts a second sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Second {
    /// Nowhere.
    #[default]
    Never,
    /// Inside the first Progress of the first sync.
    InProgress,
    /// Inside the Done of the first sync.
    InDone,
}

/// How the host behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostScript {
    /// What Progress answers.
    pub progress: Answer,
    /// What Error answers.
    pub error: Answer,
    /// What Done answers.
    pub done: Answer,
    /// Whether a second sync is started.
    pub second: Second,
    /// The handle is closed inside Done.
    pub closes_in_done: bool,
    /// The event is closed after Done and never waited for.
    pub never_waits: bool,
    /// The store is released as soon as the start has returned.
    pub releases_early: bool,
    /// How long the first Progress takes, in milliseconds.
    pub blocks_in_progress: u32,
    /// How long Done takes, in milliseconds.
    pub blocks_in_done: u32,
    /// `ulFlags`.
    pub flags: u32,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the provider does in each sync.
    pub steps: Vec<Step>,
    /// How its part ends.
    pub end: End,
    /// The provider object panics in its own drop, wherever its last reference is given back.
    pub drop_panics: bool,
    /// How the host behaves.
    pub host: HostScript,
    /// What the start must answer.
    pub start: HResult,
    /// The calls of each sync that must come, in this order.
    pub calls: Vec<Seen>,
}

/// The outcome of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the start answered.
    pub start: HResult,
    /// What the second start answered, if there was one.
    pub second_start: Option<HResult>,
    /// The calls of each sync.
    pub calls: [Vec<Seen>; 2],
    /// How many events the host saw occur after Done.
    pub signalled: u32,
    /// How often one had occurred while Done was still running.
    pub signalled_in_done: u32,
    /// How often the host's close was refused.
    pub close_failed: u32,
    /// References to the callbacks that were not given back.
    pub references_left: i64,
}

impl Case {
    /// The outcome that the case demands.
    #[must_use]
    pub fn expected(&self) -> Outcome {
        let syncs = self.syncs();
        let mut calls = [Vec::new(), Vec::new()];
        for calls in calls.iter_mut().take(syncs) {
            calls.clone_from(&self.calls);
        }
        let unseen = self.host.never_waits || self.host.closes_in_done;
        Outcome {
            start: self.start,
            second_start: (syncs == 2).then_some(self.start),
            calls,
            signalled: if unseen || self.start.is_failure() { 0 } else { syncs as u32 },
            signalled_in_done: 0,
            close_failed: 0,
            references_left: 0,
        }
    }

    fn syncs(&self) -> usize {
        let reports = self.calls.iter().any(|call| matches!(call, Seen::Progress(..)));
        let second = match self.host.second {
            Second::Never => false,
            Second::InProgress => reports,
            Second::InDone => true,
        };
        if second { 2 } else { 1 }
    }
}

fn progress(text: Option<&'static str>, index: u32, max: u32) -> (Step, Seen) {
    (Step::Progress(text, index, max), Seen::Progress(text.map(Into::into), index, max))
}

fn error(code: HResult, text: &'static str) -> (Step, Seen) {
    (Step::Error(code, text), Seen::Error(code, Some(text.into())))
}

fn case(steps: impl IntoIterator<Item = (Step, Seen)>, end: End, status: HResult) -> Case {
    let (steps, mut calls): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    calls.push(Seen::Done(Handle::Published, status));
    Case {
        steps,
        end,
        drop_panics: false,
        host: HostScript::default(),
        start: HResult::S_OK,
        calls,
    }
}

fn done(steps: impl IntoIterator<Item = (Step, Seen)>, status: HResult) -> Case {
    case(steps, End::Done(status), status)
}

fn hosted(mut case: Case, host: HostScript) -> Case {
    case.host = host;
    case
}

fn usual() -> Vec<(Step, Seen)> {
    vec![
        progress(Some("Connecting"), 0, 3),
        progress(Some("Grüße aus dem Posteingang \u{1F4EC}"), 1, 3),
        progress(None, 2, 3),
        progress(Some(""), 3, 3),
    ]
}

const ODD_FAILURE: HResult = HResult::from_bits(0x8123_4567);

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident => $case:expr;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name() -> Case { $case })*

        /// Every case, by name.
        pub const ALL: &[(&str, fn() -> Case)] = &[$((stringify!($name), $name)),*];
    };
}

cases! {
    /// Texts of every kind, and Done.
    plain => done(usual(), HResult::S_OK);
    /// Nothing but Done.
    nothing_to_do => done([], HResult::S_OK);
    /// A warning as the status is no failure.
    done_with_a_warning => done(usual(), HResult::MAPI_W_PARTIAL_COMPLETION);
    /// An unknown code arrives unchanged.
    done_with_an_unknown_code => done([], ODD_FAILURE);
    /// Several errors, then a failing status.
    several_errors => done(
        [
            progress(Some("Uploading"), 0, 1),
            error(HResult::MAPI_W_ERRORS_RETURNED, "One message was skipped"),
            error(HResult::MAPI_E_NETWORK_ERROR, "The network is gone"),
            error(ODD_FAILURE, ""),
        ],
        HResult::MAPI_E_NETWORK_ERROR,
    );
    /// A success after a failing error arrives as a warning that says so.
    success_after_an_error => case(
        [error(HResult::MAPI_E_DISK_ERROR, "The disk is full")],
        End::Done(HResult::S_OK),
        HResult::MAPI_W_ERRORS_RETURNED,
    );
    /// The maximum changes between phases and may be 0.
    phases => done(
        [
            progress(Some("Looking"), 0, 0),
            progress(Some("Uploading"), 1, 1),
            progress(Some("Downloading"), 0, u32::MAX),
            progress(None, u32::MAX, u32::MAX),
        ],
        HResult::S_OK,
    );
    /// A text longer than any buffer.
    long_text => {
        const LONG: &str = {
            const BYTES: [u8; 5000] = [b'x'; 5000];
            match std::str::from_utf8(&BYTES) {
                Ok(text) => text,
                Err(_) => "",
            }
        };
        done([progress(Some(LONG), 1, 1)], HResult::S_OK)
    };
    /// Work that takes its time.
    slow_work => {
        let mut case = done(usual(), HResult::S_OK);
        for place in [1, 3] {
            case.steps.insert(place, Step::Sleep(2));
        }
        case
    };
    /// The session is dropped.
    dropped => case([progress(Some("Connecting"), 0, 1)], End::Drops, HResult::MAPI_E_CANCEL);
    /// The work panics.
    panicked => case([progress(Some("Connecting"), 0, 1)], End::Panics, HResult::E_UNEXPECTED);
    /// Something that the work holds panics in its drop, after Done.
    panicked_in_drop => case(
        [progress(Some("Connecting"), 0, 1)],
        End::PanicsInDrop(HResult::MAPI_E_OFFLINE),
        HResult::MAPI_E_OFFLINE,
    );
    /// The session is dropped by a panic: that of something else which the work holds, in its drop.
    dropped_by_a_panic =>
        case([progress(Some("Connecting"), 0, 1)], End::DropsAndPanics, HResult::E_UNEXPECTED);
    /// The start panics after its first call: one Done must follow.
    panicked_late_in_start =>
        case([progress(Some("so far"), 0, 1)], End::StartPanicsLate, HResult::E_UNEXPECTED);
    /// The provider panics in its drop, at the last Release of the host.
    provider_panics_in_drop => Case { drop_panics: true, ..done(usual(), HResult::S_OK) };
    /// The provider panics in its drop, at the end of the last sync: the host has released it.
    provider_panics_in_drop_last => Case { drop_panics: true, ..releases_early() };
    /// Everything that can panic does.
    everything_panics => Case {
        drop_panics: true,
        ..hosted(
            case([progress(Some("Connecting"), 0, 1)], End::DropsAndPanics, HResult::E_UNEXPECTED),
            HostScript {
                progress: Answer::Panics,
                error: Answer::Panics,
                done: Answer::Panics,
                releases_early: true,
                ..HostScript::default()
            },
        )
    };
    /// The start fails: no call, no event.
    start_fails => Case {
        start: HResult::MAPI_E_OFFLINE,
        calls: vec![],
        ..case([], End::StartFails(HResult::MAPI_E_OFFLINE), HResult::S_OK)
    };
    /// A start that fails with an unknown code.
    start_fails_oddly => Case {
        start: ODD_FAILURE,
        calls: vec![],
        ..case([], End::StartFails(ODD_FAILURE), HResult::S_OK)
    };
    /// Failing answers to Progress and Error cost nothing.
    host_fails => hosted(
        done(
            [progress(Some("a"), 0, 1), error(HResult::MAPI_E_BUSY, "b"), progress(None, 1, 1)],
            HResult::MAPI_E_BUSY,
        ),
        HostScript {
            progress: Answer::Code(HResult::E_FAIL),
            error: Answer::Code(ODD_FAILURE),
            done: Answer::Code(HResult::E_OUTOFMEMORY),
            ..HostScript::default()
        },
    );
    /// Panics in Progress and Error cost nothing, nor does one in Done.
    host_panics => hosted(
        done(
            [progress(Some("a"), 0, 1), error(HResult::MAPI_E_BUSY, "b"), progress(None, 1, 1)],
            HResult::MAPI_E_BUSY,
        ),
        HostScript {
            progress: Answer::Panics,
            error: Answer::Panics,
            done: Answer::Panics,
            ..HostScript::default()
        },
    );
    /// The handle is closed inside Done, before the provider has signalled the event.
    closes_in_done => hosted(
        done(usual(), HResult::S_OK),
        HostScript { closes_in_done: true, ..HostScript::default() },
    );
    /// The host closes the event without ever waiting for it.
    never_waits => hosted(
        done(usual(), HResult::S_OK),
        HostScript { never_waits: true, ..HostScript::default() },
    );
    /// The store is released while the sync runs.
    releases_early => hosted(
        done(usual(), HResult::S_OK),
        HostScript { releases_early: true, ..HostScript::default() },
    );
    /// The next sync is started from inside Done.
    next_from_done => hosted(
        done(usual(), HResult::S_OK),
        HostScript { second: Second::InDone, ..HostScript::default() },
    );
    /// A second sync is started while the first one waits in its Progress.
    second_from_progress => hosted(
        done(usual(), HResult::S_OK),
        HostScript { second: Second::InProgress, ..HostScript::default() },
    );
    /// The host is slow.
    slow_host => hosted(
        done(usual(), HResult::S_OK),
        HostScript { blocks_in_progress: 30, blocks_in_done: 30, ..HostScript::default() },
    );
    /// Unknown flags.
    unknown_flags => hosted(
        done(usual(), HResult::S_OK),
        HostScript { flags: 0xFFFF_FFFF, ..HostScript::default() },
    );
    /// A dropped session with a host that fails everything.
    dropped_and_host_fails => hosted(
        case([progress(None, 0, 1)], End::Drops, HResult::MAPI_E_CANCEL),
        HostScript {
            progress: Answer::Code(HResult::E_FAIL),
            done: Answer::Code(HResult::E_FAIL),
            ..HostScript::default()
        },
    );
}

/// Mounts the suite: one test for each case, which runs it with `$run: fn(&Case) -> Outcome`,
/// unless the mount leaves it out. Every case is either run or left out by name.
///
/// `mount! { run }` leaves out none, and `mount! { run; without method tables }` those that need a
/// method table.
#[macro_export]
macro_rules! mount {
    ($run:path) => {
        $crate::mount! { $run;
            plain nothing_to_do done_with_a_warning done_with_an_unknown_code several_errors
            success_after_an_error phases long_text slow_work dropped dropped_by_a_panic panicked
            panicked_in_drop panicked_late_in_start provider_panics_in_drop
            provider_panics_in_drop_last everything_panics start_fails start_fails_oddly
            host_fails host_panics closes_in_done
            never_waits releases_early next_from_done second_from_progress slow_host unknown_flags
            dropped_and_host_fails
        }
    };
    ($run:path; without method tables) => {
        $crate::mount! { $run;
            plain nothing_to_do done_with_a_warning done_with_an_unknown_code several_errors
            success_after_an_error phases long_text slow_work dropped dropped_by_a_panic panicked
            panicked_in_drop start_fails start_fails_oddly host_fails host_panics closes_in_done
            never_waits releases_early next_from_done second_from_progress slow_host unknown_flags
            dropped_and_host_fails
            ; without
            panicked_late_in_start: "without a method table the panic reaches the caller"
            provider_panics_in_drop: "as above"
            provider_panics_in_drop_last: "as above"
            everything_panics: "as above"
        }
    };
    ($run:path; $($name:ident)* $(; without $($left_out:ident: $reason:literal)*)?) => {
        $(
            #[test]
            fn $name() {
                let case = $crate::case::$name();
                assert_eq!($run(&case), case.expected());
            }
        )*

        #[test]
        fn every_case_is_mounted() {
            let mut mounted = vec![$(stringify!($name)),* $(, $(stringify!($left_out)),*)?];
            mounted.sort_unstable();
            let mut all: Vec<_> = $crate::case::ALL.iter().map(|(name, _)| *name).collect();
            all.sort_unstable();
            assert_eq!(mounted, all);
        }
    };
}
