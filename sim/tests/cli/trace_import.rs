//! `trace import`, as a user runs it.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/trace-import");

fn read(name: &str) -> String {
    fs::read_to_string(format!("{FOLDER}/{name}")).expect("it is there").replace("\r\n", "\n")
}

fn command(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mapi-sync"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    if let Err(error) = child.stdin.take().expect("piped").write_all(input.as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

/// A mapping file of a test's own.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("mapi-sync-import-{}-{name}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text).expect("a temporary file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The status, the trace, and what is said besides.
fn import(name: &str, mapping: &str, log: &str) -> (i32, String, String) {
    let mapping = File::new(name, mapping);
    let output = command(&["trace", "import", mapping.path(), "-"], log);
    (output.status.code().expect("it exits"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_example_is_imported_line_by_line() {
    let (status, trace, said) = import("example", &read("mapping.toml"), &read("client.log"));
    assert_eq!(status, 0, "{said}");
    assert_eq!(
        said,
        "10 of 14 lines are in the trace; no pattern matched the others, such as line 1\n"
    );
    let lines: Vec<&str> = trace.lines().collect();
    assert_eq!(
        lines[..5],
        [
            r#"{"mapi-sync-trace":1,"file":0,"texts":true,"exact_gaps":true,"ends":true}"#,
            r#"{"t":0,"event":"open","sync":1,"flags":"0x00000000"}"#,
            concat!(
                r#"{"t":0,"event":"progress","sync":1,"thread":1,"call":1,"#,
                r#""text":"Connecting","index":0,"max":4}"#
            ),
            r#"{"t":1000,"event":"returned","call":1,"result":"0x00000000"}"#,
            concat!(
                r#"{"t":813000,"event":"progress","sync":1,"thread":1,"call":2,"#,
                r#""text":"Inbox","index":1,"max":4}"#
            ),
        ]
    );
    assert_eq!(lines.last(), Some(&r#"{"t":2726000,"event":"close","sync":1}"#));
}

#[test]
fn the_page_shows_the_example_and_what_the_check_says() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/trace-import.md"));
    let page = page.expect("the page").replace("\r\n", "\n");
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let body = |block: &str| block.split_once('\n').expect("a language").1.to_owned();
    let (log, mapping, verdict) = (body(blocks[1]), body(blocks[2]), body(blocks[3]));
    assert!(read("client.log").contains(&log), "{log}");
    let (_, trace, said) = import("page", &mapping, &read("client.log"));
    assert!(said.starts_with("10 of 14 lines"), "{said}");
    let output = command(&["trace", "check", "-"], &trace);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.starts_with(&verdict), "{shown}");
}

const LINE: &str = r#"
[[line]]
event = "progress"
pattern = '^(?<time>\S+) (?<sync>\w+) (?<index>\d+)/(?<max>\d+)$'
[[line]]
event = "done"
pattern = '^(?<time>\S+) (?<sync>\w+) done$'
status = "S_OK"
"#;

#[test]
fn logs_without_ends_say_so_and_are_judged_by_the_rest() {
    let mapping = format!("[log]\ntime = \"ms\"\nwhole_syncs = true\n{LINE}");
    let log = "5 a 1/2\n7 b 1/1\n9 b done\n90000 a 2/2\n90001 a done\n90002 a 2/2\n";
    let (status, trace, said) = import("ends", &mapping, log);
    assert_eq!((status, &said[..]), (0, "6 of 6 lines are in the trace\n"));
    let output = command(&["trace", "check", "-"], &trace);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains("done-last (must, provider)"), "{shown}");
    // A silence of 90 s may be the host's: nothing says when the call ended.
    assert!(!shown.contains("bounded-silence ("), "{shown}");
    assert!(shown.contains("not judged, for the trace does not say how calls end: "), "{shown}");
}

#[test]
fn parts_and_missing_times_are_said() {
    let (status, trace, said) =
        import("parts", &LINE.replace("(?<time>\\S+)", "\\S+"), "x a 1/2\ny a 0/2\n");
    assert_eq!(status, 0);
    let expected = "2 of 2 lines are in the trace; without times, no bound in time can be held\n";
    assert_eq!(said, expected);
    // A phase of another size may have come between the two.
    let output = command(&["trace", "check", "-"], &trace);
    assert!(text(&output.stdout).contains("no rule was broken"), "{}", text(&output.stdout));
    let (status, _, said) = import("none", LINE, "hello\n");
    assert_eq!(status, 3);
    assert_eq!(
        said,
        "0 of 1 lines are in the trace; no pattern matched the others, such as line 1\n"
    );
}

#[test]
fn calls_are_paired_by_name_or_by_thread() {
    let mapping = r#"
[[line]]
event = "progress"
pattern = '^(?<call>\w+) t(?<thread>\d) begins$'
sync = 1
index = 1
max = "2"
[[line]]
event = "returned"
pattern = '^(?<call>\w+) ends$'
result = "S_OK"
[[line]]
event = "abandoned"
pattern = '^t(?<thread>\d) gives up$'
"#;
    let log =
        "p t1 begins\nq t2 begins\nr t1 begins\np ends\nt1 gives up\nt1 gives up\nt2 gives up\n";
    let (status, trace, said) = import("pairs", mapping, log);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("1 calls ended that had not begun in the log"), "{said}");
    let ends: Vec<&str> = trace.lines().skip(4).collect();
    assert_eq!(
        ends,
        [
            r#"{"t":3,"event":"returned","call":1,"result":"0x00000000"}"#,
            r#"{"t":4,"event":"abandoned","call":3}"#,
            r#"{"t":6,"event":"abandoned","call":2}"#,
        ]
    );
}

#[test]
fn mappings_are_refused_with_the_place() {
    for (wrong, message) in [
        ("", "missing field `line`"),
        ("line = []\nlog.tme = \"s\"", "unknown field `tme`"),
        ("log.time = \"h\"\nline = []", "log.time: `h` is no unit (s, ms, us), and no format"),
        ("line = []\ncodes.ok = \"FINE\"", "codes.ok: "),
        ("[[line]]\nevent = \"done\"", "line 1: `pattern` is missing"),
        (
            "[[line]]\nevent = \"dne\"\npattern = \"x\"",
            "line 1: there is no event `dne`: there are open, ",
        ),
        ("[[line]]\nevent = \"done\"\npattern = \"(\"", "line 1: regex parse error"),
        (
            "[[line]]\nevent = \"done\"\npattern = \"(?<snc>x)\"",
            "line 1: there is no field `snc`: there are ",
        ),
        (
            "[[line]]\nevent = \"done\"\npattern = \"(?<sync>x)\"",
            "line 1: `done` needs `status`: a group",
        ),
        (
            "[[line]]\nevent = \"close\"\npattern = \"x\"\nsync = 1.5",
            "line 1: `sync` must be a string or",
        ),
        (
            "log.whole_syncs = true\n[[line]]\nevent = \"open\"\npattern = \"x\"\nsync = 1",
            "log.whole_syncs: the lines `open` and `close` say that already",
        ),
    ] {
        let (status, trace, said) = import("refused", wrong, "");
        assert_eq!((status, &trace[..]), (2, ""), "{wrong}");
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn lines_that_cannot_be_read_are_refused_with_their_number() {
    for (log, message) in [
        (
            "1 a 1/2\n2 a 99999999999/2\n",
            "line 2 of the log: `index` is `99999999999`, which is no number",
        ),
        ("x a done\n", "line 1 of the log: `time` is `x`, which is no number"),
    ] {
        let (status, _, said) = import("lines", &format!("log.time = \"s\"\n{LINE}"), log);
        assert_eq!(status, 2, "{said}");
        assert!(said.contains(message), "{said}");
    }
    let (status, _, said) = import("long", LINE, &"x".repeat(3 << 20));
    assert_eq!(status, 2);
    assert!(said.contains("line 1 of the log is longer than 1048576 bytes"), "{said}");
    let unknown = LINE.replace("status = \"S_OK\"", "status = \"FINE\"");
    let (status, _, said) = import("code", &unknown, "1 a done\n");
    assert_eq!(status, 2);
    assert!(said.contains("and `[codes]` has no such name"), "{said}");
}
