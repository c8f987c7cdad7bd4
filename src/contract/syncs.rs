//! The syncs of one monitor.
//!
//! A simulation begins a monitor and a sync for each of millions of schedules. To get memory for a sync and to give it
//! back would cost more than most of its calls, so that a local monitor leaves what it has to the next one of its thread.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Arc, Mutex};

use super::SyncId;
use super::home::{Home, NO_THREAD, is_here};
use super::machine::Scope;
use super::plain::Plain;
use crate::RawEvent;
use crate::event::lock;

/// One sync.
pub(super) struct Cell {
    id: AtomicU32,
    /// The number of the thread where a plain call begins without the machine.
    thread: u64,
    pub(super) plain: Arc<Plain>,
    pub(super) machine: Home,
    /// The syncs that were running when this one's start began, until it returns.
    overlapping: Mutex<Vec<Arc<Self>>>,
    /// Whether there are any: to know it takes no lock.
    overlaps: AtomicBool,
}

impl Cell {
    fn new(kind: Kind, id: SyncId, scope: Scope, host_watched: bool) -> Self {
        let machine = Home::new(kind.local, id, scope, host_watched);
        let thread = if kind.keep_log { NO_THREAD } else { machine.thread() };
        let plain = machine.with(|machine| Arc::clone(machine.plain()));
        Self {
            id: AtomicU32::new(id.0),
            thread,
            plain,
            machine,
            overlapping: Mutex::default(),
            overlaps: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(super) fn id(&self) -> SyncId {
        SyncId(self.id.load(Ordering::Relaxed))
    }

    /// Whether a plain call may begin here and now without the machine.
    #[inline(always)]
    pub(super) fn is_here(&self) -> bool {
        is_here(self.thread)
    }

    /// Takes the syncs that were running when this one's start began.
    pub(super) fn take_overlapping(&self) -> Vec<Arc<Self>> {
        self.overlaps.store(false, Ordering::Relaxed);
        std::mem::take(&mut *lock(&self.overlapping))
    }

    fn set_overlapping(&self, running: Vec<Arc<Self>>) {
        self.overlaps.store(!running.is_empty(), Ordering::Relaxed);
        *lock(&self.overlapping) = running;
    }

    /// Begins anew with another sync. Nobody else may hold this one.
    fn begin_again(&self, id: SyncId, scope: Scope, host_watched: bool) {
        // What others did through their handles comes before they dropped them.
        fence(Ordering::Acquire);
        self.id.store(id.0, Ordering::Relaxed);
        self.machine.with(|machine| machine.begin_again(id, scope, host_watched));
    }
}

/// What decides how calls reach a sync.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// All calls come from one thread.
    pub(super) local: bool,
    pub(super) keep_log: bool,
}

pub(super) struct Syncs {
    kind: Kind,
    begun: u32,
    pub(super) host_watched: bool,
    /// First those that something is still owed for, in the order in which they began; then those that are spare: nobody
    /// else holds them.
    cells: Vec<Arc<Cell>>,
    /// How many are owed something for.
    open: usize,
}

thread_local! {
    /// What the local monitors of this thread left when they were dropped.
    static LEFT: RefCell<Vec<Vec<Arc<Cell>>>> = const { RefCell::new(Vec::new()) };
}

impl Syncs {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, begun: 0, host_watched: false, cells: Vec::new(), open: 0 }
    }

    pub(super) fn begin(&mut self, scope: Scope) -> Arc<Cell> {
        self.forget_settled();
        self.begun += 1;
        let cell = self.cell(SyncId(self.begun), scope);
        if self.open > 0 {
            let is_running = |cell: &&Arc<Cell>| cell.machine.with(|machine| machine.is_running());
            cell.set_overlapping(self.open().iter().filter(is_running).cloned().collect());
        }
        self.open += 1;
        cell
    }

    /// A cell for a new sync, at the end of those that are open.
    fn cell(&mut self, id: SyncId, scope: Scope) -> Arc<Cell> {
        let Self { kind, host_watched, cells, open, .. } = self;
        if kind.local && !kind.keep_log && cells.capacity() == 0 {
            *cells = LEFT.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        match cells.get(*open) {
            Some(spare) if spare.is_here() => spare.begin_again(id, scope, *host_watched),
            _ => {
                cells.truncate(*open);
                cells.push(Arc::new(Cell::new(*kind, id, scope, *host_watched)));
            }
        }
        Arc::clone(&cells[*open])
    }

    /// Those that something is still owed for, in the order in which they began.
    pub(super) fn open(&self) -> &[Arc<Cell>] {
        &self.cells[..self.open]
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.open = 0;
        self.cells.retain(is_spare);
    }

    /// Forgets those that nothing is owed for any more.
    fn forget_settled(&mut self) {
        let mut place = 0;
        while place < self.open {
            let cell = &self.cells[place];
            if is_settled(cell) {
                self.open -= 1;
                let is_spare = is_spare(cell);
                self.cells[place..].rotate_left(1);
                if !is_spare {
                    self.cells.pop();
                }
            } else {
                place += 1;
            }
        }
    }

    /// The newest sync that published this handle.
    pub(super) fn publisher(&self, event: RawEvent) -> Option<&Arc<Cell>> {
        let published =
            |cell: &&Arc<Cell>| cell.machine.with(|machine| machine.published_handle()) == event;
        self.open().iter().rev().find(published)
    }
}

/// Whether nothing is owed, nor will be.
fn is_settled(cell: &Arc<Cell>) -> bool {
    let given_up = Arc::strong_count(cell) == 1;
    cell.machine.with(|machine| machine.settled() || (given_up && machine.is_untouched()))
}

/// Whether another sync can begin in this cell, here: nobody else holds it, nor does it hold others.
fn is_spare(cell: &Arc<Cell>) -> bool {
    cell.is_here() && Arc::strong_count(cell) == 1 && !cell.overlaps.load(Ordering::Relaxed)
}

impl Drop for Syncs {
    fn drop(&mut self) {
        if self.kind.local {
            self.clear();
            // A monitor that is dropped elsewhere than it was used leaves nothing.
            if self.cells.first().is_some_and(|first| first.is_here()) {
                let cells = std::mem::take(&mut self.cells);
                // The thread may be about to end.
                let _ = LEFT.try_with(|left| left.borrow_mut().push(cells));
            }
        }
    }
}
