//! What the engine notes of each segment for a reader: who could run, who was woken, who sleeps.

use mapi_sync_engine::strategy::Random;
use mapi_sync_engine::{self as engine, Engine, Limits, SegmentNote, TaskId};

type Seen = (u64, TaskId, usize, Vec<usize>, Option<u64>);

fn seen(note: &SegmentNote) -> Seen {
    let woke = note.woke.iter().map(|task| task.index()).collect();
    (note.at_ms, note.task, note.could_run.len(), woke, note.sleeps_until)
}

/// `idle` tasks that wait for ever, and one that sleeps and is joined.
async fn program(idle: u32) {
    for _ in 0..idle {
        engine::Builder::new("idle").background().spawn(std::future::pending());
    }
    let child = engine::spawn("child", async { engine::sleep(30).await });
    child.await.unwrap();
}

#[test]
fn each_segment_is_noted_in_programs_of_all_sizes() {
    for idle in [0, 1, 62, 63, 64, 200] {
        let mut engine = Engine::new(Limits::default(), Random::new(1));
        engine.keep_notes(true);
        engine.replay(&Default::default(), program(idle));
        let notes = engine.segment_notes();
        assert_eq!(notes.len(), engine.trace().count());
        let (main, child) = (TaskId::MAIN, TaskId::from_index(idle + 1));
        let waits =
            |note: &&SegmentNote| note.task.index() == 0 || note.task.index() > idle as usize;
        let own: Vec<Seen> = notes.iter().filter(waits).map(seen).collect();
        assert_eq!(
            own,
            [
                (0, main, 1, vec![], None),
                (0, child, 1, vec![], Some(30)),
                (30, TaskId::CLOCK, 0, vec![child.index()], None),
                (30, child, 1, vec![0], None),
                (30, main, 1, vec![], None),
            ],
            "{idle} idle tasks"
        );
        // All of those that were spawned could run, and no more than 64 are named.
        assert_eq!(notes[1].could_run.len(), (idle as usize + 1).min(64));
    }
}

#[test]
fn notes_change_no_schedule_and_are_kept_only_where_they_are_wanted() {
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    for index in 0..50 {
        engine.keep_notes(false);
        engine.execute(index, program(3));
        let (plain, decisions) = (engine.fingerprint(), engine.decisions());
        assert!(engine.segment_notes().is_empty());
        engine.keep_notes(true);
        engine.execute(index, program(3));
        assert_eq!((engine.fingerprint(), engine.decisions()), (plain, decisions));
        assert!(!engine.segment_notes().is_empty());
    }
}

#[test]
fn an_abort_wakes_the_task_that_it_ends() {
    let mut engine = Engine::new(Limits::default(), Random::new(1));
    engine.keep_notes(true);
    engine.replay(&Default::default(), async {
        let child = engine::spawn("child", std::future::pending());
        engine::sleep(1).await;
        child.abort();
    });
    let last_but_one = &engine.segment_notes()[3];
    assert_eq!(seen(last_but_one), (1, TaskId::MAIN, 1, vec![1], None));
}
