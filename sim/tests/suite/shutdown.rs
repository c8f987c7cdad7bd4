//! What an author's provider meets when its host shuts down: it is told so where it has the
//! interface, and judged only then.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::contract::{Call, Rule};
use mapi_sync::{
    CancelSignal, HResult, MapiSync, ProviderShutdown, ShutdownMethod, SyncRequest, async_trait,
};
use mapi_sync_sim::world::{Host, Scenario, Shutdown};
use mapi_sync_sim::{Check, Defect, Report, check};
use tokio::sync::watch;

/// How a store takes part in a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It ends its syncs before it lets go.
    Right,
    /// It cannot be told.
    NotTold,
    /// It supports no fast shutdown, and has no StoreLogoff.
    Refuses,
    /// Its tasks wait for ever once the process exits: it sends no Done.
    Silent,
    /// It works on after NotifyProcessShutdown.
    WorksOn,
    /// It starts syncs after NotifyProcessShutdown, which end at once.
    Starts,
    /// It returns from DoFastShutdown while a sync runs.
    ExitsEarly,
    /// It returns from StoreLogoff while a sync runs.
    LogsOffEarly,
    /// DoFastShutdown never returns.
    Hangs,
}

#[derive(Clone)]
struct Store {
    way: Way,
    /// The signals of the syncs that have begun; `None` once the host ends.
    begun: Arc<Mutex<Option<Vec<CancelSignal>>>>,
    running: watch::Sender<usize>,
    exits: watch::Sender<bool>,
}

struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

impl Store {
    fn new(way: Way) -> Self {
        let begun = Arc::new(Mutex::new(Some(Vec::new())));
        Self { way, begun, running: watch::Sender::new(0), exits: watch::Sender::new(false) }
    }

    fn stop(&self) {
        for cancel in self.begun.lock().unwrap().take().unwrap_or_default() {
            cancel.request();
        }
    }

    async fn drained(&self) {
        self.running.subscribe().wait_for(|running| *running == 0).await.unwrap();
    }
}

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let is_late = match &mut *self.begun.lock().unwrap() {
            Some(begun) => {
                begun.push(request.cancel().clone());
                false
            }
            None => true,
        };
        if is_late && self.way != Way::Starts {
            return HResult::MAPI_E_END_OF_SESSION;
        }
        let (way, exits) = (self.way, self.exits.subscribe());
        self.running.send_modify(|running| *running += 1);
        let running = Running(self.running.clone());
        request.start(move |session| async move {
            session.keep(running);
            for message in 1..=if is_late { 0 } else { 4 } {
                session.sleep(Duration::from_millis(10)).await;
                if session.cancel().is_requested() {
                    break;
                }
                session.progress(Some("Inbox"), message, 4).await;
            }
            if way == Way::Silent && session.cancel().is_requested() {
                session.sleep(Duration::from_millis(10)).await;
                if *exits.borrow() {
                    std::future::pending::<()>().await;
                }
            }
            session.done_or_cancelled(HResult::S_OK).await
        })
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        (self.way != Way::NotTold).then_some(self)
    }
}

#[async_trait]
impl ProviderShutdown for Store {
    async fn query_fast_shutdown(&self) -> HResult {
        if self.way == Way::Refuses { HResult::MAPI_E_NO_SUPPORT } else { HResult::S_OK }
    }

    async fn notify_process_shutdown(&self) -> HResult {
        if self.way != Way::WorksOn {
            self.stop();
        }
        HResult::S_OK
    }

    async fn do_fast_shutdown(&self) -> HResult {
        self.stop();
        match self.way {
            Way::ExitsEarly => {}
            Way::Silent => {
                self.exits.send_replace(true);
            }
            Way::Hangs => std::future::pending().await,
            _ => self.drained().await,
        }
        HResult::S_OK
    }

    async fn store_logoff(&self) -> HResult {
        match self.way {
            Way::Refuses => return HResult::MAPI_E_NO_SUPPORT,
            Way::LogsOffEarly => {}
            _ => {
                self.stop();
                self.drained().await;
            }
        }
        HResult::S_OK
    }
}

const RULES: [Rule; 3] = [Rule::SHUTDOWN_DRAINED, Rule::SHUTDOWN_STOPS_WORK, Rule::SHUTDOWN_QUIET];

fn of(way: Way) -> Check {
    check(move || Store::new(way)).schedules(1_500)
}

/// The rules of shutdown that had no chance.
fn vacuous(report: &Report) -> Vec<Rule> {
    report.vacuous.iter().copied().filter(|rule| RULES.contains(rule)).collect()
}

fn defects(report: &Report) -> Vec<Defect> {
    report.counterexamples.iter().flat_map(|shown| shown.defects.iter().copied()).collect()
}

#[test]
fn a_provider_that_takes_part_is_judged_and_accused_of_nothing() {
    let report = of(Way::Right).run();
    report.assert_holds();
    assert_eq!(vacuous(&report), []);
    // One that falls silent owes no Done, and its tasks may wait for ever.
    let report = of(Way::Silent).run();
    report.assert_holds();
    assert_eq!(vacuous(&report), []);
}

