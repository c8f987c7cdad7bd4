//! The set of tasks that can run, and the wakers that add to it.
//!
//! As long as there are no more than 64 tasks, the set is one word. With more, the tasks that can
//! run are a list in order, and the words are where wakers leave what is to come into it: a step
//! then costs by the number of tasks that can run, not of those that exist.
//!
//! A wake is five loads and two stores. The words are atomics because a [`Waker`] must be `Send`,
//! but they are only ever loaded and stored, never read-modified-written: one thread runs an
//! execution, and wakes from any other one are [noted](super::outside) and go no further.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Wake, Waker};

use self::hidden::Hidden;
use super::id::TaskId;
use super::outside::{self, Home};

const WORDS: usize = 64;
/// Tasks in one chunk.
const CHUNK: usize = WORDS * 64;

/// Room for 4,096 tasks, with a bit for each.
struct Chunk {
    woken: [AtomicU64; WORDS],
    /// The tasks that have not finished. Waking another one does nothing.
    live: [AtomicU64; WORDS],
    /// A bit for each word of `woken` that may not be empty. Good only if there are more than 64
    /// tasks.
    summary: AtomicU64,
    /// A bit for each chunk whose summary may not be empty, where this one is `bit`.
    top: Arc<AtomicU64>,
    bit: u64,
    /// The engine's number.
    engine: u64,
    home: Arc<Home>,
}

/// The bit in the top word that stands for all chunks from this one on.
const OTHERS: usize = 63;

impl Chunk {
    fn new(number: usize, top: &Arc<AtomicU64>, home: &Arc<Home>) -> Self {
        Self {
            woken: [const { AtomicU64::new(0) }; WORDS],
            live: [const { AtomicU64::new(0) }; WORDS],
            summary: AtomicU64::new(0),
            top: Arc::clone(top),
            bit: 1 << number.min(OTHERS),
            engine: home.engine(),
            home: Arc::clone(home),
        }
    }

    #[inline]
    fn wake(&self, word: usize, mask: u64) {
        let word = word & (WORDS - 1);
        let before = self.woken[word].load(Relaxed);
        let after = before | (mask & self.live[word].load(Relaxed));
        self.woken[word].store(after, Relaxed);
        if before == 0 && after != 0 {
            self.sum_up(word);
        }
    }

    /// The same from anywhere.
    #[inline]
    fn wake_from_anywhere(&self, word: usize, mask: u64) {
        if outside::is_running_here(self.engine) {
            self.wake(word, mask);
        } else {
            self.wake_from_outside(word, mask);
        }
    }

    /// A wake from outside of the engine's executions, in time or by its thread.
    #[cold]
    #[inline(never)]
    fn wake_from_outside(&self, word: usize, mask: u64) {
        if self.home.is_here() {
            self.wake(word, mask);
        } else {
            self.home.note_wake();
        }
    }

    /// Notes that a word is not empty.
    #[inline]
    fn sum_up(&self, word: usize) {
        let before = self.summary.load(Relaxed);
        self.summary.store(before | 1 << word, Relaxed);
        if before == 0 {
            self.top.store(self.top.load(Relaxed) | self.bit, Relaxed);
        }
    }

    /// Takes the bits of the words that are not empty, with the number in this chunk that the
    /// lowest bit stands for.
    fn drain(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let summary = self.summary.load(Relaxed);
        self.summary.store(0, Relaxed);
        bits(summary).map(|word| {
            let woken = &self.woken[word as usize & (WORDS - 1)];
            let bits = woken.load(Relaxed);
            woken.store(0, Relaxed);
            (word << 6, bits)
        })
    }

    /// Forgets the tasks of the first `words` words.
    fn clear(&self, words: usize) {
        self.summary.store(0, Relaxed);
        for word in self.woken.iter().take(words).chain(self.live.iter().take(words)) {
            word.store(0, Relaxed);
        }
    }
}

/// The state of a task's waker.
struct TaskWaker {
    chunk: Arc<Chunk>,
    word: usize,
    mask: u64,
}

