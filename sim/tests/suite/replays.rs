//! Tokens drawn at random from everything that is known: each replays without a difference.
//!
//! `cargo test --release --test replays -- --nocapture` draws 100,000 of them and says how many
//! replayed.

use std::ops::{ControlFlow, Range};

use mapi_sync_sim::engine::parallel::{Control, run_chunks};
use mapi_sync_sim::strategy::STRATEGIES;
use mapi_sync_sim::world::{Finding, MUTANTS, VARIANTS, World, builtins};
use mapi_sync_sim::{Check, Defect};

/// How many tokens are drawn.
const TOKENS: u64 = if cfg!(debug_assertions) { 2_000 } else { 100_000 };

/// Draws a number below `count`, from `state`, which moves on (splitmix64).
fn draw(state: &mut u64, count: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) % count as u64).unwrap()
}

fn known() -> Vec<Check> {
    let builtins = builtins().iter().map(|scenario| Check::builtin(&scenario.name).unwrap());
    let mutants = MUTANTS.iter().map(Check::mutant);
    builtins.chain(mutants).chain(VARIANTS.iter().map(Check::variant)).collect()
}

/// What a chunk of tokens came to.
#[derive(Default)]
struct Seen {
    replayed: u64,
    broken: u64,
    diverged: Vec<String>,
}

/// Makes the token of this number, and replays it. Says whether the execution breaks a rule.
fn replay(number: u64, known: &[Check], worlds: &[World]) -> Result<bool, String> {
    let mut state = number;
    let which = draw(&mut state, known.len());
    let random = STRATEGIES.iter().filter(|info| !info.exhaustive).collect::<Vec<_>>();
    let strategy = random[draw(&mut state, random.len())];
    let (check, world) = (&known[which], &worlds[which]);
    let mut engine = strategy.engine(world.limits(), draw(&mut state, 1 << 20) as u64);
    let index = draw(&mut state, 1 << 20) as u64;
    let first = world.run(&mut engine, index).expect("random strategies go on for ever");
    let token = check.subject().token(engine.decisions()).to_string();
    let replayed = Check::of_token(&token)
        .and_then(|check| check.replay(&token))
        .map_err(|error| format!("{token}: {error}"))?;
    let again = replayed.execution;
    let end = |outcome: &mapi_sync_sim::engine::Outcome| {
        (outcome.end.clone(), outcome.steps, outcome.virtual_ms, outcome.panics.clone())
    };
    let mut violations: Vec<&Finding> = Vec::new();
    for finding in &first.violations {
        if violations.iter().all(|other| other.violation.rule != finding.violation.rule) {
            violations.push(finding);
        }
    }
    let broken = again.breaches.iter().filter(|breach| matches!(breach.defect, Defect::Rule(_)));
    let same_rules = violations
        .iter()
        .map(|finding| (Some(finding.account), Some(&finding.violation)))
        .eq(broken.map(|breach| (breach.account, breach.violation.as_ref())));
    let same = first.calls == again.calls
        && same_rules
        && end(&first.outcome) == end(&again.outcome)
        && again.breach(Defect::Nondeterminism).is_none();
    if same { Ok(!first.holds()) } else { Err(token) }
}

#[test]
fn every_token_replays_without_a_difference() {
    let known = known();
    let worlds: Vec<World> =
        known.iter().map(|check| World::new(check.scenario().clone()).with_log()).collect();
    let mut all = Seen::default();
    let worker = || {
        |range: Range<u64>| {
            let mut seen = Seen::default();
            for number in range {
                match replay(number, &known, &worlds) {
                    Ok(broken) => seen.broken += u64::from(broken),
                    Err(token) => seen.diverged.push(token),
                }
                seen.replayed += 1;
            }
            seen
        }
    };
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    run_chunks(TOKENS, 100, jobs, &Control::new(), worker, |seen| {
        all.replayed += seen.replayed;
        all.broken += seen.broken;
        all.diverged.extend(seen.diverged);
        ControlFlow::Continue(())
    });
    println!(
        "{} tokens of {} scenarios replayed, {} of them with a broken rule, {} with a difference",
        all.replayed,
        known.len(),
        all.broken,
        all.diverged.len()
    );
    assert_eq!(all.diverged, [""; 0]);
    assert_eq!(all.replayed, TOKENS);
    assert!(all.broken > TOKENS / 10 && all.broken < TOKENS);
}
