//! The sentence that heads a counterexample is true, and names who did it.

use mapi_sync::contract::{Call, Party};
use mapi_sync_sim::{BreachPlace, Counterexample, Defect};

use super::{is_blessed, report, reports};

#[test]
fn each_mutant_has_a_sentence() {
    let mut text = String::new();
    for (name, report) in reports() {
        for shown in &report.counterexamples {
            // The sentence of another defect is its message, which names lines of code.
            let rules = shown.defects.iter().filter(|defect| matches!(defect, Defect::Rule(_)));
            for defect in rules {
                text += &format!("{name}, {defect}: {}\n", shown.sentence_of(*defect));
            }
        }
    }
    is_blessed("tests/cli/formats/sentences.txt", include_str!("sentences.txt"), &text);
}

/// The names in backquotes.
fn quoted(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split('`').skip(1).step_by(2)
}

#[test]
fn a_sentence_names_tasks_of_its_execution_and_the_one_that_did_it() {
    for (name, report) in reports() {
        for shown in &report.counterexamples {
            let Counterexample { execution, .. } = shown;
            for defect in &shown.defects {
                let Defect::Rule(rule) = defect else { continue };
                let sentence = shown.sentence_of(*defect);
                for task in quoted(&sentence) {
                    let is_known = execution.tasks.values().any(|known| known == task);
                    assert!(is_known, "{name}: no task is called {task:?}: {sentence}");
                }
                let breach = execution.breach(*defect).expect("it shows it");
                let BreachPlace::At(place) = breach.place else { continue };
                let seen = &execution.calls[place];
                let is_callback = matches!(
                    seen.call.call,
                    Call::Progress { .. } | Call::Error { .. } | Call::Done { .. }
                );
                if is_callback && rule.blame() == Party::Provider && rule.id() != "bounded-silence"
                {
                    let task = execution.task_of(seen);
                    let is_named = quoted(&sentence).any(|named| named == task);
                    assert!(is_named, "{name}: {task} did it: {sentence}");
                }
            }
        }
    }
}

#[test]
fn a_sentence_is_of_one_line_and_heads_the_report() {
    for (name, report) in reports() {
        let sentence = report.counterexamples[0].sentence();
        assert!((20..=200).contains(&sentence.len()), "{name}: {sentence}");
        assert!(!sentence.contains('\n') && !sentence.ends_with('.'), "{name}: {sentence}");
        let text = report.to_string();
        assert_eq!(text.lines().next(), Some(&*sentence), "{name}");
    }
}

/// What decides is said for the first defect only.
#[test]
fn a_sentence_of_a_replay_says_the_same_without_what_decides() {
    let shown = &report("late-error").counterexamples[0];
    let defect = shown.defects[0];
    let sentence = shown.execution.sentence(defect).expect("it shows it");
    assert_eq!(shown.sentence(), format!("when the fault network loss strikes `sync`: {sentence}"));
    assert_eq!(shown.execution.sentence(Defect::Livelock), None);
}
