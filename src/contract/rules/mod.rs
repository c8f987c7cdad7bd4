//! The rules of the contract: a list of names. Each rule is a file of this folder.
//!
//! To add one, write its file after the example of a neighbour, and add a line here. The order is
//! that in which the rules are asked and shown. Add new rules at the end of their level.

use super::rule::{Findings, Rule, RuleCheck};
use super::{CallKind, CallRecord, Policy, Situation, Span, SyncState};

macro_rules! rules {
    ($($constant:ident $module:ident::$check:ident;)*) => {
        $(mod $module;)*

        impl Rule {
            $(
                #[doc = concat!("The rule in the file `", stringify!($module), ".rs`.")]
                pub const $constant: Self = Self::new(&$module::INFO);
            )*

            /// Every rule of this crate, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$constant),*];
        }

        /// The places of the rules in the table.
        #[expect(
            non_camel_case_types,
            clippy::upper_case_acronyms,
            reason = "they are the names of the constants"
        )]
        #[derive(Clone, Copy)]
        enum Index { $($constant),* }

        /// What the rules of the table remember of a sync; those over all syncs, of a store.
        #[derive(Debug, Default)]
        pub(super) struct Checks { $($module: $module::$check,)* }

        impl Checks {
            /// Asks each rule of this span that is among `asked`, in the order of the table.
            #[inline]
            fn each(
                &mut self,
                span: Span,
                asked: Places,
                mut ask: impl FnMut(Rule, &mut dyn RuleCheck),
            ) {
                $(
                    let rule = Rule::$constant;
                    if rule.span() == span && asked & (1 << Index::$constant as usize) != 0 {
                        ask(rule, &mut self.$module);
                    }
                )*
            }

            /// Whether each rule of this span that is held lets repeat Progress calls pass it by.
            pub(super) fn skip_repeat_progress(
                &self,
                span: Span,
                sync: &SyncState,
                policy: &Policy,
            ) -> bool {
                $(
                    (Rule::$constant.span() != span
                        || self.$module.skips_repeat_progress(sync)
                        || !policy.holds_at(Index::$constant as usize))
                )&&*
            }
        }
    };
}

rules! {
    DONE_ONCE done_once::DoneOnce;
    DONE_LAST done_last::DoneLast;
    NO_CALL_ON_FAILED_START no_call_on_failed_start::NoCallOnFailedStart;
    EVENT_PUBLISHED event_published::EventPublished;
    EVENT_AFTER_DONE event_after_done::EventAfterDone;
    EVENT_SAME event_same::EventSame;
    EVENT_OWNER event_owner::EventOwner;
    EVENT_CLOSED_ONCE event_closed_once::EventClosedOnce;
    PROGRESS_RANGE progress_range::ProgressRange;
    PROGRESS_FORWARD progress_forward::ProgressForward;
    PROGRESS_COMPLETE progress_complete::ProgressComplete;
    ERROR_CODE error_code::ErrorCode;
    ERROR_TEXT error_text::ErrorText;
    STATUS_HONEST status_honest::StatusHonest;
    CALLBACK_HELD callback_held::CallbackHeld;
    STRINGS_COPIED strings_copied::StringsCopied;
    HOST_ERROR_SURVIVED host_error_survived::HostErrorSurvived;
    CANCEL_ANSWERED cancel_answered::CancelAnswered;
    SHUTDOWN_DRAINED shutdown_drained::ShutdownDrained;
    SHUTDOWN_STOPS_WORK shutdown_stops_work::ShutdownStopsWork;
    SHUTDOWN_QUIET shutdown_quiet::ShutdownQuiet;
    OVERLAP overlap::Overlap;
    SERIAL_CALLS serial_calls::SerialCalls;
    BOUNDED_SILENCE bounded_silence::BoundedSilence;
}

/// A set of rules of the table, with a bit for the place of each.
pub(super) type Places = u32;

/// The rules that a policy holds only if it says so.
pub(super) const OFF_BY_DEFAULT: Places = 1 << Index::SERIAL_CALLS as usize;

/// The rules that can be broken where only the callback is seen.
const OF_CALLBACK: Places = of_callback();

const fn of_callback() -> Places {
    let mut all = 0;
    let mut place = 0;
    while place < Rule::ALL.len() {
        if !Rule::ALL[place].needs_start() {
            all |= 1 << place;
        }
        place += 1;
    }
    all
}

/// The rules that can be broken in such a sync.
fn of_scope(sync: &SyncState) -> Places {
    if sync.is_callback_only() { OF_CALLBACK } else { Places::MAX }
}

/// For each kind of call, the rules that look at it: before the provider was notified of a fast
/// shutdown, and since.
const LOOK_AT: [[Places; CallKind::ALL.len()]; 2] = [looking_at(false), looking_at(true)];

