//! Mistakes that do not compile: with a session, and in a runtime.

// Needs a compiler where it runs; under Wine there is none.
#![cfg(not(windows))]

#[test]
fn mistakes_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
