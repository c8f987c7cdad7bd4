//! The attribute `test` of the crate `mapi-sync-sim`, which exports it and documents it.

mod options;
mod test_function;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use self::options::Options;

/// Checks an async test function, or a provider, under many schedules. `mapi_sync_sim::test` is the
/// same attribute, with its documentation.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut read = Options::default();
    let reader = syn::meta::parser(|meta| read.read(&meta));
    parse_macro_input!(options with reader);
    let function = parse_macro_input!(item as ItemFn);
    match test_function::expand(read, function) {
        Ok(tokens) => tokens.into(),
        Err(error) => error.into_compile_error().into(),
    }
}
