//! Correct providers, written with what authors use: none of them may be accused.

mod channels;
mod join_all;
mod others;
mod select;
mod steps;
mod timeouts;
mod unordered;
mod yields;

use std::env;
use std::time::Duration;

use mapi_sync::{BoxFuture, HResult, MapiSync, SyncDone, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::world::VARIANTS;
use mapi_sync_sim::{Check, Report, Warning, check};

use self::channels::MPSC;
use self::join_all::JOIN_ALL;
use self::others::OTHERS;
use self::select::SELECT;
use self::timeouts::TIMEOUTS;
use self::unordered::UNORDERED;
use self::yields::YIELDS;

/// A correct provider: its name, and what its syncs do.
type Variant = (&'static str, fn(SyncSession) -> BoxFuture<SyncDone>);

macro_rules! variants {
    ($($name:literal: |$session:ident| $work:block)*) => {
        &[$(($name, |$session| Box::pin(async move $work))),*]
    };
}
use variants;

/// All of them.
const GROUPS: [(&str, &[Variant]); 7] = [
    ("join_all", JOIN_ALL),
    ("FuturesUnordered", UNORDERED),
    ("mpsc", MPSC),
    ("select!", SELECT),
    ("yields", YIELDS),
    ("timeouts", TIMEOUTS),
    ("others", OTHERS),
];

struct Store(fn(SyncSession) -> BoxFuture<SyncDone>);

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(self.0)
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn assert_held(group: &str, name: &str, report: &Report) {
    let uncontrolled = |warning: &Warning| {
        matches!(warning, Warning::OutsideThread { .. } | Warning::RealTime { .. })
    };
    let controlled = !report.warnings.iter().any(uncontrolled);
    assert!(report.holds() && controlled, "{group}, {name}:\n{report}");
}

fn assert_not_accused(group: &str) {
    let (_, variants) = GROUPS.iter().find(|(name, _)| *name == group).expect("it is a group");
    for (name, sync) in *variants {
        let sync = *sync;
        let check = check(move || Store(sync));
        assert_held(group, name, &check.clone().schedules(150).run());
        assert_held(group, name, &check.clone().cancellations().schedules(100).run());
        let dfs = check.strategy("dfs").expect("there is one of this name");
        assert_held(group, name, &dfs.schedules(30).run());
    }
}

#[test]
fn variants_with_join_all_are_not_accused() {
    assert_not_accused("join_all");
}

#[test]
fn variants_with_futures_unordered_are_not_accused() {
    assert_not_accused("FuturesUnordered");
}

#[test]
fn variants_with_channels_are_not_accused() {
    assert_not_accused("mpsc");
}

#[test]
fn variants_with_biased_select_are_not_accused() {
    assert_not_accused("select!");
}

#[test]
fn variants_that_yield_are_not_accused() {
    assert_not_accused("yields");
}

#[test]
fn variants_with_timeouts_are_not_accused() {
    assert_not_accused("timeouts");
}

#[test]
fn other_variants_are_not_accused() {
    assert_not_accused("others");
}

#[test]
fn there_are_at_least_95_correct_variants() {
    let (others, groups) = GROUPS.split_last().expect("there are groups");
    assert!(groups.iter().all(|(_, group)| group.len() == 10));
    let own: usize = groups.iter().map(|(_, group)| group.len()).sum();
    assert!(own + others.1.len() + VARIANTS.len() >= 95);
}

/// The environment variable `MAPI_SYNC_SOAK` says how many schedules, over all variants, and
/// `MAPI_SYNC_SEED` from which seed.
#[test]
fn many_schedules_over_all_variants_accuse_nobody() {
    let number = |name: &str| env::var(name).ok().map(|n| n.parse::<u64>().expect("a number"));
    let schedules = number("MAPI_SYNC_SOAK").unwrap_or(2_000);
    let seed = number("MAPI_SYNC_SEED").unwrap_or(1);
    let of_group = |(group, variants): (&'static str, &'static [Variant])| {
        variants.iter().map(move |(name, sync)| {
            let sync = *sync;
            (group, *name, check(move || Store(sync)))
        })
    };
    let own = GROUPS.into_iter().flat_map(of_group);
    let simulated = VARIANTS.iter().map(|info| ("simulated", info.name, Check::variant(info)));
    let checks: Vec<(&str, &str, Check)> = own.chain(simulated).collect();
    let each = schedules.div_ceil(checks.len() as u64);
    let (mut ran, mut steps) = (0, 0);
    for (group, name, check) in checks {
        let report = check.schedules(each).seed(seed).run();
        assert_held(group, name, &report);
        assert!(report.complete, "{group}, {name}:\n{report}");
        ran += report.schedules;
        steps += report.steps;
    }
    assert!(ran >= schedules);
    println!("{ran} schedules and {steps} steps over all variants, seed {seed}: nobody is accused");
}
