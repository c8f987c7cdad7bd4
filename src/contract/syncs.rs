//! The syncs of one monitor.
//!
//! A simulation begins a monitor and a sync for each of millions of schedules. To get memory for a
//! sync and to give it back would cost more than most of its calls, so that a local monitor leaves
//! what it has to the next one of its thread.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Arc, Mutex};

use super::SyncId;
use super::clock::Quick;
use super::home::{Home, is_here};
use super::machine::Scope;
use super::plain::Plain;
use crate::RawEvent;
use crate::lock::lock;

/// One sync.
pub(super) struct Cell {
    id: AtomicU32,
    /// The number of the thread where the sync lives.
    thread: u64,
    pub(super) plain: Arc<Plain>,
    /// What a plain call needs besides to begin and end without the machine, if it may.
    pub(super) quick: Option<Quick>,
    pub(super) machine: Home,
    /// The syncs that were running when this one's start began, until it returns.
    overlapping: Mutex<Vec<Arc<Self>>>,
    /// Whether there are any: to know it takes no lock.
    overlaps: AtomicBool,
}

impl Cell {
    fn new(machine: Home, quick: Option<Quick>, id: SyncId) -> Self {
        let plain = machine.with(|machine| Arc::clone(machine.plain()));
        Self {
            id: AtomicU32::new(id.0),
            thread: machine.thread(),
            plain,
            quick,
            machine,
            overlapping: Mutex::default(),
            overlaps: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(super) fn id(&self) -> SyncId {
        SyncId(self.id.load(Ordering::Relaxed))
    }

    /// Whether the sync lives with the calling thread.
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

pub(super) struct Syncs {
    /// All calls come from one thread.
    local: bool,
    begun: u32,
    pub(super) host_watched: bool,
    /// First those that something is still owed for, in the order in which they began; then those
    /// that are spare: nobody else holds them.
    cells: Vec<Arc<Cell>>,
    /// How many are owed something for.
    open: usize,
}

thread_local! {
    /// What the local monitors of this thread left when they were dropped.
    static LEFT: RefCell<Vec<Vec<Arc<Cell>>>> = const { RefCell::new(Vec::new()) };
}

impl Syncs {
    pub(super) fn new(local: bool) -> Self {
        Self { local, begun: 0, host_watched: false, cells: Vec::new(), open: 0 }
    }

    /// Begins a sync. Its plain calls begin and end by themselves if `quick` is there.
    pub(super) fn begin(&mut self, quick: Option<&Quick>, scope: Scope) -> Arc<Cell> {
        self.forget_settled();
        self.begun += 1;
        let cell = self.cell(quick, SyncId(self.begun), scope);
        if self.open > 0 {
            let is_running = |cell: &&Arc<Cell>| cell.machine.with(|machine| machine.is_running());
            cell.set_overlapping(self.open().iter().filter(is_running).cloned().collect());
        }
        self.open += 1;
        cell
    }

    /// A cell for a new sync, at the end of those that are open.
    fn cell(&mut self, quick: Option<&Quick>, id: SyncId, scope: Scope) -> Arc<Cell> {
        let Self { local, host_watched, cells, open, .. } = self;
        if *local && cells.capacity() == 0 {
            *cells = LEFT.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        match cells.get(*open) {
            Some(spare) if spare.is_here() && spare.quick.as_ref() == quick => {
                spare.begin_again(id, scope, *host_watched);
            }
            _ => {
                cells.truncate(*open);
                let machine = Home::new(*local, id, scope, *host_watched);
                cells.push(Arc::new(Cell::new(machine, quick.cloned(), id)));
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

/// Whether another sync can begin in this cell, here: nobody else holds it, nor does it hold
/// others.
fn is_spare(cell: &Arc<Cell>) -> bool {
    cell.is_here() && Arc::strong_count(cell) == 1 && !cell.overlaps.load(Ordering::Relaxed)
}

impl Drop for Syncs {
    fn drop(&mut self) {
        if self.local {
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
