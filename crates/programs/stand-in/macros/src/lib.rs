//! The attribute `test` of the crate `stand-in`.

use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// How many schedules of a test are run.
const SCHEDULES: u64 = 1_000;

/// Checks an async test function under many schedules. An execution ends with the function, as the
/// runtime of the original attribute does. Of its options, `start_paused` counts.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    let options = options.to_string();
    let pause = if options.contains("start_paused") { "::tokio::time::pause();" } else { "" };
    let mut tokens: Vec<TokenTree> = function.into_iter().collect();
    // The last token of a function is its body.
    let Some(TokenTree::Group(body)) = tokens.pop() else { panic!("this is no function") };
    let mut paused: TokenStream = pause.parse().expect("a statement");
    paused.extend(body.stream());
    tokens.push(Group::new(Delimiter::Brace, paused).into());
    let check = format!(
        "#[::tokio::sim::test(schedules = {SCHEDULES}, ends_with_main, keep = false, \
         strict = false, crate = \"::tokio::sim\")]"
    );
    let mut test: TokenStream = check.parse().expect("an attribute");
    test.extend(tokens);
    test
}
