//! Deadlines in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use super::id::TaskId;

/// An armed timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimerKey {
    slot: u32,
    generation: u32,
}

struct TimerSlot {
    generation: u32,
    waker: Option<Waker>,
    task: TaskId,
    /// It is due, and is to fire later.
    held: bool,
}

/// A heap of deadlines over slots that are used again. Disarming leaves the heap's entry behind; it
/// is dropped when it comes up, or when such entries outnumber the armed ones.
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u32, u32)>>,
    slots: Vec<TimerSlot>,
    free: Vec<u32>,
    armed: usize,
    held: usize,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), armed: 0, held: 0 }
    }

    /// Arms a timer that `task` waits for.
    pub(super) fn arm(&mut self, deadline: u64, waker: Waker, task: TaskId) -> TimerKey {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(TimerSlot { generation: 0, waker: None, task, held: false });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers")
        });
        let entry = &mut self.slots[slot as usize];
        entry.waker = Some(waker);
        entry.task = task;
        let generation = entry.generation;
        if self.heap.len() > 64 && self.heap.len() > 2 * self.armed {
            let slots = &self.slots;
            self.heap.retain(|Reverse((_, slot, generation))| {
                slots[*slot as usize].generation == *generation
            });
        }
        self.armed += 1;
        self.heap.push(Reverse((deadline, slot, generation)));
        TimerKey { slot, generation }
    }

    /// Replaces the waker of a timer that is still armed, and the task that waits for it.
    pub(super) fn rearm(&mut self, key: TimerKey, waker: &Waker, task: TaskId) {
        let slot = &mut self.slots[key.slot as usize];
        if slot.generation == key.generation
            && let Some(old) = &mut slot.waker
        {
            old.clone_from(waker);
            slot.task = task;
        }
    }

    /// Takes the timer back. The waker is returned so that it is dropped outside of any borrow.
    pub(super) fn disarm(&mut self, key: TimerKey) -> Option<Waker> {
        let slot =
            self.slots.get_mut(key.slot as usize).filter(|s| s.generation == key.generation)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot);
        self.armed -= 1;
        self.held -= usize::from(std::mem::replace(&mut slot.held, false));
        slot.waker.take()
    }

    /// Moves a timer to another deadline. `None` if it is no longer armed.
    pub(super) fn rearm_at(&mut self, key: TimerKey, deadline: u64) -> Option<TimerKey> {
        let waker = self.disarm(key)?;
        let task = self.task(key);
        Some(self.arm(deadline, waker, task))
    }

    /// Takes one timer that is due at `now` out of the order of deadlines, and holds it: it is
    /// still armed, and fires when it is [disarmed](Self::disarm) for its waker.
    pub(super) fn hold_due(&mut self, now: u64) -> Option<TimerKey> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, slot, generation)) = self.heap.pop()?;
        self.slots[slot as usize].held = true;
        self.held += 1;
        Some(TimerKey { slot, generation })
    }

    /// The task that waits for a timer that is armed.
    pub(super) fn task(&self, key: TimerKey) -> TaskId {
        self.slots[key.slot as usize].task
    }

    /// Whether a timer is due and has not fired yet.
    #[inline]
    pub(super) fn is_held(&self, key: TimerKey) -> bool {
        self.held > 0 && {
            let slot = &self.slots[key.slot as usize];
            slot.generation == key.generation && slot.held
        }
    }

    /// The next deadline.
    pub(super) fn next(&mut self) -> Option<u64> {
        while let Some(Reverse((deadline, slot, generation))) = self.heap.peek() {
            if self.slots[*slot as usize].generation == *generation {
                return Some(*deadline);
            }
            self.heap.pop();
        }
        None
    }

    /// The next deadline that `task` waits for. It looks at every timer.
    pub(super) fn next_of(&self, task: TaskId) -> Option<u64> {
        let own = |Reverse((deadline, slot, generation)): &Reverse<(u64, u32, u32)>| {
            let slot = &self.slots[*slot as usize];
            (slot.generation == *generation && slot.task == task).then_some(*deadline)
        };
        self.heap.iter().filter_map(own).min()
    }

    /// Takes the waker of one timer that is due at `now`.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Waker> {
        if self.next()? > now {
            return None;
        }
        let Reverse((_, slot, generation)) = self.heap.pop()?;
        self.disarm(TimerKey { slot, generation })
    }

    /// Forgets every timer and keeps the room.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
        self.free.clear();
        self.slots.clear();
        self.armed = 0;
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disarmed_timers_do_not_pile_up() {
        let mut timers = Timers::new();
        for i in 0..10_000 {
            let key = timers.arm(1_000_000 + i, Waker::noop().clone(), TaskId::MAIN);
            assert!(timers.disarm(key).is_some());
            assert!(timers.disarm(key).is_none());
        }
        assert!(timers.heap.len() <= 65, "{}", timers.heap.len());
        assert_eq!(timers.slots.len(), 1);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn due_timers_come_by_deadline() {
        let mut timers = Timers::new();
        let late = timers.arm(20, Waker::noop().clone(), TaskId::MAIN);
        timers.arm(10, Waker::noop().clone(), TaskId::MAIN);
        timers.arm(10, Waker::noop().clone(), TaskId::MAIN);
        assert_eq!(timers.next(), Some(10));
        assert!(timers.pop_due(10).is_some() && timers.pop_due(10).is_some());
        assert!(timers.pop_due(10).is_none());
        timers.rearm(late, Waker::noop(), TaskId::MAIN);
        assert_eq!(timers.next(), Some(20));
    }
}
