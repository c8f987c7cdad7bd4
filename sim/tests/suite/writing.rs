//! Everything that can be written of a report.

use mapi_sync_sim::report::{Document, Format, Palette};
use mapi_sync_sim::{Check, Report};

/// Writes a document in the formats that have all of it. Returns the text for people.
pub(crate) fn write(document: Document<'_>) -> String {
    let mut text = Vec::new();
    for format in [Format::Json, Format::Human] {
        text.clear();
        format.write(&mut text, document, &Palette::PLAIN).expect("memory takes everything");
    }
    String::from_utf8(text).expect("reports are UTF-8")
}

/// Replays the tokens of a report, and writes what they show.
pub(crate) fn replay_all(check: &Check, report: &Report) {
    for shown in &report.counterexamples {
        assert!(!shown.defects.is_empty(), "a counterexample without a defect");
        let token = shown.token().to_string();
        let replayed = check.replay(&token).expect("the token is of this check");
        write(Document::Replay(&replayed));
        if let Some(without) = shown.why.as_ref().and_then(|why| why.without()) {
            let token = shown.subject.token(without.clone()).to_string();
            check.replay(&token).expect("so is this one");
        }
    }
}
