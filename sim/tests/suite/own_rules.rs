//! Rules of an author's own: found, made smaller, replayed and reported like the contract's.

use mapi_sync::contract::{
    Call, CallRecord, Findings, Level, Policy, Rule, RuleCheck, RuleInfo, SyncState,
};
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::strategy::TrackedSharing;
use mapi_sync_sim::world::{Faults, Host};
use mapi_sync_sim::{Check, Defect, check};

static LAST_IS_SENT: RuleInfo =
    RuleInfo::new("last-is-sent", "the last folder that is named is \"Sent\"")
        .level(Level::Should)
        .source("the order in which our users look at their folders");

/// Of one sync: which folder is named last.
#[derive(Debug, Default)]
struct LastIsSent;

impl RuleCheck for LastIsSent {
    fn info(&self) -> &'static RuleInfo {
        &LAST_IS_SENT
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Done { status: HResult::S_OK, .. } = call.call
            && let Some(last) = sync.last_progress()
            && last.text.as_deref() != Some("Sent")
        {
            findings.broken(format!("{:?} was named last", last.text)).shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}

static FIRST_SYNC_ENDS_FIRST: RuleInfo =
    RuleInfo::new("first-sync-ends-first", "syncs end in the order in which they began")
        .over_all_syncs();

/// Of all syncs of a store: the order of their Dones.
#[derive(Debug, Default)]
struct FirstSyncEndsFirst {
    last: Option<CallRecord>,
}

impl RuleCheck for FirstSyncEndsFirst {
    fn info(&self) -> &'static RuleInfo {
        &FIRST_SYNC_ENDS_FIRST
    }

    fn observe(&mut self, call: &CallRecord, _: &SyncState, findings: &mut Findings<'_>) {
        if let Call::Done { .. } = call.call {
            if let Some(last) = &self.last
                && last.sync > call.sync
            {
                findings.broken("a later sync ended first").shows(last).shows(call);
            }
            self.last = Some(call.clone());
        }
    }
}

/// Two tasks that name a folder each, side by side. Nothing of the contract is broken.
struct Store;

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let name = |folder: &'static str| {
                let reporter = session.reporter();
                let task = Box::pin(async move {
                    reporter.progress(Some(folder), 1, 1).await;
                });
                session.runtime().spawn(folder.into(), task)
            };
            for task in [name("Inbox"), name("Sent")].into_iter().flatten() {
                task.await;
            }
            let cancelled = session.cancel().is_requested();
            session.done(if cancelled { HResult::MAPI_E_USER_CANCEL } else { HResult::S_OK }).await
        })
    }
}

fn quiet() -> Check {
    check(|| Store).host(Host::default()).faults(Faults::default()).jobs(1)
}

#[test]
fn authors_rule_is_found_shrunk_replayed_and_reported() {
    let rule = Rule::new(&LAST_IS_SENT);
    let own = quiet().schedules(500).rule(|| LastIsSent);
    let report = own.run();
    let [shown] = &report.counterexamples[..] else { panic!("one defect: {report}") };
    assert_eq!(shown.defects, [Defect::Rule(rule)]);
    assert_eq!(shown.execution.breaches[0].message, "Some(\"Inbox\") was named last");

    // The token names the rule, and replays to the same.
    let token = shown.token().to_string();
    let again = own.replay(&token).expect("the token is of this check");
    assert_eq!(again.execution.calls, shown.execution.calls);
    assert_eq!(again.execution.breaches, shown.execution.breaches);
    assert!(!again.holds());

    // Under its own name, in words and in JSON.
    let text = report.to_string();
    assert!(text.contains("last-is-sent (should): the provider is to blame"), "{text}");
    assert!(text.contains("rule: the last folder that is named is \"Sent\""), "{text}");
    let mut json = Vec::new();
    Format::Json
        .write(&mut json, Document::Check(&report), &Palette::PLAIN)
        .expect("memory can be written");
    let json = String::from_utf8(json).expect("JSON is UTF-8");
    assert!(json.contains("\"last-is-sent\""), "{json}");
}

#[test]
fn only_numbers_that_the_provider_can_see_are_listed() {
    let own = check(|| Store).jobs(1).schedules(500).rule(|| LastIsSent);
    let report = own.run();
    let shown = report
        .counterexamples
        .iter()
        .find(|shown| shown.defects == [Defect::Rule(Rule::new(&LAST_IS_SENT))])
        .expect("it is found");
    assert!(shown.subject.changes.iter().count() > 0, "{report}");
    let text = report.to_string();
    let lists: Vec<&str> = text.split("in a smaller scenario: ").skip(1).collect();
    assert!(!lists.is_empty(), "{text}");
    for list in lists {
        let list = list.split("\n\n").next().expect("a list");
        for word in ["workers", "messages", "folders", "retries", "body", "connect", "network"] {
            assert!(!list.contains(word), "{word}: {list}");
        }
    }
}

#[test]
fn rule_that_is_not_held_accuses_nobody() {
    let policy = Policy::default().with_rule(|| LastIsSent).without(Rule::new(&LAST_IS_SENT));
    quiet().policy(policy).schedules(500).run().assert_holds();
    quiet().schedules(500).run().assert_holds();
}

#[test]
#[should_panic(expected = "there is a rule `last-is-sent` already")]
fn two_rules_of_one_id_are_refused() {
    let _ = quiet().rule(|| LastIsSent).rule(|| LastIsSent).schedules(1).run();
}

#[test]
fn exhaustive_search_finds_rule_over_all_syncs() {
    let host = Host { overlap_start: true, ..Host::default() };
    let own = quiet().host(host).rule(FirstSyncEndsFirst::default);
    let own = own.tracked_sharing(TrackedSharing).strategy("exhaustive").expect("it exists");
    let report = own.run();
    let defects: Vec<_> = report.counterexamples.iter().flat_map(|shown| &shown.defects).collect();
    assert_eq!(defects, [&Defect::Rule(Rule::new(&FIRST_SYNC_ENDS_FIRST))]);
}