impl Wake for TaskWaker {
    #[inline]
    fn wake(self: Arc<Self>) {
        self.chunk.wake_from_anywhere(self.word, self.mask);
    }

    #[inline]
    fn wake_by_ref(self: &Arc<Self>) {
        self.chunk.wake_from_anywhere(self.word, self.mask);
    }
}

/// The tasks that can run now. Room is kept from one execution to the next.
pub(super) struct ReadySet {
    chunks: Vec<Arc<Chunk>>,
    /// The first of the chunks.
    first: Arc<Chunk>,
    /// That of the chunks.
    top: Arc<AtomicU64>,
    /// How many tasks this execution has had.
    tasks: usize,
    /// If there are more than 64, those that can run, by ascending number, save for those that
    /// were woken since the last [`gather`](Self::gather).
    list: Vec<TaskId>,
    /// The state of each task's waker, to count its clones.
    wakers: Vec<Arc<TaskWaker>>,
    home: Arc<Home>,
    hidden: Hidden,
}

impl ReadySet {
    pub(super) fn new() -> Self {
        let top = Arc::new(AtomicU64::new(0));
        let home = Arc::new(Home::new());
        let first = Arc::new(Chunk::new(0, &top, &home));
        let chunks = vec![Arc::clone(&first)];
        Self {
            chunks,
            first,
            top,
            tasks: 0,
            list: Vec::new(),
            wakers: Vec::new(),
            home,
            hidden: Hidden::default(),
        }
    }

    /// From where the tasks may be woken.
    #[inline]
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// The waker of task `id`, the next one that has none, with room for that task. It is good in
    /// every execution.
    pub(super) fn waker(&mut self, id: TaskId) -> Waker {
        debug_assert_eq!(id.index(), self.wakers.len());
        while self.chunks.len() <= id.index() / CHUNK {
            let number = self.chunks.len();
            self.chunks.push(Arc::new(Chunk::new(number, &self.top, &self.home)));
        }
        let (_, word, mask) = self.place(id);
        let chunk = Arc::clone(&self.chunks[id.index() / CHUNK]);
        let waker = Arc::new(TaskWaker { chunk, word, mask });
        self.wakers.push(Arc::clone(&waker));
        Waker::from(waker)
    }

    /// How many clones there are of a task's waker. The one that [`waker`](Self::waker) gave does
    /// not count.
    pub(super) fn waker_clones(&self, id: TaskId) -> usize {
        self.wakers.get(id.index()).map_or(0, |waker| Arc::strong_count(waker).saturating_sub(2))
    }

    /// Makes the next task, `id`, known, alive and ready. There must be a waker of it.
    #[inline]
    pub(super) fn insert(&mut self, id: TaskId) {
        debug_assert_eq!(id.index(), self.tasks);
        self.tasks += 1;
        if self.is_small() {
            let bit = 1 << (id.0 & 63);
            self.first.live[0].store(self.first.live[0].load(Relaxed) | bit, Relaxed);
            self.set_first_word(self.first_word() | bit);
        } else {
            self.insert_into_many(id);
        }
    }

    #[inline(never)]
    fn insert_into_many(&mut self, id: TaskId) {
        if id.0 == 64 {
            // What the first word holds is the whole set up to now, and what is to come into the
            // list from now on.
            self.first.sum_up(0);
        }
        let (chunk, word, mask) = self.place(id);
        chunk.live[word].store(chunk.live[word].load(Relaxed) | mask, Relaxed);
        chunk.wake(word, mask);
    }

    /// Makes `id` ready, if it has not finished.
    pub(super) fn wake(&self, id: TaskId) {
        let (chunk, word, mask) = self.place(id);
        chunk.wake(word, mask);
    }

    /// Whether `id`, which was taken out, has been woken since.
    #[inline]
    pub(super) fn is_woken(&self, id: TaskId) -> bool {
        if self.is_small() {
            return self.first_word() & 1 << (id.0 & 63) != 0;
        }
        let (chunk, word, mask) = self.place(id);
        chunk.woken[word].load(Relaxed) & mask != 0
    }

