//! Pages for the browser, as texts: bounds, determinism, and that what others wrote is data.
//!
//! They stay in the target folder, where `scripts/test-report` opens them in a browser.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mapi_sync::contract::Policy;
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::engine;
use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::world::{Faults, Host, MUTANTS, Scenario};
use mapi_sync_sim::{Check, Report, check, explore};

/// A document as a page, which stays under this name.
fn page(name: &str, document: Document<'_>) -> String {
    let mut page = Vec::new();
    Format::Html.write(&mut page, document, &Palette::PLAIN).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name).with_extension("html"), &page).unwrap();
    String::from_utf8(page).unwrap()
}

fn mutant(name: &str) -> Report {
    Check::named(name).unwrap().schedules(3_000).jobs(1).run()
}

#[test]
fn a_page_answers_what_its_reader_asks() {
    let report = mutant("counts-before-report");
    let page = page("order", Document::Check(&report));
    for question in [
        "Which rule?",
        "Which task did this?",
        "What could have run instead?",
        "Why did it wait, and who woke whom?",
        "What did the user see?",
        "Which faults struck?",
        "What decides it?",
        "How do I see it again?",
        "As it was, and as it would have been",
        "What was exercised",
    ] {
        assert!(page.contains(question), "{question}");
    }
    let shown = &report.counterexamples[0];
    assert!(page.contains(shown.defects[0].statement()));
    assert!(page.contains(&shown.token().to_string()));
    let mut alone = Vec::new();
    shown.write_html(&mut alone).unwrap();
    let alone = String::from_utf8(alone).unwrap();
    assert!(alone.contains(shown.defects[0].statement()) && !alone.contains("What was exercised"));
    assert!(shown.without.as_ref().is_some_and(|without| without.breaches.is_empty()));
}

#[test]
fn the_same_result_gives_the_same_page() {
    let report = mutant("done-twice");
    let checked = || page("done-twice", Document::Check(&report));
    assert_eq!(checked(), checked());
    let token = report.counterexamples[0].token().to_string();
    let replayed = || Check::of_token(&token).unwrap().replay(&token).unwrap();
    let replayed = || page("replay", Document::Replay(&replayed()));
    assert_eq!(replayed(), replayed());
}

#[test]
fn nothing_in_a_page_comes_from_elsewhere() {
    let page = page("event-never", Document::Check(&mutant("event-never")));
    let policy = page.find("Content-Security-Policy").unwrap();
    assert!(policy < page.find("<style>").unwrap(), "the policy comes first");
    for source in ["http:", "https:", "//", " src=", "@import", "url("] {
        // The script's comments are the only place with slashes.
        let body = page.split("<script>").next().unwrap();
        assert!(!body.contains(source), "{source}");
    }
    assert!(!page.contains(" style="), "the policy forbids it");
    assert!(!page.contains(" onclick="), "the policy forbids it");
}

/// A provider that says what its `text` is wherever it can.
struct Hostile {
    text: &'static str,
}

#[async_trait]
impl MapiSync for Hostile {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let text = self.text;
        request.start(move |session| async move {
            engine::note(text);
            let task = engine::spawn(text, async move {
                engine::yield_now().await;
            });
            session.progress(Some(text), 1, 2).await;
            session.error(HResult::E_FAIL, text).await;
            let _ended = task.await;
            session.sleep(Duration::from_millis(1)).await;
            panic!("{text}")
        })
    }
}

#[test]
fn what_a_provider_says_is_data() {
    const TEXT: &str = "</script><script>alert(1)</script><!--\u{202e}\u{2028}\u{0}\"'>";
    let report = check(|| Hostile { text: TEXT }).schedules(20).run();
    assert!(report.is_broken());
    let page = page("hostile-provider", Document::Check(&report));
    assert_eq!(page.matches("<script").count(), 2, "the data and the script");
    assert!(!page.contains("<!--"));
    for unseen in ['\u{202e}', '\u{2028}', '\u{0}'] {
        assert!(!page.contains(unseen), "{unseen:?}");
    }
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
}

#[test]
fn a_page_is_bounded_whatever_is_said() {
    static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "<é".repeat(100_000));
    let report = check(|| Hostile { text: &LONG }).schedules(3).run();
    assert!(report.is_broken());
    let page = page("hostile-length", Document::Check(&report));
    assert!(page.len() < 1_000_000, "{}", page.len());
    assert!(page.contains("characters in all]"));
}

