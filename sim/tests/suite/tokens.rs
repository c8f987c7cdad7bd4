//! Tokens: the replay of each shows the defect of its counterexample again, at the same call.

use mapi_sync::contract::Call;
use mapi_sync_sim::decision::Token;
use mapi_sync_sim::world::MUTANTS;
use mapi_sync_sim::{BreachPlace, Check, Defect};

#[test]
fn a_thousand_tokens_of_mutants_show_the_same_again() {
    let mut tokens = 0;
    for info in MUTANTS {
        for seed in 0..21 {
            let check = Check::mutant(info)
                .schedules(5_000)
                .seed(seed)
                .jobs(1)
                .fail_fast(true)
                .shrink(false);
            let report = check.run();
            let shown = &report.counterexamples[0];
            let token = shown.token().to_string();
            let replayed = Check::of_token(&token).unwrap().replay(&token).unwrap();
            for defect in &shown.defects {
                let (first, again) =
                    (shown.execution.breach(*defect), replayed.execution.breach(*defect));
                assert!(first.is_some(), "{}: {defect}", info.name);
                assert_eq!(first, again, "{}, seed {seed}: {token}", info.name);
            }
            assert_eq!(shown.execution.calls, replayed.execution.calls);
            assert_eq!(replayed.token.defect(), Some(shown.defects[0].id()));
            assert_eq!(replayed.shows_its_defect(), Some(true), "{}: {token}", info.name);
            assert_eq!(replayed.left_over, None, "{}: {token}", info.name);
            tokens += 1;
        }
    }
    assert!(tokens >= 1_000, "{tokens}");
}

#[test]
fn replay_tells_whether_the_named_defect_comes_again() {
    let check = Check::mutant(&MUTANTS[0]);
    let report = check.clone().schedules(5_000).jobs(1).fail_fast(true).run();
    let shown = &report.counterexamples[0];
    let shows = |token: Token| check.replay(&token.to_string()).unwrap().shows_its_defect();
    assert_eq!(shows(shown.token()), Some(true));
    assert_eq!(shows(shown.token_of(shown.defects[0])), Some(true));
    assert_eq!(shows(shown.token_of(Defect::Livelock)), Some(false));
    assert_eq!(shows(shown.subject.token(shown.decisions.clone())), None);
}

#[test]
fn a_breach_is_at_the_call_that_the_monitor_counted() {
    let mut marked = 0;
    for info in MUTANTS {
        let report = Check::mutant(info).schedules(5_000).jobs(1).fail_fast(true).run();
        let execution = &report.counterexamples[0].execution;
        let breach = execution.breach(Defect::Rule(info.rule)).expect("its rule is broken");
        let violation = breach.violation.as_ref().expect("a rule is broken");
        let BreachPlace::At(place) = breach.place else { continue };
        marked += 1;
        let seen = &execution.calls[place];
        assert_eq!(Some(seen.account), breach.account);
        assert_eq!((seen.call.sync, seen.call.at_ms), (violation.sync, violation.at_ms));
        let position = execution.calls[..=place]
            .iter()
            .filter(|other| (other.account, other.call.sync) == (seen.account, seen.call.sync))
            .filter(|other| !matches!(other.call.call, Call::Ended { .. }))
            .count();
        assert_eq!(position, violation.position as usize, "{}", info.name);
        assert!(breach.involved.contains(&place));
    } // The others are about something that never came.
    assert!(marked >= MUTANTS.len() / 2, "{marked}");
}