    /// Takes `id` out: it is about to be polled.
    pub(super) fn take(&mut self, id: TaskId) {
        if self.is_small() {
            self.set_first_word(self.first_word() & !(1 << (id.0 & 63)));
        } else if let Ok(at) = self.list.binary_search(&id) {
            self.list.remove(at);
        }
    }

    /// `id` has finished: it is not ready and cannot be woken.
    #[inline]
    pub(super) fn retire(&mut self, id: TaskId) {
        if self.is_small() {
            let others = !(1 << (id.0 & 63));
            self.first.live[0].store(self.first.live[0].load(Relaxed) & others, Relaxed);
            self.set_first_word(self.first_word() & others);
        } else {
            self.retire_of_many(id);
        }
    }

    #[inline(never)]
    fn retire_of_many(&mut self, id: TaskId) {
        self.take(id);
        let (chunk, word, mask) = self.place(id);
        chunk.woken[word].store(chunk.woken[word].load(Relaxed) & !mask, Relaxed);
        chunk.live[word].store(chunk.live[word].load(Relaxed) & !mask, Relaxed);
    }

    /// Forgets every task.
    pub(super) fn clear(&mut self) {
        if self.is_small() {
            self.set_first_word(0);
            self.first.live[0].store(0, Relaxed);
        } else {
            self.clear_many();
        }
        self.first.summary.store(0, Relaxed);
        self.top.store(0, Relaxed);
        self.tasks = 0;
        self.forget_hidden();
    }

    #[inline(never)]
    fn clear_many(&mut self) {
        for chunk in self.chunks.iter().take(self.tasks.div_ceil(CHUNK)) {
            chunk.clear(self.tasks.div_ceil(64));
        }
        self.list.clear();
    }

    /// Whether there are few tasks, and all of them have finished.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.is_small() && self.first.live[0].load(Relaxed) == 0
    }

    /// The first word, for the loop that looks at it before each step.
    #[inline]
    pub(super) fn first_word(&self) -> u64 {
        self.first.woken[0].load(Relaxed)
    }

    /// Sets the first word, when no other is in use.
    #[inline]
    pub(super) fn set_first_word(&self, word: u64) {
        self.first.woken[0].store(word, Relaxed);
    }

    /// Whether the first word is all there is.
    #[inline]
    pub(super) fn is_small(&self) -> bool {
        self.tasks <= 64
    }

    /// The tasks that can run now.
    pub(super) fn gather(&mut self) -> Ready<'_> {
        if !self.is_small() {
            self.gather_list();
        }
        self.view()
    }

    /// The same if there are more than 64 tasks.
    #[inline]
    pub(super) fn gather_list(&mut self) -> &[TaskId] {
        if self.top.load(Relaxed) != 0 {
            self.list_woken();
        }
        &self.list
    }

    /// Those that could run when they were last gathered, if there are more than 64 tasks.
    #[inline]
    pub(super) fn list(&self) -> &[TaskId] {
        &self.list
    }

    #[inline(never)]
    fn list_woken(&mut self) {
        let top = self.top.load(Relaxed);
        self.top.store(0, Relaxed);
        for first in bits(top) {
            let end = if first as usize == OTHERS { self.chunks.len() } else { first as usize + 1 };
            for (chunk, number) in self.chunks[..end].iter().zip(0_u32..).skip(first as usize) {
                for (word, woken) in chunk.drain() {
                    for bit in bits(woken) {
                        let id = TaskId((number << 12) + word + bit);
                        if self.list.last().is_none_or(|last| *last < id) {
                            self.list.push(id);
                        } else if let Err(at) = self.list.binary_search(&id) {
                            self.list.insert(at, id);
                        }
                    }
                }
            }
        }
    }

    /// The tasks that could run when they were last [gathered](Self::gather).
    #[inline]
    pub(super) fn view(&self) -> Ready<'_> {
        Ready(if self.is_small() {
            View::Small(self.first_word())
        } else {
            View::Large(&self.list)
        })
    }

    /// The tasks that can run now, by ascending number, those that were woken since the last
    /// [`gather`](Self::gather) among them. Gathers nothing.
    pub(super) fn peek(&self) -> Vec<TaskId> {
        let mut tasks: Vec<TaskId> = self.view().iter().collect();
        if !self.is_small() {
            let words = self.chunks.iter().flat_map(|chunk| &chunk.woken);
            let words = (0_u32..).step_by(64).zip(words).take(self.tasks.div_ceil(64));
            let woken = words.flat_map(|(base, word)| {
                bits(word.load(Relaxed)).map(move |bit| TaskId(base + bit))
            });
            tasks.extend(woken);
            tasks.sort_unstable();
            tasks.dedup();
        }
        tasks
    }

    /// How many tasks wait: they have not finished, and could not run when they were last gathered.
    pub(super) fn waiting(&self) -> u32 {
        let live: u32 = self.live().map(|(_, live)| live.count_ones()).sum();
        live - self.view().len()
    }

    /// That of those that wait whose number this is, counted from 0 by ascending number.
    pub(super) fn nth_waiting(&self, n: u32) -> Option<TaskId> {
        let ready = self.view();
        let live = self.live().flat_map(|(base, live)| bits(live).map(move |bit| base + bit));
        live.map(TaskId).filter(|id| !ready.contains(*id)).nth(n as usize)
    }

    /// The words of those that have not finished, with the number of the task that the lowest bit
    /// stands for.
    fn live(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let words = self.chunks.iter().flat_map(|chunk| &chunk.live);
        (0..).step_by(64).zip(words.map(|word| word.load(Relaxed))).take(self.tasks.div_ceil(64))
    }

    #[inline]
    fn place(&self, id: TaskId) -> (&Chunk, usize, u64) {
        let index = id.index();
        (&self.chunks[index / CHUNK], (index / 64) % WORDS, 1 << (index % 64))
    }
}

