//! The ready set beside a sorted set.

use std::collections::BTreeSet;
use std::mem;

use proptest::prelude::*;

use super::*;

/// A set with this number of tasks, all of them ready, and their wakers.
fn filled(tasks: u32) -> (ReadySet, Vec<Waker>) {
    let mut set = ReadySet::new();
    set.home().begin();
    let wakers = (0..tasks).map(|id| set.waker(TaskId(id))).collect();
    (0..tasks).for_each(|id| set.insert(TaskId(id)));
    (set, wakers)
}

#[test]
fn a_finished_task_is_not_woken() {
    for tasks in [2, 5_000] {
        let (mut set, wakers) = filled(tasks);
        set.gather();
        set.retire(TaskId(0));
        (2..tasks).for_each(|id| set.take(TaskId(id)));
        assert_eq!(set.gather().only(), Some(TaskId(1)));
        wakers[0].wake_by_ref();
        set.wake(TaskId(0));
        assert_eq!(set.gather().iter().collect::<Vec<_>>(), [TaskId(1)]);
    }
}

#[test]
fn wakes_beyond_the_blocks_of_the_top_word_come_in_order() {
    let tasks = 70 * CHUNK as u32;
    let (mut set, wakers) = filled(tasks);
    set.gather();
    set.hide();
    let mut woken = [tasks - 1, 64 * CHUNK as u32, 63 * CHUNK as u32 - 1, 65, 0].map(TaskId);
    for id in woken {
        wakers[id.index()].wake_by_ref();
    }
    woken.reverse();
    assert_eq!(set.gather().iter().collect::<Vec<_>>(), woken);
}

#[derive(Clone, Debug)]
enum Change {
    Insert,
    Wake(usize),
    Take(usize),
    HideOrReveal,
    Retire(usize),
    Clear,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    // Some near the ends of words and of chunks, some anywhere.
    let task = || prop_oneof![0_usize..4, 60_usize..68, 4_090_usize..4_100, any::<usize>()];
    let change = prop_oneof![
        4 => Just(Change::Insert),
        8 => task().prop_map(Change::Wake),
        8 => task().prop_map(Change::Take),
        4 => Just(Change::HideOrReveal),
        3 => task().prop_map(Change::Retire),
        1 => Just(Change::Clear),
    ];
    prop::collection::vec(change, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn ready_set_is_an_ordered_set(
        tasks in prop_oneof![0_u32..3, 60_u32..70, 4_090_u32..4_100],
        changes in changes(),
    ) {
        let (mut set, mut wakers) = filled(tasks);
        let mut tasks = tasks;
        let mut model: BTreeSet<TaskId> = (0..tasks).map(TaskId).collect();
        let mut live = model.clone();
        let mut hidden: Option<BTreeSet<TaskId>> = None;
        for change in changes {
            let one = |number: usize| Some(TaskId((number as u32).checked_rem(tasks)?));
            match change {
                Change::Insert => {
                    let id = TaskId(tasks);
                    if wakers.len() == id.index() {
                        wakers.push(set.waker(id));
                    }
                    set.insert(id);
                    tasks += 1;
                    model.insert(id);
                    live.insert(id);
                }
                Change::Wake(number) => {
                    if let Some(id) = one(number) {
                        wakers[id.index()].wake_by_ref();
                        if live.contains(&id) {
                            model.insert(id);
                        }
                    }
                }
                Change::Take(number) => {
                    set.gather();
                    if let Some(id) = one(number) {
                        set.take(id);
                        model.remove(&id);
                    }
                }
                Change::HideOrReveal => match hidden.take() {
                    None => {
                        set.hide();
                        hidden = Some(mem::take(&mut model));
                    }
                    Some(tasks) => {
                        prop_assert_eq!(set.hidden(), Vec::from_iter(tasks.iter().copied()));
                        set.reveal();
                        model.extend(tasks.intersection(&live).copied());
                    }
                },
                Change::Retire(number) => {
                    if let Some(id) = one(number) {
                        set.retire(id);
                        model.remove(&id);
                        live.remove(&id);
                    }
                }
                Change::Clear => {
                    set.clear();
                    tasks = 0;
                    model.clear();
                    live.clear();
                    hidden = None;
                }
            }
        }
        let ready = set.gather();
        let expected: Vec<TaskId> = model.iter().copied().collect();
        prop_assert_eq!(ready.iter().collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(ready.len() as usize, expected.len());
        prop_assert_eq!(ready.is_empty(), expected.is_empty());
        prop_assert_eq!(ready.first(), expected.first().copied());
        prop_assert_eq!(ready.only(), expected.first().copied().filter(|_| expected.len() == 1));
        for (n, id) in (0..).zip(&expected) {
            prop_assert_eq!(ready.nth(n), Some(*id));
        }
        prop_assert_eq!(ready.nth(ready.len()), None);
        let waiting: Vec<TaskId> = live.difference(&model).copied().collect();
        prop_assert_eq!(set.waiting() as usize, waiting.len());
        for (n, id) in (0..).zip(&waiting) {
            prop_assert_eq!(set.nth_waiting(n), Some(*id));
        }
        prop_assert_eq!(set.nth_waiting(set.waiting()), None);
        let ready = set.view();
        for id in (0..tasks).map(TaskId) {
            prop_assert_eq!(ready.contains(id), model.contains(&id));
            let default = ready.default_after(id);
            let lowest = expected.first().copied().unwrap_or(TaskId::CLOCK);
            prop_assert_eq!(default, if model.contains(&id) { id } else { lowest });
        }
    }

    #[test]
    fn each_bit_of_a_word_has_its_number(
        word in prop_oneof![
            any::<u64>(),
            1..256_u64,
            (any::<u64>(), any::<u64>()).prop_map(|(a, b)| a & b),
        ],
        shift in 0..64_u32,
    ) {
        let word = word.rotate_left(shift);
        for (n, place) in (0..).zip(bits(word)) {
            let mut count = 0;
            let bit = sample_bit(word, |len| {
                count = len;
                n
            });
            prop_assert_eq!((count, bit), (word.count_ones(), 1 << place));
        }
    }
}
