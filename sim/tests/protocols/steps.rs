//! Mistakes in a protocol are refused with their place, and a counterexample names the lines.

use mapi_sync_sim::Check;
use mapi_sync_sim::engine::Engine;
use mapi_sync_sim::strategy::Random;
use mapi_sync_sim::world::{Scenario, World};

const HEAD: &str = "version = 2\nname = \"x\"\n[[account]]\nname = \"a\"\nfolders = 2\n";

fn refused(rest: &str) -> String {
    let text = format!("{HEAD}{rest}\n");
    Scenario::parse("t.toml", &text).expect_err("this must be refused").to_string()
}

#[test]
fn mistakes_are_placed() {
    let cases = [
        (
            "[protocol]\nstart = [\"publsh\"]",
            "t.toml:7:10: unknown step `publsh`, did you mean `publish`?",
        ),
        ("[protocol]\nstrt = []", "t.toml:7:1: unknown key `strt`, did you mean `start`?"),
        ("[protocol]\ncounters = {}", "t.toml:6:1: a protocol has a `start`"),
        (
            "[protocol]\nstart = [{ spwan = \"a\" }]",
            "t.toml:7:12: unknown key `spwan`, did you mean `spawn`?",
        ),
        (
            "[protocol]\nstart = [\n  \"publish\",\n  { spawn = \"snyc\" },\n]\n\
             [protocol.task]\nsync = []",
            "t.toml:9:3: unknown task `snyc`, did you mean `sync`?",
        ),
        (
            "[protocol]\nstart = [{ if = \"cancelled\", then = [\n  { done = \"S_KO\" },\n] }]",
            "t.toml:8:3: unknown code, did you mean `S_OK`?",
        ),
        (
            "[protocol]\nstart = [{ work = 5, done = \"S_OK\" }]",
            "t.toml:7:10: a step is either `work` or `done`",
        ),
        ("[protocol]\nstart = [{ then = [] }]", "t.toml:7:10: a step has one of work, "),
        (
            "[protocol]\nstart = [{ work = 5, then = [] }]",
            "t.toml:7:10: `then` does not belong to `work`, which has no other key",
        ),
        (
            "[protocol]\nstart = [{ lock = \"l\", then = [] }]",
            "t.toml:7:10: `then` does not belong to `lock`, which has steps",
        ),
        (
            "[protocol]\nstart = [{ work = \"bdy\" }]",
            "t.toml:7:19: unknown cost `bdy`, did you mean `body`?",
        ),
        ("[protocol]\nstart = [{ work = -1 }]", "t.toml:7:19: -1 is out of range"),
        (
            "[protocol]\nstart = [{ if = \"cancelled or late\", then = [] }]",
            "t.toml:7:10: a condition is `name`, `not name`, or two values",
        ),
        (
            "[protocol]\ncounters = { done = 0 }\nstart = [{ add = \"don\" }]",
            "t.toml:8:10: unknown counter `don`, did you mean `done`?",
        ),
        (
            "[protocol]\ncounters = { total = 0 }\nstart = [\"done\"]",
            "t.toml:6:1: `total` stands for two things",
        ),
        (
            "[protocol]\nstart = [{ wait = \"folders == 2\" }]",
            "t.toml:7:10: `wait` waits for `cancelled`, or for a counter",
        ),
        (
            "[protocol]\nstart = [\"done\"]\n[protocol.shutdown]\nnotify = [\"done\"]",
            "t.toml:9:11: `done` is a sync's step; a shutdown has cancel, ",
        ),
        (
            "[protocol]\nstart = [\"done\"]\n[protocol.dropped]\nsync = []",
            "t.toml:6:1: unknown task `sync`, there is none",
        ),
        (
            "[protocol]\nstart = [{ spawn = \"a\" }]\n[protocol.task]\na = [{ return = \"S_OK\" }]",
            "t.toml:9:6: a task returns no code",
        ),
        (
            "[protocol]\nstart = [\"done\"]\n[protocol.never]\nlate = \"cancelled\"",
            "t.toml:9:8: a promise compares counters and numbers",
        ),
        (
            "[protocol]\nstart = [\"done\"]\n[protocol.never]\ndone-once = \"1 > 2\"",
            "t.toml:9:13: `done-once` is a rule of the contract",
        ),
        (
            "[provider]\nretries = 2\ntext = \"null\"\n[protocol]\nstart = [\"done\"]",
            "t.toml:9:1: with a protocol, `[provider]` has only `workers`, ",
        ),
    ];
    for (rest, start) in cases {
        let message = refused(rest);
        assert!(message.starts_with(start), "{rest}\n{message}");
    }
    let in_version_1 = HEAD.replace('2', "1") + "[protocol]\nstart = [\"done\"]";
    let message = Scenario::parse("t.toml", &in_version_1).unwrap_err().to_string();
    assert!(message.starts_with("t.toml:6:1: a protocol needs `version = 2`"), "{message}");
    let with_mutant =
        HEAD.replace("[[", "mutant = \"done-twice\"\n[[") + "[protocol]\nstart = [\"done\"]";
    let message = Scenario::parse("t.toml", &with_mutant).unwrap_err().to_string();
    assert!(message.contains("only a mutant of the host can be built in"), "{message}");
}

