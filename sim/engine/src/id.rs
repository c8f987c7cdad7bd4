//! Interner that stay the same from one schedule to the next.

use std::fmt;

/// A task's place in one execution: 0 is the main task, then in the order of spawning.
///
/// The number depends on the schedule. What identifies a task across schedules is its [`TaskKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) u32);

impl TaskId {
    /// The task that an execution starts with.
    pub const MAIN: Self = Self(0);
    /// The clock, which is scheduled like a task when the time is allowed to run ahead.
    pub const CLOCK: Self = Self(u32::MAX);

    /// The number as an index into tables that have a row for each task.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The task of this number.
    #[must_use]
    pub const fn from_index(index: u32) -> Self {
        Self(index)
    }
}

/// A task's identity across schedules: 48 bits derived from its parent's key and from how many
/// children the parent had before it.
///
/// Two schedules of one program give the same key to the same task, whenever it is spawned, and a
/// task that is no longer spawned takes no key away from another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey(u64);

impl TaskKey {
    /// The main task's key.
    pub const MAIN: Self = Self(1);
    /// The clock's key.
    pub const CLOCK: Self = Self(0);
    const MASK: u64 = (1 << 48) - 1;

    /// The key of the child number `ordinal` of this task.
    #[must_use]
    pub const fn child(self, ordinal: u32) -> Self {
        let key = mix(self.0 ^ mix(ordinal as u64 + 1)) & Self::MASK;
        // The two reserved keys are moved out of the way.
        Self(if key < 2 { key + 2 } else { key })
    }

    /// The key as a number below 2^48.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The key with this number; higher bits than the lowest 48 are cut off.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::MASK)
    }
}

impl fmt::Debug for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

/// A tracked object's identity across schedules, derived like a [`TaskKey`] from the task that made
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(u64);

impl ObjectId {
    /// What is made where no code can run.
    pub(crate) const STATIC: Self = Self::of(TaskKey::CLOCK, 0);

    pub(crate) const fn of(task: TaskKey, ordinal: u32) -> Self {
        Self(mix(task.0.rotate_left(16) ^ mix(0x0b1e_c700 + ordinal as u64)))
    }

    /// The task itself as an object: its segments read it, aborting it writes it.
    pub(crate) const fn of_task(task: TaskKey) -> Self {
        Self(mix(task.0 ^ 0x7a5c_0000_0000_0000))
    }

    /// A part of this object that is tracked by itself.
    pub(crate) const fn part(self, part: u64) -> Self {
        Self(mix(self.0 ^ mix(part)))
    }

    /// The identity as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A place in the program where a value or a fault is chosen. Its name is part of the decision's
/// key.
///
/// # Examples
///
/// ```
/// use mapi_sync_engine::Site;
///
/// const LATENCY: Site = Site::new("network latency");
/// assert_eq!(LATENCY, Site::from("network latency"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Site {
    hash: u32,
    name: &'static str,
}

impl Site {
    /// Where no name is needed: dropping a task, polling it spuriously.
    pub(super) const NONE: Self = Self { hash: 0, name: "" };

    /// The site of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        // FNV-1a, because it can run at compile time.
        let bytes = name.as_bytes();
        let mut hash = 0x811c_9dc5_u32;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
            i += 1;
        }
        Self { hash, name }
    }

    /// The site's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The name's hash, which stands for the site in decisions.
    #[must_use]
    pub const fn hash(self) -> u32 {
        self.hash
    }
}

impl From<&'static str> for Site {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}

impl PartialEq for Site {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Site {}

/// Derives keys, which are part of every token: it must never change.
///
/// `SplitMix64`'s finalizer (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
/// OOPSLA 2014).
pub(crate) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens that people keep hold these numbers.
    #[test]
    fn keys_and_site_hashes_keep_their_numbers() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!([TaskKey::CLOCK.get(), TaskKey::MAIN.get()], [0, 1]);
        assert_eq!(TaskKey::MAIN.child(0).get(), 0x6049_d65a_f21e);
        assert_eq!(TaskKey::MAIN.child(1).child(2).get(), 0xca36_93f5_cd8e);
        assert_eq!([Site::NONE.hash(), Site::new("").hash()], [0, 0x811c_9dc5]);
        assert_eq!(Site::new("network latency").hash(), 0x2341_93ef);
    }

    #[test]
    fn ten_thousand_children_have_keys_of_their_own() {
        let mut keys: Vec<_> = (0..10_000).map(|i| TaskKey::MAIN.child(i)).collect();
        keys.extend((0..10_000).map(|i| TaskKey::MAIN.child(3).child(i)));
        keys.push(TaskKey::MAIN);
        keys.push(TaskKey::CLOCK);
        let all = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), all);
        assert!(keys.iter().all(|k| *k == TaskKey::from_bits(k.get())));
    }
}