const fn looking_at(is_told: bool) -> [Places; CallKind::ALL.len()] {
    let mut all = [0; CallKind::ALL.len()];
    let mut place = 0;
    while place < Rule::ALL.len() {
        let kinds = Rule::ALL[place].looks_at();
        let waits = !is_told && matches!(Rule::ALL[place].needs(), Some(Situation::FastShutdown));
        let mut n = 0;
        while n < kinds.len() && !waits {
            all[kinds[n] as usize] |= 1 << place;
            n += 1;
        }
        place += 1;
    }
    all
}

/// The rules that look at such a call.
fn look_at(call: &CallRecord, sync: &SyncState) -> Places {
    LOOK_AT[usize::from(sync.is_told())][call.call.kind() as usize] & of_scope(sync)
}

impl Checks {
    /// Has each rule of this span that looks at such a call judge it.
    #[inline]
    pub(super) fn observe(
        &mut self,
        span: Span,
        call: &CallRecord,
        sync: &SyncState,
        findings: &mut Findings<'_>,
    ) {
        let asked = findings.policy.held() & look_at(call, sync);
        self.each(span, asked, |rule, check| {
            findings.rule = rule;
            check.observe(call, sync, findings);
        });
    }

    /// Has each rule of this span judge what did not come.
    pub(super) fn finish(&mut self, span: Span, sync: &SyncState, findings: &mut Findings<'_>) {
        self.each(span, findings.policy.held() & of_scope(sync), |rule, check| {
            findings.rule = rule;
            check.finish(sync, findings);
        });
    }
}

#[cfg(test)]
impl Checks {
    /// Asks the rules of this span that do not look at such a call. That changes nothing.
    pub(super) fn ask_others(
        &mut self,
        span: Span,
        call: &CallRecord,
        sync: &SyncState,
        findings: &mut Findings<'_>,
    ) {
        let others = findings.policy.held() & of_scope(sync) & !look_at(call, sync);
        let before = format!("{self:?}");
        self.each(span, others, |rule, check| {
            findings.rule = rule;
            check.observe(call, sync, findings);
            assert!(findings.found.is_empty(), "{rule:?} at {call:?}");
        });
        assert_eq!(format!("{self:?}"), before, "{call:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Level, Party, play};
    use super::*;

    #[test]
    fn the_table_has_24_rules_with_distinct_ids() {
        assert_eq!(Rule::ALL.len(), 24);
        for rule in Rule::ALL {
            assert_eq!(rule.id().parse(), Ok(*rule));
        }
        let error = "done-twice".parse::<Rule>().expect_err("there is no such rule");
        assert_eq!(error.to_string(), "`done-twice` is no rule of the contract");
    }

    #[test]
    fn levels_and_blames_are_as_counted() {
        let count = |level| Rule::ALL.iter().filter(|rule| rule.level() == level).count();
        assert_eq!([count(Level::Must), count(Level::Should), count(Level::Policy)], [14, 3, 7]);
        let hosts: Vec<_> = Rule::ALL.iter().filter(|rule| rule.blame() == Party::Host).collect();
        assert_eq!(hosts, [&Rule::EVENT_CLOSED_ONCE, &Rule::STRINGS_COPIED]);
    }

    #[test]
    fn table_and_files_agree() {
        let mut checks = Checks::default();
        for span in [Span::OneSync, Span::AllSyncs] {
            let all = Rule::ALL.iter().fold(Policy::default(), |policy, rule| policy.with(*rule));
            checks.each(span, all.held(), |rule, check| assert_eq!(Rule::new(check.info()), rule));
        }
        let files: BTreeSet<String> =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/contract/rules"))
                .expect("the folder is there")
                .map(|entry| entry.expect("it is read").file_name().to_string_lossy().into_owned())
                .collect();
        let names = Rule::ALL.iter().map(|rule| format!("{}.rs", rule.id().replace('-', "_")));
        let expected: BTreeSet<String> = names.chain(["mod.rs".to_owned()]).collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn wrong_trace_breaks_its_rule_and_right_trace_breaks_none() {
        // Where a call costs the Done, the Done is missing too.
        let broken = |trace, policy: &Policy, rule: &Rule| -> Vec<Rule> {
            let rules = play(trace, policy).into_iter().map(|violation| violation.rule);
            rules.filter(|found| found == rule || *found != Rule::DONE_ONCE).collect()
        };
        for rule in Rule::ALL {
            assert!(!rule.source().is_empty(), "{rule} says where it comes from");
            assert!(!rule.wrong().is_empty() && !rule.right().is_empty(), "{rule} has traces");
            let held = Policy::default().with(*rule);
            assert_eq!(broken(rule.wrong(), &held, rule), [*rule], "{rule}: the wrong trace");
            assert_eq!(play(rule.right(), &held), [], "{rule}: the right trace");
            let without = Policy::default().without(*rule);
            assert_eq!(broken(rule.wrong(), &without, rule), [], "{rule}: not held");
        }
    }
}