/// A loop in which nothing waits must neither hang nor starve others.
#[test]
fn a_loop_that_only_looks_ends_when_the_flag_comes_up() {
    let text = format!(
        "{HEAD}[protocol]\ncounters = {{ up = 0 }}\nstart = [\"publish\", {{ spawn = \"sync\" }}]\n\
         [protocol.task]\n\
         sync = [{{ spawn = \"other\" }}, {{ while = \"not up\" }}, {{ join = \"other\" }},\n\
         \"done\", \"signal\"]\n\
         other = [{{ work = 3 }}, {{ set = \"up\" }}]\n"
    );
    let report = Check::simulated(Scenario::parse("t", &text).unwrap()).schedules(300).run();
    assert!(report.holds());
    let endless = text.replace("{ set = \"up\" }", "\"yield\"");
    let report = Check::simulated(Scenario::parse("t", &endless).unwrap()).schedules(3).run();
    assert!(report.is_broken());
}

#[test]
fn a_counterexample_names_the_lines_of_the_file() {
    let text = format!(
        "{HEAD}[protocol]\nstart = [\n  \"publish\",\n  {{ spawn = \"sync\" }},\n]\n\
         [protocol.task]\nsync = [\n  {{ progress = 1, of = 1 }},\n  \"done\",\n  \"done\",\n  \
         \"signal\",\n]\n"
    );
    let report = Check::simulated(Scenario::parse("t", &text).unwrap()).schedules(10).run();
    let shown = report.to_string();
    for line in
        ["line 8: publish", "line 9: spawn", "line 13: progress", "line 14: done", "line 15: done"]
    {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn a_token_of_a_protocol_replays() {
    let text = include_str!("mutants/counts-before-report.toml");
    let scenario = Scenario::parse("t", text).unwrap();
    let report = Check::simulated(scenario.clone()).schedules(3_000).run();
    let token = report.counterexamples[0].token().to_string();
    let replayed = Check::simulated(scenario).replay(&token).unwrap();
    assert_eq!(replayed.outcome(), mapi_sync_sim::ReplayOutcome::Broken);
    let mended =
        text.replace("  { wait = \"counted == folders\" },\n", "  { join = \"worker\" },\n");
    assert_ne!(mended, text);
    let mended = Check::simulated(Scenario::parse("t", &mended).unwrap());
    assert!(mended.replay(&token).is_err(), "another protocol is another scenario");
}

const PROMISES: &str = r#"
[protocol]
counters = { taken = 0, told = 0, over = 0 }
start = ["publish", { spawn = "sync" }]

[protocol.never]
"told more than is there" = "told > 2"

[protocol.eventually]
"it ends" = "over"

[protocol.at_end]
"all is told" = "told == taken"

[protocol.task]
sync = [{ spawn = "worker", times = 2 }, { join = "worker" }, { set = "over" }, "done", "signal"]
worker = [
  { add = "taken" },
  { keep = "told", as = "seen" },
  { choose = [[{ work = 0 }], [{ work = 3 }, { sometimes = "a slow worker" }]] },
  { add = "told" },
]
"#;

fn names(report: &mapi_sync_sim::Report) -> Vec<&str> {
    report
        .counterexamples
        .iter()
        .flat_map(|shown| &shown.defects)
        .map(|defect| defect.id())
        .collect()
}

#[test]
fn promises_of_the_author_are_held_to() {
    let check = |text: &str| {
        let scenario = Scenario::parse("t", &format!("{HEAD}{text}")).unwrap();
        let check = Check::simulated(scenario).strategy("exhaustive").unwrap();
        let report = check.schedules(20_000).run();
        assert!(report.complete);
        report
    };
    let held = check(PROMISES);
    assert!(held.holds(), "{held}");
    assert_eq!(held.goals.len(), 1);
    assert!(held.goals[0].name == "a slow worker" && held.goals[0].met > 0);
    // What is read before the wait is old after it: an update is lost.
    let kept = "{ set = \"told\", to = \"seen\" },\n  { add = \"told\" }";
    let lost = check(&PROMISES.replace("{ add = \"told\" }", kept));
    assert_eq!(names(&lost), ["all is told"]);
    let more = check(&PROMISES.replace("{ add = \"told\" }", "{ add = \"told\", by = 2 }"));
    assert_eq!(names(&more), ["told more than is there", "all is told"]);
    let endless = check(&PROMISES.replace("{ set = \"over\" }, ", ""));
    assert_eq!(names(&endless), ["it ends"]);
    let unmet = check(&PROMISES.replace(
        "[{ work = 0 }], [{ work = 3 }, {",
        "[{ work = 0 }], [{ wait = \"told > 9\" }, {",
    ));
    assert_eq!(unmet.goals[0].met, 0);
}

/// What could go on for ever, or use up the memory, is cut off.
#[test]
fn hostile_protocols_end() {
    let endless = [
        "sync = [{ while = \"1 == 1\", steps = [{ send = \"q\" }] }]",
        "sync = [{ while = \"1 == 1\", steps = [{ join = \"sync\" }, { wait = \"n == 0\" }] }]",
        "sync = [{ while = \"1 == 1\", steps = [{ race = [[{ add = \"n\" }], [\"yield\"]] }] }]",
        "sync = [{ repeat = 1_000_000_000, steps = [{ repeat = 1_000_000_000 }] }]",
        "sync = [{ spawn = \"sync\", times = 1_000_000_000 }]",
        "sync = [{ spawn = \"sync\" }, { spawn = \"sync\" }]",
        "sync = [{ while = \"1 == 1\", steps = [{ spawn = \"sync\", times = 1_000 }] }]",
        "sync = [{ while = \"1 == 1\", steps = [{ progress = 1, of = 1 }] }]",
    ];
    for tasks in endless {
        let text = format!(
            "{HEAD}[protocol]\ncounters = {{ n = 0 }}\nqueues = {{ q = 0 }}\n\
             start = [\"publish\", {{ spawn = \"sync\" }}]\n[protocol.task]\n{tasks}\n"
        );
        let scenario = Scenario::parse("t", &text).unwrap_or_else(|error| panic!("{error}"));
        let world = World::new(scenario);
        let mut engine = Engine::new(world.limits(), Random::new(1));
        assert!(!world.run(&mut engine, 0).unwrap().holds(), "{tasks}");
    }
}
