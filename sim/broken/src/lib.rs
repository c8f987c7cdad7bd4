//! Breaks the examples on purpose, so that tests can see that their checks find it.

use std::path::Path;
use std::{env, fs};

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Token, parse_macro_input};

/// `broken!(name, "examples/file.rs", "old" => "new", …)` is the module `name` with the text of the
/// file, from the root of the crate, in which each old text stands once and is replaced by the new
/// one.
#[proc_macro]
pub fn broken(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let broken = parse_macro_input!(input as Broken);
    broken.expand().unwrap_or_else(|error| error.to_compile_error()).into()
}

struct Broken {
    name: Ident,
    file: LitStr,
    edits: Punctuated<Edit, Token![,]>,
}

struct Edit {
    old: LitStr,
    new: LitStr,
}

impl Parse for Broken {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![,]>()?;
        let file = input.parse()?;
        input.parse::<Token![,]>()?;
        Ok(Self { name, file, edits: Punctuated::parse_terminated(input)? })
    }
}

impl Parse for Edit {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let old = input.parse()?;
        input.parse::<Token![=>]>()?;
        Ok(Self { old, new: input.parse()? })
    }
}

impl Broken {
    fn expand(&self) -> syn::Result<TokenStream> {
        let error = |span: Span, text: String| syn::Error::new(span, text);
        let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        let path = Path::new(&root).join(self.file.value());
        let read = fs::read_to_string(&path);
        let mut text = read.map_err(|why| error(self.file.span(), why.to_string()))?;
        for Edit { old, new } in &self.edits {
            let (value, span) = (old.value(), old.span());
            let count = text.matches(&value).count();
            if count != 1 {
                return Err(error(span, format!("the file has this {count} times, not once")));
            }
            text = text.replace(&value, &new.value());
        }
        let tokens: TokenStream =
            text.parse().map_err(|why| error(self.file.span(), format!("{why}")))?;
        let (name, path) = (&self.name, path.display().to_string());
        Ok(quote! {
            #[expect(dead_code, reason = "tests run the check, and not `main`")]
            mod #name {
                #tokens

                // The compiler looks at the file again when it has changed.
                const _: &str = include_str!(#path);
            }
        })
    }
}
