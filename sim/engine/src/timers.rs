//! Deadlines in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

/// An armed timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimerKey {
    slot: u32,
    generation: u32,
}

struct TimerSlot {
    generation: u32,
    waker: Option<Waker>,
}

/// A heap of deadlines over slots that are used again. Disarming leaves the heap's entry behind; it
/// is dropped when it comes up, or when such entries outnumber the armed ones.
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u32, u32)>>,
    slots: Vec<TimerSlot>,
    free: Vec<u32>,
    armed: usize,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), armed: 0 }
    }

    pub(super) fn arm(&mut self, deadline: u64, waker: Waker) -> TimerKey {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(TimerSlot { generation: 0, waker: None });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers")
        });
        let entry = &mut self.slots[slot as usize];
        entry.waker = Some(waker);
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

    /// Replaces the waker of a timer that is still armed.
    pub(super) fn rearm(&mut self, key: TimerKey, waker: &Waker) {
        let slot = &mut self.slots[key.slot as usize];
        if slot.generation == key.generation
            && let Some(old) = &mut slot.waker
        {
            old.clone_from(waker);
        }
    }

    /// Takes the timer back. The waker is returned so that it is dropped outside of any borrow.
    pub(super) fn disarm(&mut self, key: TimerKey) -> Option<Waker> {
        let slot =
            self.slots.get_mut(key.slot as usize).filter(|s| s.generation == key.generation)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot);
        self.armed -= 1;
        slot.waker.take()
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disarmed_timers_do_not_pile_up() {
        let mut timers = Timers::new();
        for i in 0..10_000 {
            let key = timers.arm(1_000_000 + i, Waker::noop().clone());
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
        let late = timers.arm(20, Waker::noop().clone());
        timers.arm(10, Waker::noop().clone());
        timers.arm(10, Waker::noop().clone());
        assert_eq!(timers.next(), Some(10));
        assert!(timers.pop_due(10).is_some() && timers.pop_due(10).is_some());
        assert!(timers.pop_due(10).is_none());
        timers.rearm(late, Waker::noop());
        assert_eq!(timers.next(), Some(20));
    }
}
