//! From an annotated function to a test.

use std::mem;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn, ReturnType, Type, TypeParamBound, Visibility};

use crate::options::Options;

/// The test that checks a function.
pub(crate) fn expand(options: Options, mut function: ItemFn) -> syn::Result<TokenStream> {
    let is_program = function.sig.asyncness.is_some();
    refuse(&function, is_program)?;
    let krate = options.krate();
    let name = function.sig.ident.clone();
    let text = name.to_string();
    let name_in_module = quote! {
        ::core::concat!(::core::module_path!(), "::", #text)
            .split_once("::")
            .map_or(#text, |(_, name)| name)
    };
    let attributes = mem::take(&mut function.attrs);
    let visibility = mem::replace(&mut function.vis, Visibility::Inherited);
    // A type that does not fit is reported where it is written.
    let span = match &function.sig.output {
        ReturnType::Default => name.span(),
        ReturnType::Type(_, of) => of.span(),
    };
    let check = if is_program {
        quote_spanned!(span=> #krate::explore(#name).name(#text))
    } else {
        quote_spanned!(span=> #krate::check(#name))
    };
    let check = options.set_up(check);
    let run = match options.token() {
        Some(token) => {
            quote_spanned!(token.span()=> #check.replay_or_search(#token).unwrap().assert_holds())
        }
        // With the place of the attribute's function, beside which schedules are kept.
        None => quote_spanned!(name.span()=> #check.test(#name_in_module)),
    };
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #name() {
            #function
            #run;
        }
    })
}

/// Refuses what cannot be a test.
fn refuse(function: &ItemFn, is_program: bool) -> syn::Result<()> {
    if let Some(second) = function.attrs.iter().find(|attribute| {
        attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
    }) {
        return Err(Error::new_spanned(second, "this makes the function a test for a second time"));
    }
    let signature = &function.sig;
    if !signature.inputs.is_empty() {
        return Err(Error::new_spanned(&signature.inputs, "a test takes no argument"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(&signature.generics, "a test has no generic parameter"));
    }
    match (&signature.output, is_program) {
        (ReturnType::Default, false) => Err(Error::new(
            signature.fn_token.span(),
            "an `async fn` is a program to check; a plain `fn` returns the provider",
        )),
        (ReturnType::Type(_, of), true) if is_provider(of) => Err(Error::new_spanned(
            of,
            "a provider is made by a plain `fn`: each execution makes one, before anything runs",
        )),
        _ => Ok(()),
    }
}

/// Whether a type says that it is a provider.
fn is_provider(of: &Type) -> bool {
    let Type::ImplTrait(of) = of else { return false };
    of.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|segment| segment.ident == "MapiSync")
        }
        _ => false,
    })
}
