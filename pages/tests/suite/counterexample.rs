//! The counterexample on the pages is what its example prints.

#[path = "../../../sim/examples/check_a_provider.rs"]
mod check_a_provider;

const PAGES: [(&str, &str); 4] = [
    ("README.md", include_str!("../../../README.md")),
    ("docs/guide.md", include_str!("../../../docs/guide.md")),
    ("sim/src/lib.rs", include_str!("../../../sim/src/lib.rs")),
    ("the example", include_str!("../../../sim/examples/check_a_provider.rs")),
];

#[test]
fn pages_show_what_the_example_prints() {
    let panic = std::panic::catch_unwind(check_a_provider::main).expect_err("it finds a mistake");
    let printed = panic.downcast_ref::<String>().expect("a panic with the report");
    for (page, text) in PAGES {
        let text: String = text
            .lines()
            .map(|line| {
                line.strip_prefix("//!").map_or(line, |line| line.strip_prefix(' ').unwrap_or(line))
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let block = text.split("```text\n").find(|block| block.starts_with("progress-complete"));
        let block = block.unwrap_or_else(|| panic!("{page} shows no counterexample"));
        let shown = block.split("```").next().unwrap_or_default();
        // A page may leave lines out, and the end of the token.
        let mut lines = printed.lines();
        for line in shown.lines() {
            let begin = line.split('…').next().unwrap_or_default();
            let is_cut = line.contains('…');
            let found =
                lines.any(|printed| printed == line || is_cut && printed.starts_with(begin));
            assert!(found, "{page} shows \"{line}\", where the example prints:\n{printed}");
        }
    }
}
