//! The set of tasks that can run, and the wakers that add to it.
//!
//! A wake is three loads and two stores. The words are atomics because a [`Waker`] must be `Send`, but they are only
//! ever loaded and stored, never read-modified-written: one thread runs an execution. A wake from a foreign thread is
//! memory-safe and may be lost, as the [engine's guide](super) says.

use super::id::TaskId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Wake, Waker};

const WORDS: usize = 64;
/// Tasks in one block.
const BLOCK: usize = WORDS * 64;

/// Room for 4,096 tasks: a bit for each, and a summary bit for each word that may not be empty.
struct Block {
    /// A bit for each word; one that is set may stand for a word that has become empty.
    summary: AtomicU64,
    ready: [AtomicU64; WORDS],
    /// The tasks that have not finished. Waking another one does nothing.
    live: [AtomicU64; WORDS],
}

impl Block {
    fn new() -> Self {
        Self {
            summary: AtomicU64::new(0),
            ready: [const { AtomicU64::new(0) }; WORDS],
            live: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    #[inline]
    fn wake(&self, word: usize, mask: u64) {
        let word = word & (WORDS - 1);
        let before = self.ready[word].load(Relaxed);
        let after = before | (mask & self.live[word].load(Relaxed));
        self.ready[word].store(after, Relaxed);
        if before == 0 && after != 0 {
            self.summary.store(self.summary.load(Relaxed) | 1 << word, Relaxed);
        }
    }

    #[inline]
    fn take(&self, word: usize, mask: u64) {
        let rest = self.ready[word].load(Relaxed) & !mask;
        self.ready[word].store(rest, Relaxed);
        if rest == 0 {
            self.summary.store(self.summary.load(Relaxed) & !(1 << word), Relaxed);
        }
    }

    /// Forgets the tasks of the first so many words.
    #[inline]
    fn clear(&self, words: usize) {
        self.summary.store(0, Relaxed);
        for word in self.ready.iter().take(words).chain(self.live.iter().take(words)) {
            word.store(0, Relaxed);
        }
    }
}

/// What a task's waker holds.
struct TaskWaker {
    block: Arc<Block>,
    word: usize,
    mask: u64,
}

impl Wake for TaskWaker {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.block.wake(self.word, self.mask);
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        self.block.wake(self.word, self.mask);
    }
}

/// The tasks that can run now. Words are kept from one execution to the next.
pub(super) struct ReadySet {
    blocks: Vec<Arc<Block>>,
    /// The first of the blocks.
    first: Arc<Block>,
    /// How many tasks this execution has had.
    tasks: usize,
}

impl ReadySet {
    pub(super) fn new() -> Self {
        let first = Arc::new(Block::new());
        Self { blocks: vec![Arc::clone(&first)], first, tasks: 0 }
    }

    /// A waker of task `id`, with room for that task. It is good in every execution.
    pub(super) fn waker(&mut self, id: TaskId) -> Waker {
        let missing = (id.index() / BLOCK + 1).saturating_sub(self.blocks.len());
        self.blocks.extend((0..missing).map(|_| Arc::new(Block::new())));
        let (_, word, mask) = self.place(id);
        let block = Arc::clone(&self.blocks[id.index() / BLOCK]);
        Waker::from(Arc::new(TaskWaker { block, word, mask }))
    }

    /// Makes task `id` known, alive and ready. There must be a waker of it.
    #[inline]
    pub(super) fn insert(&mut self, id: TaskId) {
        self.tasks = self.tasks.max(id.index() + 1);
        let (block, word, mask) = self.place(id);
        let (ready, live, summary) = (&block.ready[word], &block.live[word], &block.summary);
        live.store(live.load(Relaxed) | mask, Relaxed);
        ready.store(ready.load(Relaxed) | mask, Relaxed);
        summary.store(summary.load(Relaxed) | 1 << word, Relaxed);
    }

    pub(super) fn wake(&self, id: TaskId) {
        let (block, word, mask) = self.place(id);
        block.wake(word, mask);
    }

    /// Takes `id` out: it is about to be polled.
    #[inline]
    pub(super) fn take(&self, id: TaskId) {
        let (block, word, mask) = self.place(id);
        block.take(word, mask);
    }