/// The tasks that can run at a decision, in the order of their numbers.
#[derive(Clone, Copy)]
pub struct Ready<'a>(View<'a>);

#[derive(Clone, Copy)]
enum View<'a> {
    /// A bit for each of 64 tasks: the case of small programs.
    Small(u64),
    /// By ascending number.
    Large(&'a [TaskId]),
}

impl<'a> Ready<'a> {
    #[inline]
    pub(super) const fn small(word: u64) -> Self {
        Self(View::Small(word))
    }

    #[inline]
    pub(super) const fn of_list(list: &'a [TaskId]) -> Self {
        Self(View::Large(list))
    }

    /// The ready task whose index `choose` returns, given the number of ready tasks.
    #[inline]
    pub(super) fn sample(self, choose: impl FnOnce(u32) -> u32) -> TaskId {
        match self.0 {
            View::Small(word) => TaskId(sample_bit(word, choose).trailing_zeros()),
            View::Large(list) => sample_of_list(list, choose),
        }
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
            View::Large(list) => {
                if let [only] = list {
                    Some(*only)
                } else {
                    None
                }
            }
        }
    }

    /// How many tasks can run.
    #[inline]
    #[must_use]
    pub fn len(self) -> u32 {
        match self.0 {
            View::Small(word) => word.count_ones(),
            View::Large(list) => list.len() as u32,
        }
    }

    /// Whether `id` can run.
    #[inline]
    #[must_use]
    pub fn contains(self, id: TaskId) -> bool {
        match self.0 {
            View::Small(word) => id.0 < 64 && word >> (id.0 & 63) & 1 == 1,
            View::Large(list) => list.binary_search(&id).is_ok(),
        }
    }

    /// The ready task with the lowest number.
    #[inline]
    #[must_use]
    pub fn first(self) -> Option<TaskId> {
        match self.0 {
            View::Small(word) => (word != 0).then(|| TaskId(word.trailing_zeros())),
            View::Large(list) => list.first().copied(),
        }
    }

    /// The task that runs by default, when `current` ran last.
    #[inline]
    pub(super) fn default_after(self, current: TaskId) -> TaskId {
        if self.contains(current) { current } else { self.first().unwrap_or(TaskId::CLOCK) }
    }

    /// The ready task number `n`, counted from 0 by ascending number.
    #[inline]
    #[must_use]
    pub fn nth(self, n: u32) -> Option<TaskId> {
        match self.0 {
            View::Small(word) => {
                (n < word.count_ones()).then(|| TaskId(sample_bit(word, |_| n).trailing_zeros()))
            }
            View::Large(list) => list.get(n as usize).copied(),
        }
    }

    /// The ready tasks by ascending number.
    pub fn iter(self) -> impl Iterator<Item = TaskId> + 'a {
        let (word, list) = match self.0 {
            View::Small(word) => (word, [].as_slice()),
            View::Large(list) => (0, list),
        };
        bits(word).map(TaskId).chain(list.iter().copied())
    }
}

