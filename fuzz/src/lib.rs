//! What each fuzz target does with its input. `sim/tests/cli/fuzz_corpus.rs` does the same with the
//! corpus on a stable toolchain.

use mapi_sync::contract::Policy;
use mapi_sync::record;
use mapi_sync_sim::Check;
use mapi_sync_sim::decision::Token;
use mapi_sync_sim::world::Scenario;

/// A token that can be read is written as it was; anything else is refused.
///
/// # Panics
///
/// If the text changes when it is read and written.
pub fn token(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.to_string().parse(), Ok(token));
    }
    if let Err(error) = Check::of_token(text) {
        assert!(!error.to_string().is_empty());
    }
}

/// A scenario that can be read is written so that it reads the same; anything else is refused with
/// a place that exists.
///
/// # Panics
///
/// If it does not.
pub fn scenario(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Scenario::parse("fuzz.toml", text) {
        Ok(scenario) => {
            assert_eq!(Scenario::parse("again.toml", &scenario.to_toml()), Ok(scenario));
        }
        Err(error) => {
            assert!(error.line() <= text.matches('\n').count() + 1, "{error}");
            assert!(error.to_string().starts_with("fuzz.toml:"), "{error}");
        }
    }
}

/// A recording is judged or refused.
///
/// # Panics
///
/// If the report lists more violations than it may.
pub fn trace(data: &[u8]) {
    match record::check(data, Policy::default()) {
        Ok(report) => assert!(report.violations.len() <= 1_000),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
