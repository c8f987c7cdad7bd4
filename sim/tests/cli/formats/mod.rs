//! Reports in every format, of every mutant.

mod calls;
mod command;
mod documents;
mod sentences;

use std::path::Path;
use std::sync::OnceLock;

use mapi_sync_sim::world::MUTANTS;
use mapi_sync_sim::{Check, Report};

/// The report of a check of each mutant, by its name.
fn reports() -> &'static [(&'static str, Report)] {
    static REPORTS: OnceLock<Vec<(&str, Report)>> = OnceLock::new();
    REPORTS.get_or_init(|| {
        let report = |info| Check::mutant(info).schedules(5_000).jobs(1).fail_fast(true).run();
        MUTANTS.iter().map(|info| (info.name, report(info))).collect()
    })
}

fn report(mutant: &str) -> &'static Report {
    let found = reports().iter().find(|(name, _)| *name == mutant);
    &found.expect("the table has it").1
}

/// Compares a text with what the file of this name holds, or writes the file, under `BLESS=1`.
#[track_caller]
fn is_blessed(file: &str, known: &str, text: &str) {
    if std::env::var_os("BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        std::fs::write(path, text).expect("the file can be written");
        return;
    }
    assert_eq!(known, text, "{file} is stale: BLESS=1 writes it anew");
}