#[test]
fn a_scenario_says_nothing_that_runs() {
    let text = r#"
        version = 1
        mutant = "done-twice"
        name = "</title><script>alert(1)</script>"
        [[account]]
        name = "<img src=x onerror=alert(1)>"
    "#;
    let scenario = Scenario::parse("hostile.toml", text).unwrap();
    let report = Check::simulated(scenario).schedules(1_000).jobs(1).run();
    let page = page("hostile-scenario", Document::Check(&report));
    assert_eq!(page.matches("<script").count(), 2);
    assert!(!page.contains("<img"));
}

/// A sync of 5,000 calls that fails at its end.
struct Long;

#[async_trait]
impl MapiSync for Long {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            for message in 1..=2_490 {
                session.sleep(Duration::from_millis(3)).await;
                session.progress(Some("Inbox"), message, 2_500).await;
            }
            panic!("no Done comes")
        })
    }
}

#[test]
fn five_thousand_calls_are_below_three_megabytes() {
    let check = check(|| Long).faults(Faults::default()).host(Host::default());
    let report = check.late_work(false).shrink(false).schedules(1).run();
    let calls = report.counterexamples[0].execution.calls.len();
    assert!(calls >= 4_900, "{calls}");
    let page = page("long", Document::Check(&report));
    let size = page.len();
    assert!(size < 3_000_000, "{size}");
    assert!(!page.contains("rows that play no part"), "all of it is shown");
}

#[test]
fn a_program_has_a_page() {
    let report = explore(|| async {
        let (a, b) = (engine::sync::Mutex::new("a", ()), engine::sync::Mutex::new("b", ()));
        let (first, second) = (a.clone(), b.clone());
        let task = engine::spawn("other", async move {
            let _first = first.lock().await;
            let _second = second.lock().await;
        });
        {
            let _second = b.lock().await;
            let _first = a.lock().await;
        }
        task.await.unwrap();
    })
    .jobs(1)
    .schedules(200)
    .run();
    let page = page("program", Document::Check(&report));
    assert!(page.contains("What is expected?") && page.contains(">deadlock<"));
    assert!(page.contains("Every step, in virtual time"));
    assert!(!page.contains("Send/Receive"), "nobody looks");
}

#[test]
fn ten_mutants_have_pages() {
    for info in MUTANTS.iter().step_by(5).take(10) {
        let check = Check::mutant(info).schedules(50_000).jobs(1).fail_fast(true);
        let report = check.run();
        let name = format!("mutant-{}", info.name);
        let page = page(&name, Document::Check(&report));
        assert!(page.contains(&format!("breaks: {}", info.rule)) || page.contains("missing here"));
        for text in [info.rule.statement(), info.rule.source()] {
            assert!(page.contains(&text.replace('\'', "&#39;")), "{name}: {text}");
        }
    }
}

#[test]
fn a_recording_has_a_page_and_its_texts_are_data() {
    let head = r#"{"mapi-sync-trace":1,"file":0,"texts":true}
{"t":1,"event":"open","sync":1,"flags":"0x00000080"}"#;
    let text = r"</script><img src=x>\u202e";
    let call = r#"{"t":2000,"event":"progress","sync":1,"thread":1,"call":1,"index":9,"max":2"#;
    let rest = r#"{"t":2001,"event":"returned","call":1,"result":"0x00000000"}
{"t":5000,"event":"done","sync":1,"thread":1,"call":2,"handle":4,"status":"0x00000000"}
{"t":5001,"event":"returned","call":2,"result":"0x00000000"}
{"t":9000,"event":"close","sync":1}"#;
    let trace = format!("{head}\n{call},\"text\":\"{text}\"}}\n{rest}\n");
    let report = mapi_sync::record::check(trace.as_bytes(), Policy::default()).unwrap();
    let page = page("recording", Document::Trace(&report));
    assert!(page.contains("<h2 id=\"c0h\">progress-range</h2>"), "{page}");
    assert!(page.contains("&lt;/script&gt;&lt;img src=x&gt;"));
    assert!(!page.contains("<img") && !page.contains('\u{202e}'));
}