/// The one of these tasks that runs by default, when `current` ran last.
pub(crate) fn default_of_few(ready: u64, current: TaskId) -> TaskId {
    Ready::small(ready).default_after(current)
}

/// The set bit whose index `choose` returns, given the number of set bits. No branch depends on
/// that index, because it is random.
#[inline]
pub(super) fn sample_bit(bits: u64, choose: impl FnOnce(u32) -> u32) -> u64 {
    match u8::try_from(bits) {
        Ok(byte) => {
            let Byte { len, bits } = &BYTES[usize::from(byte)];
            bits[choose(u32::from(*len)) as usize % 8].into()
        }
        Err(_) => sample_of_many_bits(bits, choose),
    }
}

/// The same of any word: S. Vigna, "Broadword Implementation of Rank/Select Queries" (WEA 2008),
/// algorithm 2.
#[inline(never)]
fn sample_of_many_bits(bits: u64, choose: impl FnOnce(u32) -> u32) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // How many bits each byte has, and how many it has with those below it.
    let pairs = bits - ((bits >> 1) & (0x55 * ONES));
    let nibbles = (pairs & (0x33 * ONES)) + ((pairs >> 2) & (0x33 * ONES));
    let counts = (nibbles + (nibbles >> 4)) & (0x0f * ONES);
    let sums = counts.wrapping_mul(ONES);
    let number = u64::from(choose((sums >> 56) as u32));
    // A high bit for each byte that the number is beyond, and how many such bytes there are.
    let beyond = (number.wrapping_mul(ONES) | HIGH).wrapping_sub(sums) & HIGH;
    let shift = (beyond >> 7).wrapping_mul(ONES) >> 56 << 3 & 63;
    let rest = number.wrapping_sub(sums << 8 >> shift & 0xff);
    u64::from(BYTES[(bits >> shift & 0xff) as usize].bits[rest as usize % 8]) << shift
}

/// What there is to know of a byte: how many of its bits are set, and each of those alone, from the
/// lowest on.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Byte {
    len: u8,
    bits: [u8; 8],
}

static BYTES: [Byte; 256] = {
    let mut bytes = [Byte { len: 0, bits: [0; 8] }; 256];
    let mut value = 0;
    while value < bytes.len() {
        let byte = &mut bytes[value];
        let mut left = value as u64;
        while left != 0 {
            byte.bits[byte.len as usize] = lowest(left) as u8;
            byte.len += 1;
            left = rest(left);
        }
        value += 1;
    }
    bytes
};

/// The lowest bit alone.
#[inline]
pub(super) const fn lowest(bits: u64) -> u64 {
    bits & bits.wrapping_neg()
}

#[inline(never)]
fn sample_of_list(list: &[TaskId], choose: impl FnOnce(u32) -> u32) -> TaskId {
    list.get(choose(list.len() as u32) as usize).copied().unwrap_or(TaskId::CLOCK)
}

/// The places of the bits that are set, from the lowest on.
#[inline]
fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros();
            word = rest(word);
            bit
        })
    })
}

/// The word without its lowest bit.
#[inline]
const fn rest(word: u64) -> u64 {
    word & word.wrapping_sub(1)
}

mod hidden;
#[cfg(test)]
mod tests;
