//! Correct syncs in any order, and any story at all.

use proptest::prelude::*;

use super::*;

/// A step of a sync that keeps every rule, whatever the order of such steps.
#[derive(Clone, Copy, Debug)]
enum Step {
    Advance,
    NextPhase(u32),
    Warning,
    Failure,
    HostFails,
    Wait(u64),
    Hold,
    LetGo,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Advance),
        1 => (0u32..5).prop_map(Step::NextPhase),
        1 => Just(Step::Warning),
        1 => Just(Step::Failure),
        1 => Just(Step::HostFails),
        1 => (0u64..60_000).prop_map(Step::Wait),
        1 => Just(Step::Hold),
        1 => Just(Step::LetGo),
    ]
}

proptest! {
    #[test]
    fn a_correct_sync_is_never_accused(
        steps in prop::collection::vec(step(), 0..40),
        null: bool,
    ) {
        let mut story = Story::started();
        let (mut index, mut index_max, mut failed, mut held) = (0, 3, false, 0);
        for step in steps {
            story = match step {
                Step::Advance => {
                    index = (index + 1).min(index_max);
                    story.progress(index, index_max)
                }
                Step::NextPhase(size) => {
                    story = story.progress(index_max, index_max);
                    (index, index_max) = (0, size);
                    story.progress(0, size)
                }
                Step::Warning => story.call(error(HResult::MAPI_W_NO_SERVICE)),
                Step::Failure => {
                    failed = true;
                    story.call(error(HResult::MAPI_E_DISK_ERROR))
                }
                Step::HostFails => story.answered(progress(index, index_max), Answer::Panicked),
                Step::Wait(ms) => story.later(ms).progress(index, index_max),
                Step::Hold => {
                    held += 1;
                    story.and(Call::AddRef)
                }
                Step::LetGo if held > 0 => {
                    held -= 1;
                    story.and(Call::Release)
                }
                Step::LetGo => story,
            };
        }
        for _ in 0..held {
            story = story.and(Call::Release);
        }
        let story = story.progress(index_max, index_max);
        let status = if failed { HResult::MAPI_W_ERRORS_RETURNED } else { OK };
        if null {
            let closed = Call::EventClosed { by: Party::Host, event: EVENT };
            story.done(RawEvent::NULL, status).quiet().and(closed).holds();
        } else {
            story.done(EVENT, status).closed().holds();
        }
    }

    /// Any calls in any order cause no panic, and report no rule twice.
    #[test]
    fn any_story_is_judged_without_a_panic(
        calls in prop::collection::vec((0u32..16, 0u32..4, 0u32..4), 0..60),
    ) {
        let mut story = Story::new(Policy::default().with(Rule::SERIAL_CALLS));
        for (what, a, b) in calls {
            let event = RawEvent::from_value(a as usize * 4);
            let by = if b % 2 == 0 { Party::Host } else { Party::Provider };
            let result = HResult::from_bits(if b == 0 { 0 } else { 0x8004_0100 + b });
            let call = match what {
                0 => Call::Queried,
                1 => Call::AddRef,
                2 => Call::Release,
                3 => Call::Error { result, text: Some("text") },
                4 => Call::Error { result, text: None },
                5 => Call::Done { event, status: result },
                6 => Call::Ended { call: CallId(a), answer: Answer::Returned(result) },
                7 => Call::Ended { call: CallId(a), answer: Answer::Panicked },
                8 => Call::EventCreated { event },
                9 => {
                    let duplicate = RawEvent::from_value(b as usize * 4);
                    Call::EventDuplicated { by, from: event, event: duplicate }
                }
                10 => Call::EventPublished { event },
                11 => Call::EventSet { by, event },
                12 => Call::EventClosed { by, event },
                13 => Call::CancelRequested,
                14 => Call::StartReturned { result, event },
                _ => progress(a, b),
            };
            story = story.and(call).later(u64::from(a));
        }
        let mut rules = story.breaks();
        let found = rules.len();
        rules.sort();
        rules.dedup();
        prop_assert_eq!(rules.len(), found);
    }
}
