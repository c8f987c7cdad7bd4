//! Promises of the author's own: invariants, conditions at the end, what comes in time, oracles
//! and goals. Each is broken once on purpose.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mapi_sync::contract::Party;
use mapi_sync::{HResult, MapiSync, SyncRequest, TaskEnd, async_trait};
use mapi_sync_sim::engine::sync::{Mutex, Notify, Register};
use mapi_sync_sim::engine::{self, Engine, Limits, PropertyKind};
use mapi_sync_sim::property::{self, ExactlyOnce, LastWriteWins, Monotonic};
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::strategy::{Dfs, Random, TrackedSharing};
use mapi_sync_sim::{
    Check, Counterexample, Defect, ReplayOutcome, Report, Warning, check, explore, sometimes,
};

type Program = Pin<Box<dyn Future<Output = ()>>>;

/// A program that keeps its promise, or breaks it.
fn program<F: Future<Output = ()> + 'static>(
    breaks: bool,
    program: impl Fn(bool) -> F + Send + Sync + 'static,
) -> Check {
    explore(move || -> Program { Box::pin(program(breaks)) }).schedules(300)
}

/// Asserts that the check finds the property broken, names it everywhere, and that its token
/// replays it.
#[track_caller]
fn assert_breaks(check: &Check, name: &str, message: &str) -> Report {
    let report = check.run();
    let is_it = |defect| matches!(defect, Defect::Property(property) if property.name == name);
    let found = |shown: &&Counterexample| is_it(shown.defects[0]);
    let shown = report.counterexamples.iter().find(found).unwrap_or_else(|| panic!("{report}"));
    let defect = shown.defects[0];
    assert_eq!(defect.id(), name);
    let breach = shown.execution.breach(defect).unwrap();
    assert!(breach.message.contains(message), "{}", breach.message);
    let text = report.to_string();
    assert!(text.contains(name) && text.contains(message), "{text}");
    let mut json = Vec::new();
    Format::Json.write(&mut json, Document::Check(&report), &Palette::PLAIN).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert!(json.contains(&format!("\"rule\": \"{name}\"")), "{json}");
    assert!(json.contains("\"property\": \""), "{json}");
    let token = shown.token();
    assert_eq!(token.defect(), Some(name));
    let replayed = check.replay(&token.to_string()).unwrap();
    assert_eq!(replayed.outcome(), ReplayOutcome::Broken);
    assert_eq!(replayed.shows_its_defect(), Some(true));
    report
}

/// Asserts that the property is found broken where it is broken, and only there.
#[track_caller]
fn assert_found<F: Future<Output = ()> + 'static>(
    name: &str,
    message: &str,
    run: impl Fn(bool) -> F + Clone + Send + Sync + 'static,
) {
    assert_breaks(&program(true, run.clone()), name, message);
    let report = program(false, run).run();
    assert!(report.holds(), "{report}");
}

