//! One sync and its rules: calls in, broken rules out.

use super::monitor::CurrentTask;
use super::policy::OwnRule;
use super::rules::Checks;
use super::sync_state::Scope;
use super::{
    Call, CallRecord, Findings, Policy, Rule, RuleCheck, Span, SyncId, SyncState, Violation,
};

/// The rules of a sync, or of a store: those of the table and the author's own.
#[derive(Default)]
struct RuleChecks {
    table: Checks,
    own: Vec<Box<dyn RuleCheck>>,
}

/// What is known of a sync, and what its rules remember of it.
pub(super) struct Judge {
    pub(super) state: SyncState,
    rules: RuleChecks,
    /// The rules that this sync has broken.
    reported: Vec<Rule>,
    /// Violations that nobody has taken yet.
    found: Vec<Violation>,
}

/// The rules over all syncs of a store, with what they remember.
pub(super) struct StoreRules {
    rules: RuleChecks,
}

impl StoreRules {
    pub(super) fn new(policy: &Policy) -> Self {
        Self { rules: RuleChecks::new(Span::AllSyncs, policy) }
    }

    /// Kept out of line: few syncs are judged so.
    #[inline(never)]
    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        self.rules.observe(Span::AllSyncs, call, sync, findings);
    }

    /// Whether an author's rule judges all syncs.
    pub(super) fn has_own(policy: &Policy) -> bool {
        policy.own_rules().any(|own| own.rule.span() == Span::AllSyncs)
    }
}

impl RuleChecks {
    fn new(span: Span, policy: &Policy) -> Self {
        let mut checks = Self::default();
        checks.renew_own(span, policy);
        checks
    }

    fn renew_own(&mut self, span: Span, policy: &Policy) {
        self.own.clear();
        let own = policy.own_rules().filter(|own| own.rule.span() == span);
        self.own.extend(own.map(OwnRule::check));
    }

    #[inline]
    fn observe(
        &mut self,
        span: Span,
        call: &CallRecord,
        sync: &SyncState,
        findings: &mut Findings<'_>,
    ) {
        self.table.observe(span, call, sync, findings);
        for own in &mut self.own {
            findings.rule = Rule::new(own.info());
            let can_break = !(findings.rule.needs_start() && sync.is_callback_only());
            if can_break && findings.rule.looks_at().contains(&call.call.kind()) {
                own.observe(call, sync, findings);
            }
        }
    }

    fn finish(&mut self, span: Span, sync: &SyncState, findings: &mut Findings<'_>) {
        self.table.finish(span, sync, findings);
        for own in &mut self.own {
            findings.rule = Rule::new(own.info());
            if !(findings.rule.needs_start() && sync.is_callback_only()) {
                own.finish(sync, findings);
            }
        }
    }

    fn skip_repeat_progress(&self, span: Span, sync: &SyncState, policy: &Policy) -> bool {
        self.table.skip_repeat_progress(span, sync, policy)
            && self.own.iter().all(|own| own.skips_repeat_progress(sync))
    }
}

impl Judge {
    pub(super) fn new(sync: SyncId, scope: Scope, host_watched: bool, policy: &Policy) -> Self {
        Self {
            state: SyncState::new(sync, scope, host_watched),
            rules: RuleChecks::new(Span::OneSync, policy),
            reported: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Begins again with another sync, in the same memory.
    pub(super) fn renew(
        &mut self,
        sync: SyncId,
        scope: Scope,
        host_watched: bool,
        policy: &Policy,
    ) {
        self.state.renew(sync, scope, host_watched);
        self.rules.table = Checks::default();
        self.rules.renew_own(Span::OneSync, policy);
        self.reported.clear();
        self.found.clear();
    }

    /// Takes what was found broken since the last time.
    pub(super) fn take_found(&mut self) -> Option<Vec<Violation>> {
        (!self.found.is_empty()).then(|| std::mem::take(&mut self.found))
    }

    /// Has the rules judge a call. What is returned is the call, for the state to take it into
    /// account.
    pub(super) fn observe(
        &mut self,
        at_ms: u64,
        call: Call<&str>,
        policy: &Policy,
        tasks: Option<&CurrentTask>,
        store: Option<&mut StoreRules>,
    ) -> CallRecord {
        let record = self.state.record(at_ms, call);
        let counted = u32::from(!matches!(call, Call::Ended { .. }) && !call.is_of_store());
        let Self { state, rules, reported, found } = self;
        let mut findings = Findings {
            rule: Rule::ALL[0],
            policy,
            tasks,
            sync: state.id(),
            at_ms,
            position: state.position() + counted,
            ends: false,
            reported,
            found,
        };
        rules.observe(Span::OneSync, &record, state, &mut findings);
        if let Some(store) = store {
            store.observe(&record, state, &mut findings);
        }
        record
    }

    /// Asks the rules that do not look at such a call. That changes nothing.
    #[cfg(test)]
    pub(super) fn ask_others(
        &mut self,
        at_ms: u64,
        call: Call<&str>,
        policy: &Policy,
        store: &mut StoreRules,
    ) {
        let record = self.state.record(at_ms, call);
        let (mut reported, mut found) = (Vec::new(), Vec::new());
        let Self { state, rules, .. } = self;
        let mut findings = Findings {
            rule: Rule::ALL[0],
            policy,
            tasks: None,
            sync: state.id(),
            at_ms,
            position: state.position(),
            ends: false,
            reported: &mut reported,
            found: &mut found,
        };
        rules.table.ask_others(Span::OneSync, &record, state, &mut findings);
        store.rules.table.ask_others(Span::AllSyncs, &record, state, &mut findings);
    }

    /// Ends the observation of this sync: what is still owed is broken now.
    pub(super) fn finish(&mut self, at_ms: u64, policy: &Policy, store: Option<&mut StoreRules>) {
        let Self { state, rules, reported, found } = self;
        let mut findings = Findings {
            rule: Rule::ALL[0],
            policy,
            tasks: None,
            sync: state.id(),
            at_ms,
            position: state.position(),
            ends: true,
            reported,
            found,
        };
        let before = findings.found.len();
        rules.finish(Span::OneSync, state, &mut findings);
        if let Some(store) = store {
            store.rules.finish(Span::AllSyncs, state, &mut findings);
        }
        let mut missed = findings.found.split_off(before);
        let rules: Vec<Rule> = missed.iter().map(|violation| violation.rule).collect();
        missed
            .retain(|violation| violation.rule.follows_from().all(|cause| !rules.contains(&cause)));
        // The one that misses the Done is the first of the table: what is owed besides is shown
        // before it.
        findings.found.extend(missed.into_iter().rev());
    }

    /// Whether every rule lets repeat Progress calls pass it by, as the sync stands now.
    pub(super) fn skip_repeat_progress(&self, policy: &Policy, store: Option<&StoreRules>) -> bool {
        let Self { state, rules, .. } = self;
        rules.skip_repeat_progress(Span::OneSync, state, policy)
            && store
                .is_none_or(|store| store.rules.skip_repeat_progress(Span::AllSyncs, state, policy))
    }
}
