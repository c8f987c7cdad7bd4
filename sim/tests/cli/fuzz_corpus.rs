//! The bodies of the fuzz targets, over their corpus and over damaged copies of it.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

#[expect(unreachable_pub, reason = "in the crate `fuzz` it is the root")]
#[path = "../../../fuzz/src/lib.rs"]
mod bodies;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).expect("there is a corpus");
    files.map(|file| fs::read(file.expect("a file").path()).expect("it can be read")).collect()
}

/// Runs a target on each file as it is, and with bytes cut out and put in.
fn smoke(target: &str, body: fn(&[u8])) {
    let files = corpus(target);
    assert!(!files.is_empty(), "{target} has no corpus");
    files.iter().for_each(|file| body(file));
    let bytes = proptest::collection::vec(any::<u8>(), 0..6);
    let damages = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..20_usize, bytes);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) };
    let damaged = TestRunner::new(config).run(&damages, |(which, at, length, bytes)| {
        let mut file = which.get(&files).clone();
        let start = at.index(file.len() + 1);
        let end = (start + length).min(file.len());
        file.splice(start..end, bytes);
        body(&file);
        Ok(())
    });
    damaged.expect("nothing makes it panic");
}

#[test]
fn tokens_are_read_or_refused() {
    smoke("token", bodies::token);
}

#[test]
fn scenarios_are_read_or_refused() {
    smoke("scenario", bodies::scenario);
}

#[test]
fn recordings_are_judged_or_refused() {
    smoke("trace", bodies::trace);
}
