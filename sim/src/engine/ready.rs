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

/// Room for 4,096 tasks: a bit for each, and a summary bit for each word that is not empty.
struct Block {
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
    fn wake(&self, bit: u16) {
        let word = usize::from(bit >> 6) & (WORDS - 1);
        let mask = (1_u64 << (bit & 63)) & self.live[word].load(Relaxed);
        if mask != 0 {
            self.ready[word].store(self.ready[word].load(Relaxed) | mask, Relaxed);
            self.summary.store(self.summary.load(Relaxed) | 1 << word, Relaxed);
        }
    }
}

/// What a task's waker holds.
struct TaskWaker {
    block: Arc<Block>,
    bit: u16,
}

impl Wake for TaskWaker {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.block.wake(self.bit);
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        self.block.wake(self.bit);
    }
}

/// The tasks that can run now, lowest number first. Wakers and words are kept from one execution to the next.
pub struct ReadySet {
    blocks: Vec<Arc<Block>>,
    wakers: Vec<Waker>,
}

impl ReadySet {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new(), wakers: Vec::new() }
    }

    /// Makes task `id` known, alive and ready.
    pub(super) fn insert(&mut self, id: TaskId) {
        let index = id.index();
        while self.wakers.len() <= index {
            let next = self.wakers.len();
            if next.is_multiple_of(BLOCK) {
                self.blocks.push(Arc::new(Block::new()));
            }
            let block = Arc::clone(&self.blocks[next / BLOCK]);
            #[expect(clippy::cast_possible_truncation, reason = "a remainder of 4,096 fits")]
            let bit = (next % BLOCK) as u16;
            self.wakers.push(Waker::from(Arc::new(TaskWaker { block, bit })));
        }
        let (block, word, mask) = self.place(id);
        let live = &block.live[word];
        live.store(live.load(Relaxed) | mask, Relaxed);
        self.wake(id);
    }

    #[inline]
    pub(super) fn waker(&self, id: TaskId) -> &Waker {
        &self.wakers[id.index()]
    }

    #[inline]
    pub(super) fn wake(&self, id: TaskId) {
        self.wakers[id.index()].wake_by_ref();
    }

    /// Takes `id` out: it is about to be polled.
    #[inline]
    pub(super) fn take(&self, id: TaskId) {
        let (block, word, mask) = self.place(id);
        let rest = block.ready[word].load(Relaxed) & !mask;
        block.ready[word].store(rest, Relaxed);
        if rest == 0 {
            block.summary.store(block.summary.load(Relaxed) & !(1 << word), Relaxed);
        }
    }

    /// `id` has finished: it is not ready and cannot be woken.
    #[inline]
    pub(super) fn retire(&self, id: TaskId) {
        self.take(id);
        let (block, word, mask) = self.place(id);
        block.live[word].store(block.live[word].load(Relaxed) & !mask, Relaxed);
    }

    /// Forgets every task.
    pub(super) fn clear(&self, tasks: usize) {
        for block in self.blocks.iter().take(tasks.div_ceil(BLOCK)) {
            block.summary.store(0, Relaxed);
            for word in 0..tasks.div_ceil(64).min(WORDS) {
                block.ready[word].store(0, Relaxed);
                block.live[word].store(0, Relaxed);
            }
        }
    }

    /// Whether nothing can run.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| block.summary.load(Relaxed) == 0)
    }

    /// The task that is ready alone, if exactly one is.
    #[inline]
    #[must_use]
    pub fn only(&self) -> Option<TaskId> {
        let first = self.first()?;
        let (block, word, mask) = self.place(first);
        let alone = block.ready[word].load(Relaxed) == mask
            && block.summary.load(Relaxed) == 1 << word
            && (self.blocks.len() == 1
                || self.blocks.iter().filter(|b| b.summary.load(Relaxed) != 0).count() == 1);
        alone.then_some(first)
    }

    /// How many tasks can run.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        self.words().map(|(_, word)| word.count_ones()).sum()
    }

    /// Whether `id` can run.
    #[inline]
    #[must_use]
    pub fn contains(&self, id: TaskId) -> bool {
        if id.index() >= self.wakers.len() {
            return false;
        }
        let (block, word, mask) = self.place(id);
        block.ready[word].load(Relaxed) & mask != 0
    }

    /// The ready task with the lowest number.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<TaskId> {
        self.words().next().map(|(base, word)| TaskId(base + word.trailing_zeros()))
    }

    /// The ready task number `n`, counted from 0 by ascending number.
    #[inline]
    #[must_use]
    pub fn nth(&self, mut n: u32) -> Option<TaskId> {
        for (base, mut word) in self.words() {
            let here = word.count_ones();
            if n < here {
                for _ in 0..n {
                    word &= word - 1;
                }
                return Some(TaskId(base + word.trailing_zeros()));
            }
            n -= here;
        }
        None
    }

    /// The ready tasks by ascending number.
    pub fn iter(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.words().flat_map(|(base, mut word)| {
            std::iter::from_fn(move || {
                (word != 0).then(|| {
                    let id = TaskId(base + word.trailing_zeros());
                    word &= word - 1;
                    id
                })
            })
        })
    }

    /// The words that are not zero, with the number of the task that their lowest bit stands for.
    #[inline]
    fn words(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.blocks.iter().zip(0_u32..).flat_map(|(block, number)| {
            let mut summary = block.summary.load(Relaxed);
            std::iter::from_fn(move || {
                (summary != 0).then(|| {
                    let word = summary.trailing_zeros();
                    summary &= summary - 1;
                    (
                        (number << 12) + (word << 6),
                        block.ready[word as usize & (WORDS - 1)].load(Relaxed),
                    )
                })
            })
        })
    }

    #[inline]
    fn place(&self, id: TaskId) -> (&Block, usize, u64) {
        let index = id.index();
        (&self.blocks[index / BLOCK], (index / 64) % WORDS, 1 << (index % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_selects_over_words_and_blocks() {
        let mut set = ReadySet::new();
        for i in 0..10_000 {
            set.insert(TaskId(i));
        }
        assert_eq!(set.len(), 10_000);
        for i in 0..10_000 {
            if i % 997 != 5 {
                set.take(TaskId(i));
            }
        }
        let left: Vec<u32> = set.iter().map(|t| t.0).collect();
        let expected: Vec<u32> = (0..10_000).filter(|i| i % 997 == 5).collect();
        assert_eq!(left, expected);
        assert_eq!(set.len() as usize, expected.len());
        for (n, id) in (0..).zip(&expected) {
            assert_eq!(set.nth(n), Some(TaskId(*id)));
            assert!(set.contains(TaskId(*id)));
        }
        assert_eq!(set.nth(set.len()), None);
        assert_eq!(set.only(), None);
        set.clear(10_000);
        assert!(set.is_empty());
    }

    #[test]
    fn a_finished_task_is_not_woken() {
        let mut set = ReadySet::new();
        set.insert(TaskId(0));
        set.insert(TaskId(1));
        let stale = set.waker(TaskId(0)).clone();
        set.retire(TaskId(0));
        assert_eq!(set.only(), Some(TaskId(1)));
        stale.wake();
        assert_eq!(set.iter().collect::<Vec<_>>(), [TaskId(1)]);
    }
}