    /// `id` has finished: it is not ready and cannot be woken.
    #[inline]
    pub(super) fn retire(&self, id: TaskId) {
        let (block, word, mask) = self.place(id);
        block.take(word, mask);
        block.live[word].store(block.live[word].load(Relaxed) & !mask, Relaxed);
    }

    /// Forgets every task.
    pub(super) fn clear(&mut self) {
        if self.is_small() {
            self.first.clear(1);
        } else {
            for block in self.blocks.iter().take(self.tasks.div_ceil(BLOCK)) {
                block.clear(self.tasks.div_ceil(64));
            }
        }
        self.tasks = 0;
    }

    /// The first word, for the loop that looks at it before each step.
    #[inline]
    pub(super) fn first_word(&self) -> u64 {
        self.first.ready[0].load(Relaxed)
    }

    /// Sets the first word, when no other is in use.
    #[inline]
    pub(super) fn set_first_word(&self, word: u64) {
        self.first.ready[0].store(word, Relaxed);
    }

    /// Whether the first word is all there is.
    #[inline]
    pub(super) fn is_small(&self) -> bool {
        self.tasks <= 64
    }

    /// The tasks that can run.
    #[inline]
    pub(super) fn view(&self) -> Ready<'_> {
        Ready(if self.is_small() { View::Small(self.first_word()) } else { View::Large(self) })
    }

    /// The words that are not zero, with the number of the task that their lowest bit stands for.
    fn words(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let words = self.blocks.iter().zip(0_u32..).flat_map(|(block, number)| {
            let mut summary = block.summary.load(Relaxed);
            std::iter::from_fn(move || {
                (summary != 0).then(|| {
                    let word = summary.trailing_zeros();
                    summary = rest(summary);
                    let bits = block.ready[word as usize & (WORDS - 1)].load(Relaxed);
                    ((number << 12) + (word << 6), bits)
                })
            })
        });
        words.filter(|(_, bits)| *bits != 0)
    }

    #[inline]
    fn place(&self, id: TaskId) -> (&Block, usize, u64) {
        let index = id.index();
        (&self.blocks[index / BLOCK], (index / 64) % WORDS, 1 << (index % 64))
    }
}

/// The tasks that can run at a decision, in the order of their numbers.
#[derive(Clone, Copy)]
pub struct Ready<'a>(View<'a>);

#[derive(Clone, Copy)]
enum View<'a> {
    /// The first word, when no bit is set in any other: the case of small programs.
    Small(u64),
    Large(&'a ReadySet),
}

impl<'a> Ready<'a> {
    #[inline]
    pub(super) const fn small(word: u64) -> Self {
        Self(View::Small(word))
    }

    /// If two of few tasks are ready and no more, the first or, if `second` says so, the second.
    #[inline]
    pub(super) fn one_of_two(self, second: impl FnOnce() -> bool) -> Option<TaskId> {
        let View::Small(low) = self.0 else { return None };
        let high = rest(low);
        if high == 0 || rest(high) != 0 {
            return None;
        }
        Some(TaskId(if second() { high } else { low }.trailing_zeros()))
    }

    /// The ready task whose number among them `choose` gives, told how many there are; a number too high stands for
    /// the first.
    pub(super) fn sample(self, choose: impl FnOnce(u32) -> u32) -> Option<TaskId> {
        if let View::Small(word) = self.0 {
            // The number is random, and a loop over it a mispredicted branch: few tasks are told apart without one.
            let one = rest(word);
            let two = rest(one);
            let three = rest(two);
            if rest(three) == 0 && word != 0 {
                let len = 1 + u32::from(one != 0) + u32::from(two != 0) + u32::from(three != 0);
                let chosen = [word, one, two, three][choose(len) as usize & 3];
                return Some(TaskId(chosen.trailing_zeros()));
            }
        }
        self.nth(choose(self.len())).or(self.first())
    }