async fn join(tasks: impl IntoIterator<Item = engine::JoinHandle>) {
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn an_invariant_over_a_register() {
    assert_found("no overdraft", "it does not hold", |breaks| async move {
        let balance = Register::new("balance", 10);
        let seen = balance.clone();
        property::invariant("no overdraft", move || seen.get() >= 0);
        let lock = Mutex::new("lock", ());
        let tasks = ["a", "b"].map(|name| {
            let (balance, lock) = (balance.clone(), lock.clone());
            engine::spawn(name, async move {
                let held = if breaks { None } else { Some(lock.lock().await) };
                if balance.read().await >= 10 {
                    balance.modify(|balance| *balance -= 10).await;
                }
                drop(held);
            })
        });
        join(tasks).await;
    });
}

#[test]
fn an_invariant_that_asserts() {
    assert_found("at most two downloads", "3 at once", |breaks| async move {
        let running = Register::new("running", 0);
        let seen = running.clone();
        property::invariant("at most two downloads", move || {
            let running = seen.get();
            assert!(running <= 2, "{running} at once");
        });
        let permits = engine::sync::Semaphore::new("permits", if breaks { 3 } else { 2 });
        let tasks = [1, 2, 3].map(|_| {
            let (running, permits) = (running.clone(), permits.clone());
            engine::spawn("download", async move {
                let permit = permits.acquire().await;
                running.update(|running| *running += 1);
                engine::yield_now().await;
                running.update(|running| *running -= 1);
                drop(permit);
            })
        });
        join(tasks).await;
    });
}

/// Two workers take the items of a list.
async fn work_off(
    take: impl Fn(&Register<Vec<u32>>) -> Pin<Box<dyn Future<Output = Option<u32>> + Send>>
    + Clone
    + Send
    + 'static,
) {
    let done = ExactlyOnce::new("each item is worked off once", [1, 2, 3]);
    let items = Register::new("items", vec![3, 2, 1]);
    let tasks = ["a", "b"].map(|name| {
        let (items, done, take) = (items.clone(), done.clone(), take.clone());
        engine::spawn(name, async move {
            loop {
                let next = take(&items);
                let Some(item) = next.await else { break };
                done.saw(item);
            }
        })
    });
    join(tasks).await;
}

#[test]
fn an_item_that_is_doubled() {
    assert_found("each item is worked off once", "came 2 times", |breaks| {
        work_off(move |items| {
            let items = items.clone();
            Box::pin(async move {
                if !breaks {
                    return items.modify(Vec::pop).await;
                }
                let next = items.read().await.last().copied();
                items.modify(Vec::pop).await;
                next
            })
        })
    });
}

#[test]
fn an_item_that_is_lost() {
    assert_found("each item is worked off once", "2 never came", |breaks| {
        work_off(move |items| {
            let items = items.clone();
            Box::pin(async move {
                let next = items.modify(Vec::pop).await;
                if breaks && next == Some(2) && engine::fault("connection lost") {
                    return items.modify(Vec::pop).await;
                }
                next
            })
        })
    });
}

#[test]
fn an_anchor_that_goes_back() {
    assert_found("the anchor never goes back", "1 came after 2", |breaks| async move {
        let anchor = Monotonic::new("the anchor never goes back");
        let stored = Register::new("stored", 0);
        let tasks = [1, 2].map(|page| {
            let (anchor, stored) = (anchor.clone(), stored.clone());
            engine::spawn("page", async move {
                engine::work(10).await;
                if breaks || stored.get() < page {
                    stored.set(page);
                    anchor.saw(page);
                }
            })
        });
        join(tasks).await;
    });
}

#[test]
fn a_read_of_what_was_overwritten() {
    assert_found("the last change wins", "was read as", |breaks| async move {
        let oracle = LastWriteWins::new("the last change wins");
        let flag = Register::new("flag", "unread");
        oracle.wrote("flag", "unread");
        let (of_writer, writes) = (oracle.clone(), flag.clone());
        let writer = engine::spawn("writer", async move {
            engine::yield_now().await;
            writes.set("read");
            of_writer.wrote("flag", "read");
        });
        let reader = engine::spawn("reader", async move {
            let cached = flag.get();
            engine::yield_now().await;
            oracle.read(&"flag", Some(&if breaks { cached } else { flag.get() }));
        });
        join([writer, reader]).await;
    });
}

#[test]
fn a_sum_at_the_end() {
    assert_found("no money is made", "19 are left", |breaks| async move {
        let purse = Register::new("purse", 20);
        let seen = purse.clone();
        property::at_end("no money is made", move || {
            let left = seen.get();
            if left == 18 { Ok(()) } else { Err(format!("{left} are left")) }
        });
        let tasks = [1, 2].map(|_| {
            let purse = purse.clone();
            engine::spawn("spender", async move {
                if breaks {
                    let before = purse.read().await;
                    purse.write(before - 1).await;
                } else {
                    purse.modify(|purse| *purse -= 1).await;
                }
            })
        });
        join(tasks).await;
    });
}

#[test]
fn an_answer_that_comes_too_late() {
    assert_found("an answer comes within 50 ms", "not by 50 ms", |breaks| async move {
        let answered = Register::new("answered", false);
        let seen = answered.clone();
        let within = Duration::from_millis(50);
        property::eventually("an answer comes within 50 ms", within, move || seen.get());
        let retries = if breaks && engine::fault("loss") { 6 } else { 5 };
        for _ in 0..retries {
            engine::sleep(10).await;
        }
        answered.write(true).await;
    });
}

#[test]
fn an_answer_that_never_comes() {
    assert_found("an answer comes", "not before the execution ended", |breaks| async move {
        let answered = Register::new("answered", 0);
        let (seen, writes) = (answered.clone(), answered.clone());
        property::eventually("an answer comes", Duration::MAX, move || seen.get() == 2);
        let task = engine::spawn("second", async move {
            if breaks {
                let before = writes.read().await;
                writes.write(before + 1).await;
            } else {
                writes.modify(|n| *n += 1).await;
            }
        });
        answered.modify(|n| *n += 1).await;
        join([task]).await;
    });
}

#[test]
fn an_invariant_over_memory_that_nobody_tracks() {
    assert_found("one holds the lock", "it does not hold", |breaks| async move {
        let holders = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&holders);
        property::invariant("one holds the lock", move || seen.load(Ordering::Relaxed) <= 1);
        let free = Notify::new("free");
        let (lock, taken) = (Mutex::new("lock", ()), Register::new("taken", false));
        let tasks = ["a", "b"].map(|name| {
            let (holders, lock) = (Arc::clone(&holders), lock.clone());
            let (taken, free) = (taken.clone(), free.clone());
            engine::spawn(name, async move {
                let held = if breaks { None } else { Some(lock.lock().await) };
                // A test and a set that are two steps.
                while taken.read().await {
                    free.notified().await;
                }
                taken.write(true).await;
                holders.fetch_add(1, Ordering::Relaxed);
                engine::yield_now().await;
                holders.fetch_sub(1, Ordering::Relaxed);
                taken.set(false);
                free.notify_one();
                drop(held);
            })
        });
        join(tasks).await;
    });
}

