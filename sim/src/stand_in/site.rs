//! The names of decisions: that of a request or a storage, and what is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use crate::engine::Site;

/// The names that were put together. There are as many as there are pairs in the source code.
static NAMES: RwLock<BTreeMap<(&str, &str), &str>> = RwLock::new(BTreeMap::new());

/// The site where it is decided whether `what` happens to `whose`.
pub(super) fn site(whose: &'static str, what: &'static str) -> Site {
    Site::new(name(whose, what))
}

/// `whose: what`.
pub(super) fn name(whose: &'static str, what: &'static str) -> &'static str {
    let names = NAMES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = names.get(&(whose, what)) {
        return name;
    }
    drop(names);
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    // Sites have names that live as long as the process.
    names.entry((whose, what)).or_insert_with(|| Box::leak(format!("{whose}: {what}").into()))
}

/// The keys that have stood in a time line.
static KEYS: RwLock<BTreeSet<&str>> = RwLock::new(BTreeSet::new());

/// A key as the name of a tracked object.
pub(super) fn name_of_key(key: &str) -> &'static str {
    let mut keys = KEYS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = keys.get(key) {
        return key;
    }
    let key: &'static str = Box::leak(key.into());
    keys.insert(key);
    key
}