    /// Whether nothing can run.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.first().is_none()
    }

    /// The task that is ready alone, if exactly one is.
    #[inline]
    #[must_use]
    pub fn only(self) -> Option<TaskId> {
        match self.0 {
            View::Small(word) => word.is_power_of_two().then(|| TaskId(word.trailing_zeros())),
            View::Large(set) => {
                let mut words = set.words();
                let (base, word) = words.next()?;
                (word.is_power_of_two() && words.next().is_none())
                    .then(|| TaskId(base + word.trailing_zeros()))
            }
        }
    }

    /// How many tasks can run.
    #[inline]
    #[must_use]
    pub fn len(self) -> u32 {
        match self.0 {
            View::Small(word) => word.count_ones(),
            View::Large(set) => set.words().map(|(_, word)| word.count_ones()).sum(),
        }
    }

    /// Whether `id` can run.
    #[inline]
    #[must_use]
    pub fn contains(self, id: TaskId) -> bool {
        match self.0 {
            View::Small(word) => id.0 < 64 && word >> (id.0 & 63) & 1 == 1,
            View::Large(set) => {
                id.index() < set.tasks && {
                    let (block, word, mask) = set.place(id);
                    block.ready[word].load(Relaxed) & mask != 0
                }
            }
        }
    }

    /// The ready task with the lowest number.
    #[inline]
    #[must_use]
    pub fn first(self) -> Option<TaskId> {
        match self.0 {
            View::Small(word) => (word != 0).then(|| TaskId(word.trailing_zeros())),
            View::Large(set) => {
                set.words().next().map(|(base, word)| TaskId(base + word.trailing_zeros()))
            }
        }
    }

    /// Who runs if nothing is decided, when `current` ran last.
    #[inline]
    pub(super) fn default_after(self, current: TaskId) -> TaskId {
        if self.contains(current) { current } else { self.first().unwrap_or(TaskId::CLOCK) }
    }

    /// The ready task number `n`, counted from 0 by ascending number.
    #[inline]
    #[must_use]
    pub fn nth(self, mut n: u32) -> Option<TaskId> {
        let (base, word) = match self.0 {
            View::Small(word) => (0, word),
            View::Large(set) => set.words().find(|(_, word)| {
                let here = word.count_ones();
                let found = n < here;
                n -= if found { 0 } else { here };
                found
            })?,
        };
        let word = (0..n).fold(word, |word, _| rest(word));
        (word != 0).then(|| TaskId(base + word.trailing_zeros()))
    }

    /// The ready tasks by ascending number.
    pub fn iter(self) -> impl Iterator<Item = TaskId> + 'a {
        let small = match self.0 {
            View::Small(word) => Some((0, word)).filter(|_| word != 0),
            View::Large(_) => None,
        };
        let large = match self.0 {
            View::Small(_) => None,
            View::Large(set) => Some(set.words()),
        };
        small.into_iter().chain(large.into_iter().flatten()).flat_map(|(base, mut word)| {
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let id = TaskId(base + word.trailing_zeros());
                    word = rest(word);
                    id
                })
            })
        })
    }
}

/// The word without its lowest bit.
#[inline]
const fn rest(word: u64) -> u64 {
    word & word.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_selects_over_words_and_blocks() {
        let mut set = ReadySet::new();
        for i in 0..10_000 {
            set.waker(TaskId(i));
            set.insert(TaskId(i));
        }
        assert_eq!(set.view().len(), 10_000);
        for i in 0..10_000 {
            if i % 997 != 5 {
                set.take(TaskId(i));
            }
        }
        let left: Vec<u32> = set.view().iter().map(|t| t.0).collect();
        let expected: Vec<u32> = (0..10_000).filter(|i| i % 997 == 5).collect();
        assert_eq!(left, expected);
        assert_eq!(set.view().len() as usize, expected.len());
        for (n, id) in (0..).zip(&expected) {
            assert_eq!(set.view().nth(n), Some(TaskId(*id)));
            assert!(set.view().contains(TaskId(*id)));
        }
        assert_eq!(set.view().nth(set.view().len()), None);
        assert_eq!(set.view().only(), None);
        set.clear();
        assert!(set.view().is_empty());
    }

    #[test]
    fn a_finished_task_is_not_woken() {
        let mut set = ReadySet::new();
        let stale = set.waker(TaskId(0));
        set.insert(TaskId(0));
        set.insert(TaskId(1));
        set.retire(TaskId(0));
        assert_eq!(set.view().only(), Some(TaskId(1)));
        stale.wake();
        assert_eq!(set.view().iter().collect::<Vec<_>>(), [TaskId(1)]);
    }
}