/// A provider whose workers store messages, each once or, if it is wrong, one of them twice.
struct Store {
    stored: ExactlyOnce<u32>,
    breaks: bool,
}

impl Store {
    fn new(breaks: bool) -> Self {
        Self { stored: ExactlyOnce::new("each message is stored once", 1..=4), breaks }
    }
}

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let (stored, breaks) = (self.stored.clone(), self.breaks);
        request.start(move |session| async move {
            let next = Arc::new(AtomicU32::new(1));
            let mut tasks = Vec::new();
            for worker in ["Inbox", "Sent"] {
                let (next, stored) = (Arc::clone(&next), stored.clone());
                let runtime = Arc::clone(session.runtime());
                let work = async move {
                    loop {
                        let message = if breaks {
                            let message = next.load(Ordering::Relaxed);
                            runtime.sleep(Duration::from_millis(5)).await;
                            next.store(message + 1, Ordering::Relaxed);
                            message
                        } else {
                            next.fetch_add(1, Ordering::Relaxed)
                        };
                        if message > 4 {
                            break;
                        }
                        stored.saw(message);
                    }
                };
                if let Ok(task) = session.runtime().spawn(worker.into(), Box::pin(work)) {
                    tasks.push(task);
                }
            }
            for task in tasks {
                let _: TaskEnd = task.await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

#[test]
fn a_provider_that_stores_a_message_twice() {
    let store = |breaks: bool| check(move || Store::new(breaks)).schedules(300);
    let report = assert_breaks(&store(true), "each message is stored once", "came 2 times");
    let defect = report.counterexamples[0].defects[0];
    assert_eq!(defect.blame(), Some(Party::Provider));
    let text = report.to_string();
    assert!(
        text.contains("each message is stored once (must): the provider is to blame"),
        "{text}"
    );
}

/// The number of executions of two tasks that write a register each, in an exhaustive search.
fn two_writers(promise: impl Fn(&[Register<u32>; 2]) + Send + Sync + 'static) -> Report {
    let main = move || {
        let cells = ["one", "two"].map(|name| Register::new(name, 0));
        promise(&cells);
        async move {
            let tasks =
                cells.map(|cell| engine::spawn("writer", async move { cell.write(1).await }));
            join(tasks).await;
        }
    };
    explore(main).strategy("exhaustive").unwrap().tracked_sharing(TrackedSharing).run()
}

#[test]
fn what_an_invariant_reads_conflicts_with_its_writers() {
    let plain = two_writers(|_| ());
    assert_eq!(plain.proof.unwrap().count, 1);
    // One order alone passes the state that the invariant forbids.
    let forbids = |first: bool| {
        two_writers(move |cells| {
            let [one, two] = cells.clone();
            property::invariant("never one alone", move || {
                let (one, two) = (one.get(), two.get());
                if first { (one, two) != (1, 0) } else { (one, two) != (0, 1) }
            });
        })
    };
    for report in [forbids(true), forbids(false)] {
        assert_eq!(report.counterexamples[0].defects[0].id(), "never one alone", "{report}");
        let proof = report.proof.unwrap();
        assert!(proof.complete && proof.count == 2, "{proof}");
    }
    // Steps that change nothing that is looked at stay independent.
    let other = two_writers(|_| {
        let other = Register::new("other", 0);
        property::invariant("other", move || other.get() == 0);
    });
    assert_eq!(other.proof.unwrap().count, 1);
}

#[test]
fn an_untracked_look_turns_the_reduction_off_and_the_certificate_says_so() {
    let flags = |promise: bool| {
        let main = move || async move {
            let flags = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
            let [one, two] = flags.clone();
            if promise {
                property::invariant("never one alone", move || {
                    (one.load(Ordering::Relaxed), two.load(Ordering::Relaxed)) != (1, 0)
                });
            }
            let tasks = flags.map(|flag| {
                engine::spawn("writer", async move {
                    engine::yield_now().await;
                    flag.store(1, Ordering::Relaxed);
                })
            });
            join(tasks).await;
        };
        explore(main).strategy("exhaustive").unwrap().tracked_sharing(TrackedSharing).run()
    };
    let plain = flags(false);
    assert!(plain.holds());
    assert_eq!(plain.proof.unwrap().count, 1);
    let report = flags(true);
    assert_eq!(report.counterexamples[0].defects[0].id(), "never one alone", "{report}");
    let proof = report.proof.unwrap();
    assert!(proof.complete && proof.count > 5, "{proof}");
    assert!(
        proof.to_string().contains("because `never one alone` looks at what is not tracked"),
        "{proof}"
    );
}

/// What a search finds of an invariant over three registers, by classes and by all schedules.
#[test]
fn a_search_by_classes_finds_what_a_search_of_all_schedules_finds() {
    for forbidden in 0..64_u32 {
        let main = move || async move {
            let cells = ["a", "b", "c"].map(|name| Register::new(name, 0_u32));
            let seen = cells.clone();
            property::invariant("forbidden", move || {
                let state = seen.iter().fold(0, |state, cell| 4 * state + cell.get());
                state != forbidden
            });
            let steps: [&[(usize, u32)]; 2] = [&[(0, 1), (1, 1)], &[(1, 2), (2, 1)]];
            let tasks = steps.map(|steps| {
                let cells = cells.clone();
                engine::spawn("writer", async move {
                    for (cell, value) in steps {
                        cells[*cell].write(*value).await;
                    }
                })
            });
            join(tasks).await;
        };
        let check = || explore(main).shrink(false).jobs(1);
        let classes = check().strategy("exhaustive").unwrap().tracked_sharing(TrackedSharing).run();
        let all = check().strategy("dfs").unwrap().run();
        assert!(classes.proof.as_ref().unwrap().complete && all.proof.as_ref().unwrap().complete);
        assert_eq!(classes.holds(), all.holds(), "state {forbidden}");
        assert!(classes.schedules <= all.schedules);
    }
}

/// Two tasks that use time, choices and a counter.
async fn busy(promises: bool) {
    let counter = Register::new("counter", 0);
    if promises {
        let (a, b, c) = (counter.clone(), counter.clone(), counter.clone());
        property::invariant("counts up", move || engine::now() < 1_000 && a.get() < 100);
        property::at_end("counted", move || b.get() > 0);
        property::eventually("counts", Duration::from_millis(500), move || c.get() > 0);
        sometimes!("counted twice", counter.get() == 2);
    }
    let tasks = [3, 4].map(|ms| {
        let counter = counter.clone();
        engine::spawn("task", async move {
            engine::work(ms).await;
            let more = engine::choose("more", 3);
            counter.modify(|n| *n += more).await;
            for _ in 0..more {
                engine::yield_now().await;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn properties_do_not_disturb_the_run() {
    let limits = Limits::default().with_late_percent(100).with_timers_apart(true);
    for seed in 0..50 {
        let mut plain = Engine::new(limits, Random::new(seed));
        let mut held = Engine::new(limits, Random::new(seed));
        for index in 0..4 {
            let without = plain.execute(index, busy(false)).unwrap();
            let with = held.execute(index, busy(true)).unwrap();
            assert_eq!(without, with);
            assert_eq!(plain.fingerprint(), held.fingerprint());
            assert_eq!(plain.decisions(), held.decisions());
            assert_eq!(held.properties().len(), 3);
        }
        // Nothing of an execution is left in the next one.
        held.execute(5, async {}).unwrap();
        assert!(held.properties().is_empty() && held.broken_properties().is_empty());
        assert!(held.goals().is_empty());
    }
    let schedules = |promises: bool| {
        let mut engine = Engine::new(Limits::default(), Dfs::new());
        let mut count = 0;
        while engine.execute(count, busy(promises)).is_some() {
            count += 1;
        }
        count
    };
    assert_eq!(schedules(false), schedules(true));
}

#[test]
fn a_token_from_before_a_property_was_added_replays_the_same_steps() {
    let deadlocks = |promises: bool| {
        explore(move || async move {
            busy(promises).await;
            if engine::choose("stops", 2) == 1 {
                std::future::pending::<()>().await;
            }
        })
        .schedules(50)
    };
    let report = deadlocks(false).run();
    let token = report.counterexamples[0].token().to_string();
    let [before, after] = [false, true].map(|promises| deadlocks(promises).replay(&token).unwrap());
    assert_eq!(after.outcome(), ReplayOutcome::Broken);
    assert_eq!(before.execution.outcome, after.execution.outcome);
}

#[test]
fn a_bound_in_time_is_not_broken_by_late_work_alone() {
    let report = explore(|| async {
        let done = Register::new("done", false);
        let seen = done.clone();
        property::eventually("done in 60 ms", Duration::from_millis(60), move || seen.get());
        engine::work(50).await;
        done.set(true);
    })
    .schedules(200)
    .run();
    assert!(report.holds(), "{report}");
}

#[test]
fn goals_are_counted_and_the_unmet_ones_are_named() {
    let retries = |strict: bool, jobs: usize| {
        explore(|| async {
            sometimes!("all went well", !engine::fault("loss"));
            if engine::fault("loss") {
                sometimes!("retry after loss");
            }
            sometimes!("impossible", engine::now() > 0);
        })
        .goals(["retry after loss", "never come by"])
        .schedules(200)
        .jobs(jobs)
        .strict(strict)
        .run()
    };
    let report = retries(false, 1);
    assert!(report.passes(), "{report}");
    let of = |name: &str| report.goals.iter().find(|goal| goal.name == name).unwrap().met;
    assert!(of("retry after loss") > 0 && of("all went well") > 0);
    assert_eq!([of("impossible"), of("never come by")], [0, 0]);
    for name in ["impossible", "never come by"] {
        assert!(report.warnings.contains(&Warning::GoalNotMet(name)));
    }
    let text = report.to_string();
    assert!(text.contains("warning: no schedule met the goal \"never come by\""), "{text}");
    assert!(text.contains("goals met: all went well "), "{text}");
    let strict = retries(true, 2);
    assert!(!strict.passes() && strict.holds());
    assert_eq!(strict.goals, report.goals);
    let mut json = Vec::new();
    Format::Json.write(&mut json, Document::Check(&report), &Palette::PLAIN).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let goal = json["goals"].as_array().unwrap().iter().find(|goal| goal["name"] == "impossible");
    assert_eq!(goal.unwrap()["schedules"], 0);
}

#[test]
fn a_look_that_does_more_than_look_is_broken_and_says_so() {
    let check = |look: fn(&Register<u32>)| {
        explore(move || async move {
            let cell = Register::new("cell", 0);
            property::invariant("looks", move || look(&cell));
            engine::yield_now().await;
        })
        .schedules(20)
    };
    let spawns = check(|_| drop(engine::spawn("more", async {})));
    assert_breaks(&spawns, "looks", "the look spawns, aborts or asks for a choice");
    let writes = check(|cell| cell.merge(|value| *value = 0));
    let report = writes.strategy("exhaustive").unwrap().tracked_sharing(TrackedSharing);
    assert_breaks(&report, "looks", "the look changes a tracked object");
}

#[test]
fn an_unhappy_end_is_not_judged_by_what_holds_at_the_end() {
    let report = explore(|| async {
        property::at_end("never looked at", || false);
        std::future::pending::<()>().await;
    })
    .schedules(20)
    .run();
    let ids: Vec<&str> = report
        .counterexamples
        .iter()
        .flat_map(|shown| &shown.defects)
        .map(|defect| defect.id())
        .collect();
    assert_eq!(ids, ["deadlock"]);
}

#[test]
fn replay_or_search_looks_for_the_property_of_the_token() {
    let stores = |yields: u32| {
        explore(move || async move {
            let anchor = Monotonic::new("the anchor never goes back");
            let tasks = [1, 2].map(|page| {
                let anchor = anchor.clone();
                engine::spawn("page", async move {
                    for _ in 0..yields {
                        engine::yield_now().await;
                    }
                    anchor.saw(page);
                })
            });
            join(tasks).await;
        })
        .schedules(300)
    };
    let token = stores(3).run().counterexamples[0].token().to_string();
    let again = stores(1).replay_or_search(&token).unwrap();
    assert!(!again.holds(), "{again}");
    let found = match &again.search {
        Some(report) => report.counterexamples[0].defects[0],
        None => again.replayed.execution.breaches[0].defect,
    };
    assert!(matches!(found, Defect::Property(of) if of.kind == PropertyKind::Invariant));
}

#[test]
fn outside_of_an_execution_nothing_happens() {
    property::invariant("nothing", || -> () { panic!("nobody looks") });
    property::at_end("nothing", || false);
    property::eventually("nothing", Duration::ZERO, || false);
    sometimes!("nothing");
    let oracle = Monotonic::new("nothing");
    oracle.saw(2);
    oracle.saw(1);
    fn is_debug(of: &impl Debug) -> String {
        format!("{of:?}")
    }
    assert!(is_debug(&oracle).contains("nothing"));
}
