//! Mistakes with the attribute `#[mapi_sync_macros::test]` that do not compile.

// Needs a compiler where it runs; under Wine there is none.
#![cfg(not(windows))]

#[test]
fn mistakes_with_the_attribute_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
