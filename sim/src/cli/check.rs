//! `check`, `replay` and `mutants`: the commands that run executions.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use mapi_sync_sim::engine::parallel::Control;
use mapi_sync_sim::report::Document;
use mapi_sync_sim::{Check, LimitChanges, MutantCheck, ReplayOutcome, Report};

use super::args::{CheckArgs, MutantsArgs, ReplayArgs};
use super::failure::Failure;
use super::output::Page;
use super::progress::{Interrupts, ProgressLine};
use super::status::Status;
use super::{output, source};

/// How many schedules `check` runs by default.
const SCHEDULES: u64 = 100_000;

/// How many classes of a protocol's schedules are tried before random ones.
const CLASSES: u64 = 20_000;

pub(super) fn check(args: &CheckArgs) -> Result<Status, Failure> {
    let limits = LimitChanges {
        skew_ms: (args.skew_ms > 0).then_some(args.skew_ms),
        ..LimitChanges::default()
    };
    let check = source::check(&args.scenario)?
        .with_strategy(args.search.strategy())
        .seed(args.search.seed)
        .jobs(jobs(args.search.jobs))
        .fail_fast(args.fail_fast)
        .strict(args.strict)
        .shrink(!args.no_shrink)
        .watchdog((args.watchdog > 0).then(|| Duration::from_secs(args.watchdog)))
        .limits(limits);
    let check = check.shrink_time(Some(Duration::from_secs(args.shrink_time)));
    let check = match args.time {
        Some(seconds) => check.time(Duration::from_secs(seconds.get())),
        None => check,
    };
    let check = match args.schedules {
        Some(schedules) => check.schedules(schedules.get()),
        None if args.search.strategy().exhaustive => check,
        None => check.schedules(SCHEDULES),
    };
    let page = Page::create(&args.report)?;
    let interrupts = Interrupts::listen()?;
    let control = interrupts.control();
    let searches_all = check.scenario().protocol.is_some()
        && args.search.strategy.is_none()
        && args.schedules.is_none()
        && args.time.is_none();
    let proof = if searches_all { proof(&check, control) } else { None };
    let report = proof.unwrap_or_else(|| {
        let mut progress = ProgressLine::of_schedules(check.requested(), control);
        check.run_with_progress(control, &mut |shrinking| progress.shrinks(shrinking))
    });
    output::write(args.output.format, Document::Check(&report))?;
    page.write(Document::Check(&report))?;
    Ok(if report.is_broken() {
        Status::Broken
    } else if report.interrupted {
        interrupts.status()
    } else if report.complete && report.passes() {
        Status::Held
    } else {
        Status::Incomplete
    })
}

/// An exhaustive search, if it settles the matter.
fn proof(check: &Check, control: &Control) -> Option<Report> {
    let exhaustive = check.clone().strategy("exhaustive").expect("the strategy is in the table");
    let report = exhaustive.schedules(CLASSES).run_under(control);
    (report.complete || report.is_broken() || report.interrupted).then_some(report)
}

pub(super) fn replay(args: &ReplayArgs) -> Result<Status, Failure> {
    let check = source::of_token(&args.token, args.scenario.as_deref())?;
    let page = Page::create(&args.report)?;
    let replayed = check.replay(&args.token)?;
    output::write(args.output.format, Document::Replay(&replayed))?;
    page.write(Document::Replay(&replayed))?;
    Ok(match replayed.outcome() {
        ReplayOutcome::Mended => Status::Held,
        ReplayOutcome::Broken => Status::Broken,
        _ => Status::Incomplete,
    })
}

pub(super) fn mutants(args: &MutantsArgs) -> Result<Status, Failure> {
    let check = MutantCheck {
        schedules: args.schedules.get(),
        variant_schedules: args.variant_schedules.get(),
        seed: args.search.seed,
        strategy: args.search.strategy(),
        jobs: jobs(args.search.jobs),
    };
    let interrupts = Interrupts::listen()?;
    let report = {
        let progress = ProgressLine::of_steps(MutantCheck::count() as u64);
        check.run(interrupts.control(), |name| progress.begin(name))
    };
    output::write(args.output.format, Document::Mutants(&report))?;
    Ok(if !report.is_right() {
        Status::Broken
    } else if report.interrupted {
        interrupts.status()
    } else {
        Status::Held
    })
}

fn jobs(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}