#[test]
fn a_provider_that_cannot_be_told_is_not_judged() {
    let report = of(Way::NotTold).run();
    report.assert_holds();
    assert_eq!(vacuous(&report), RULES);
    // One that supports nothing says nothing of its syncs.
    let report = of(Way::Refuses).run();
    report.assert_holds();
    assert_eq!(vacuous(&report), RULES);
}

#[test]
fn each_mistake_breaks_its_rule_and_no_other() {
    for (way, rule) in [
        (Way::LogsOffEarly, Rule::SHUTDOWN_DRAINED),
        (Way::WorksOn, Rule::SHUTDOWN_STOPS_WORK),
        (Way::Starts, Rule::SHUTDOWN_STOPS_WORK),
        (Way::ExitsEarly, Rule::SHUTDOWN_QUIET),
    ] {
        let check = of(way);
        let report = check.run();
        assert_eq!(defects(&report), [Defect::Rule(rule)], "{way:?}");
        let shown = &report.counterexamples[0];
        let replayed = check.replay(&shown.token().to_string()).expect("it is this check's");
        assert!(replayed.execution.breach(Defect::Rule(rule)).is_some(), "{way:?}");
    }
}

#[test]
fn a_shutdown_that_never_returns_is_a_deadlock() {
    let report = of(Way::Hangs).run();
    assert_eq!(defects(&report), [Defect::Deadlock]);
}

#[test]
fn the_calls_of_a_shutdown_stand_in_the_log_once() {
    let report = of(Way::ExitsEarly).run();
    let shown = &report.counterexamples[0];
    let methods: Vec<ShutdownMethod> = shown
        .execution
        .calls
        .iter()
        .filter_map(|seen| match seen.call.call {
            Call::Shutdown { method } => Some(method),
            _ => None,
        })
        .collect();
    assert_eq!(methods, ShutdownMethod::ALL[..3]);
    let text = report.to_string();
    assert!(text.contains("NotifyProcessShutdown returned S_OK"), "{text}");
    let events = &shown.execution.events;
    assert!(events.iter().any(|event| event.text.contains("way to shut down")), "{events:?}");
}

#[test]
fn a_host_that_is_given_shuts_down_in_its_own_way() {
    let host = |shutdown| Host { shutdown, ..Host::default() };
    let fast = of(Way::Right).host(host(Shutdown::Fast)).run();
    fast.assert_holds();
    assert_eq!(vacuous(&fast), [Rule::SHUTDOWN_DRAINED]);
    let refused = of(Way::Right).host(host(Shutdown::FastRefused)).run();
    refused.assert_holds();
    assert_eq!(vacuous(&refused), [Rule::SHUTDOWN_STOPS_WORK, Rule::SHUTDOWN_QUIET]);
    let own_refusal = of(Way::Refuses).host(host(Shutdown::Fast)).run();
    own_refusal.assert_holds();
    assert_eq!(vacuous(&own_refusal), RULES);
    let released = of(Way::Right).host(host(Shutdown::Released)).run();
    assert_eq!(vacuous(&released), [Rule::SHUTDOWN_STOPS_WORK, Rule::SHUTDOWN_QUIET]);
}

#[test]
fn every_order_of_a_fast_shutdown_holds() {
    let text = "version = 1\nname = \"exit\"\n[[account]]\nname = \"M\"\nfolders = 1\n\
                messages = 1\nflags = [\"DOWNLOAD_CONTENTS\"]\n[provider]\nworkers = 1\n\
                cost = { connect = 0, folder = 0, header = 0, body = 0, upload = 0 }\n\
                [host]\nshutdown = \"fast\"\nshutdown_after = 0\n";
    let scenario = Scenario::parse("exit.toml", text).expect("it is a scenario");
    let report = Check::simulated(scenario).strategy("exhaustive").expect("it is there").run();
    report.assert_holds();
    assert!(report.complete);
    assert_eq!(vacuous(&report), []);
}

#[test]
fn ways_to_shut_down_are_read_and_written() {
    let read = |way: &str| {
        let text = format!(
            "version = 1\nname = \"t\"\n[[account]]\nname = \"a\"\n[host]\nshutdown = {way}\n"
        );
        let scenario = Scenario::parse("t", &text).map_err(|error| error.to_string())?;
        let again = Scenario::parse("t", &scenario.to_toml()).expect("it reads back");
        assert_eq!(again, scenario);
        Ok::<_, String>((scenario.host.shutdown, scenario.digest()))
    };
    let never = read("false").expect("it is read");
    assert_eq!(read("\"never\""), Ok(never));
    assert_eq!(never.0, Shutdown::Never);
    let released = read("true").expect("it is read");
    assert_eq!(read("\"released\""), Ok(released));
    assert_eq!(read("\"fast\"").map(|(way, _)| way), Ok(Shutdown::Fast));
    assert_eq!(read("\"fast-refused\"").map(|(way, _)| way), Ok(Shutdown::FastRefused));
    let error = read("\"fats\"").unwrap_err();
    assert!(error.contains("did you mean `fast`?"), "{error}");
    assert!(read("7").unwrap_err().contains("true, false, or a way to shut down"));
}
