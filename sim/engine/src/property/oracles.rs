//! Oracles: each follows data that a program handles, and knows what is right.
//!
//! An oracle is a tracked object. A search by classes knows of everything that it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use super::{Property, PropertyKind, at_end, break_now};
use crate::footprint::Object;
use crate::lock::lock;

/// How many items a message names.
const NAMED: usize = 8;

/// Each of the expected items comes exactly once: none is lost, none is doubled, and no other one
/// comes.
///
/// One that is doubled, or that nobody expects, breaks the property at that step. One that is lost
/// breaks it at the end, if every task has come to its end.
///
/// ```
/// use mapi_sync_engine::property::ExactlyOnce;
///
/// # fn program() {
/// let stored = ExactlyOnce::new("each message is stored once", 1..=3);
/// // Where a message is stored:
/// stored.saw(2);
/// # }
/// ```
pub struct ExactlyOnce<T> {
    inner: Arc<Items<T>>,
}

struct Items<T> {
    property: Property,
    object: Object,
    counts: Mutex<BTreeMap<T, u32>>,
}

impl<T: Ord + Debug + Send + 'static> ExactlyOnce<T> {
    /// An oracle of this name that expects these items.
    #[must_use]
    pub fn new(name: &'static str, expected: impl IntoIterator<Item = T>) -> Self {
        let counts = expected.into_iter().map(|item| (item, 0)).collect();
        let property = Property { name, kind: PropertyKind::AtEnd };
        let inner =
            Arc::new(Items { property, object: Object::new(name), counts: Mutex::new(counts) });
        let of_end = Arc::clone(&inner);
        at_end(name, move || of_end.none_is_lost());
        Self { inner }
    }

    /// This item has come.
    pub fn saw(&self, item: T) {
        let Items { property, object, counts } = &*self.inner;
        // In which order items come makes no difference.
        object.commute();
        let mut counts = lock(counts);
        let wrong = match counts.get_mut(&item) {
            Some(count) => {
                *count += 1;
                (*count > 1).then(|| format!("{item:?} came {count} times"))
            }
            None => Some(format!("{item:?} came, which nobody expects")),
        };
        drop(counts);
        if let Some(message) = wrong {
            break_now(*property, message);
        }
    }
}

impl<T: Debug> Items<T> {
    fn none_is_lost(&self) -> Result<(), String> {
        self.object.read();
        let counts = lock(&self.counts);
        let lost: Vec<&T> =
            counts.iter().filter(|(_, count)| **count == 0).map(|(item, _)| item).collect();
        let named: Vec<String> = lost.iter().take(NAMED).map(|item| format!("{item:?}")).collect();
        match lost.len() {
            0 => Ok(()),
            n if n <= NAMED => Err(format!("{} never came", named.join(", "))),
            n => Err(format!("{} and {} more never came", named.join(", "), n - NAMED)),
        }
    }
}

impl<T> Clone for ExactlyOnce<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> Debug for ExactlyOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.inner.property.name;
        f.debug_struct("ExactlyOnce").field("name", name).finish_non_exhaustive()
    }
}

/// A value never goes back: each that comes is no less than the one before.
///
/// ```
/// use mapi_sync_engine::property::Monotonic;
///
/// # fn program() {
/// let anchor = Monotonic::new("the anchor never goes back");
/// anchor.saw(3);
/// anchor.saw(3);
/// anchor.saw(7);
/// # }
/// ```
pub struct Monotonic<T> {
    inner: Arc<Highest<T>>,
}

struct Highest<T> {
    property: Property,
    object: Object,
    last: Mutex<Option<T>>,
}

impl<T: PartialOrd + Debug + Send + 'static> Monotonic<T> {
    /// An oracle of this name, to which no value has come.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let property = Property { name, kind: PropertyKind::Invariant };
        let object = Object::new(name);
        Self { inner: Arc::new(Highest { property, object, last: Mutex::new(None) }) }
    }

    /// This value has come.
    pub fn saw(&self, value: T) {
        let Highest { property, object, last } = &*self.inner;
        object.write();
        let mut last = lock(last);
        let wrong = last.as_ref().filter(|last| value < **last);
        let wrong = wrong.map(|last| format!("{value:?} came after {last:?}"));
        *last = Some(value);
        drop(last);
        if let Some(message) = wrong {
            break_now(*property, message);
        }
    }
}

impl<T> Clone for Monotonic<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> Debug for Monotonic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.inner.property.name;
        f.debug_struct("Monotonic").field("name", name).finish_non_exhaustive()
    }
}

/// Who reads a key sees what was written to it last.
///
/// Say each write, removal and read in the segment in which it takes effect.
///
/// ```
/// use mapi_sync_engine::property::LastWriteWins;
///
/// # fn program() {
/// let flags = LastWriteWins::new("the last change of a flag wins");
/// flags.wrote("message 1", "read");
/// flags.wrote("message 1", "unread");
/// flags.read(&"message 1", Some(&"unread"));
/// flags.removed(&"message 1");
/// flags.read(&"message 1", None);
/// # }
/// ```
pub struct LastWriteWins<K, V> {
    inner: Arc<Written<K, V>>,
}

struct Written<K, V> {
    property: Property,
    object: Object,
    values: Mutex<BTreeMap<K, V>>,
}

impl<K, V> LastWriteWins<K, V>
where
    K: Ord + Debug + Send + 'static,
    V: PartialEq + Debug + Send + 'static,
{
    /// An oracle of this name, of keys to which nothing was written.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let property = Property { name, kind: PropertyKind::Invariant };
        let object = Object::new(name);
        Self { inner: Arc::new(Written { property, object, values: Mutex::default() }) }
    }

    /// This value was written to the key.
    pub fn wrote(&self, key: K, value: V) {
        self.inner.object.write();
        drop(lock(&self.inner.values).insert(key, value));
    }

    /// The key was removed.
    pub fn removed(&self, key: &K) {
        self.inner.object.write();
        drop(lock(&self.inner.values).remove(key));
    }

    /// Somebody read the key, and saw this; `None` if it was not there.
    pub fn read(&self, key: &K, seen: Option<&V>) {
        let Written { property, object, values } = &*self.inner;
        object.read();
        let values = lock(values);
        let last = values.get(key);
        let wrong = (last != seen).then(|| match (last, seen) {
            (Some(last), Some(seen)) => {
                format!("{key:?} was read as {seen:?}, and {last:?} was written last")
            }
            (Some(last), None) => format!("{key:?} was not there, and {last:?} was written last"),
            (None, seen) => format!("{key:?} was read as {seen:?}, and is not there"),
        });
        drop(values);
        if let Some(message) = wrong {
            break_now(*property, message);
        }
    }
}

impl<K, V> Clone for LastWriteWins<K, V> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, V> Debug for LastWriteWins<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.inner.property.name;
        f.debug_struct("LastWriteWins").field("name", name).finish_non_exhaustive()
    }
}
