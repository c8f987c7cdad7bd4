//! The pages that tests write for the browser.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::report::{Document, Format, Palette};

/// How many characters of a test's name stand in the name of its file.
const NAME: usize = 100;

/// Writes a result as the page of this test, in a folder that is made if it is not there. Says in a
/// line where it is, or why it is not.
pub(super) fn write_page(folder: &Path, test: &str, document: Document<'_>) -> String {
    let path = folder.join(file_name(test));
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut out = BufWriter::new(File::create(&path)?);
        Format::Html.write(&mut out, document, &Palette::PLAIN)?;
        out.flush()
    };
    match write() {
        Ok(()) => format!("{test}: a page for the browser is in {}", path.display()),
        Err(error) => format!("{test}: no page for the browser: {}: {error}", path.display()),
    }
}

/// A name that is one on every system, whatever the test is called.
fn file_name(test: &str) -> String {
    let safe = |part: char| if part.is_alphanumeric() || part == '_' { part } else { '-' };
    let name: String = test.replace("::", "-").chars().take(NAME).map(safe).collect();
    format!("{name}.html")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Report, explore};

    fn broken() -> Report {
        explore(|| async { Err::<(), _>("on purpose") }).schedules(2).jobs(1).run()
    }

    #[test]
    fn a_page_has_the_name_of_its_test() {
        assert_eq!(file_name("store::keeps_the_contract"), "store-keeps_the_contract.html");
        assert_eq!(file_name("../a b/<c>\u{202e}"), "---a-b--c--.html");
        assert_eq!(file_name(&"é".repeat(1_000)), format!("{}.html", "é".repeat(NAME)));
    }

    #[test]
    fn a_page_is_written_or_it_is_said_why_not() {
        let folder = std::env::temp_dir().join(format!("mapi-sync-pages-{}", std::process::id()));
        let said = write_page(&folder.join("new"), "a::test", Document::Check(&broken()));
        let path = folder.join("new").join("a-test.html");
        assert_eq!(said, format!("a::test: a page for the browser is in {}", path.display()));
        assert!(fs::read_to_string(&path).unwrap().contains("on purpose"));
        // A file is no folder.
        let said = write_page(&path, "test", Document::Check(&broken()));
        assert!(said.starts_with("test: no page for the browser: "), "{said}");
        fs::remove_dir_all(folder).unwrap();
    }
}
