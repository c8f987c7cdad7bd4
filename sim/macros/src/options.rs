//! What is written in the brackets of the attribute.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Error, Expr, LitBool, LitStr, Path, Token};

/// Options whose value is given to the method of the same name.
const VALUES: &[&str] = &["schedules", "seed", "jobs", "drops", "goals"];

/// Options that are on or off, and are given to the method of the same name.
const SWITCHES: &[&str] = &[
    "late_work",
    "early_tasks",
    "ends_with_main",
    "fail_fast",
    "strict",
    "shrink",
    "keep",
    "real_tokio",
];

/// Options that stand for a call without an argument, and are on if they are written.
const MARKS: &[&str] = &["cancellations", "tracked_sharing"];

/// Options whose value is a limit of each execution.
const LIMITS: &[&str] = &["max_steps", "max_virtual_ms", "skew_ms"];

/// The options of one attribute.
#[derive(Default)]
pub(crate) struct Options {
    /// The path of the crate `mapi-sync-sim`, if it is not `::mapi_sync_sim`.
    krate: Option<Path>,
    given: Vec<Given>,
}

/// An option that was written.
struct Given {
    name: String,
    span: Span,
    value: Value,
}

enum Value {
    Expr(Box<Expr>),
    Switch(bool),
}

impl Options {
    /// Reads the next option.
    pub(crate) fn read(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        let span = meta.path.span();
        let twice = name == "crate" && self.krate.is_some()
            || self.given.iter().any(|given| given.name == name);
        if twice {
            return Err(Error::new(span, format!("`{name}` is written twice")));
        }
        if name == "crate" {
            self.krate = Some(meta.value()?.parse::<LitStr>()?.parse()?);
            return Ok(());
        }
        let is_of = |names: &[&str]| names.contains(&name.as_str());
        let value = if is_of(SWITCHES) || is_of(MARKS) {
            // A bare name is on.
            let given = meta.input.peek(Token![=]);
            Value::Switch(!given || meta.value()?.parse::<LitBool>()?.value)
        } else if is_of(VALUES) || is_of(LIMITS) || is_of(&["strategy", "replay"]) {
            Value::Expr(meta.value()?.parse()?)
        } else {
            return Err(Error::new(span, unknown(&name)));
        };
        self.given.push(Given { name, span, value });
        Ok(())
    }

    /// The path of the crate `mapi-sync-sim`.
    pub(crate) fn krate(&self) -> TokenStream {
        match &self.krate {
            Some(path) => quote!(#path),
            None => quote!(::mapi_sync_sim),
        }
    }

    /// Adds the options to an expression that is a check.
    pub(crate) fn set_up(&self, check: TokenStream) -> TokenStream {
        let krate = self.krate();
        let set = self.given.iter().fold(check, |check, Given { name, span, value }| {
            let method = syn::Ident::new(name, *span);
            match (name.as_str(), value) {
                ("strategy", Value::Expr(value)) => {
                    quote_spanned!(*span=> #check.strategy(#value).unwrap())
                }
                (name, Value::Expr(value)) if VALUES.contains(&name) => {
                    quote_spanned!(*span=> #check.#method(#value))
                }
                ("tracked_sharing", Value::Switch(true)) => {
                    quote_spanned!(*span=>
                        #check.tracked_sharing(#krate::strategy::TrackedSharing))
                }
                ("cancellations", Value::Switch(true)) => {
                    quote_spanned!(*span=> #check.cancellations())
                }
                (name, Value::Switch(on)) if SWITCHES.contains(&name) => {
                    quote_spanned!(*span=> #check.#method(#on))
                }
                // A limit, which is set below; the token; a mark that is off.
                _ => check,
            }
        });
        let limits = self.given.iter().filter_map(|Given { name, span, value }| match value {
            Value::Expr(value) if LIMITS.contains(&name.as_str()) => {
                let field = syn::Ident::new(name, *span);
                Some(quote_spanned!(*span=> limits.#field = ::core::option::Option::Some(#value);))
            }
            _ => None,
        });
        let limits: Vec<TokenStream> = limits.collect();
        if limits.is_empty() {
            return set;
        }
        quote!(#set.limits({
            let mut limits = #krate::LimitChanges::default();
            #(#limits)*
            limits
        }))
    }

    /// The token to replay, if there is one.
    pub(crate) fn token(&self) -> Option<&Expr> {
        self.given.iter().find_map(|given| match &given.value {
            Value::Expr(token) if given.name == "replay" => Some(&**token),
            _ => None,
        })
    }
}

fn unknown(name: &str) -> String {
    let groups = [VALUES, &["strategy", "replay"], LIMITS, SWITCHES, MARKS, &["crate"]];
    let names: Vec<String> = groups.concat().iter().map(|name| format!("`{name}`")).collect();
    let what = if name.is_empty() {
        "this is no option".to_owned()
    } else {
        format!("`{name}` is no option")
    };
    format!("{what} of a check; there are {}", names.join(", "))
}
