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
    lists: Lists,
}

#[derive(Default)]
struct Lists {
    /// Those that something is still owed for.
    open: Vec<Arc<Cell>>,
    /// Cells that nobody else holds.
    spare: Vec<Arc<Cell>>,
}

thread_local! {
    /// What the local monitors of this thread left when they were dropped.
    static LEFT: RefCell<Vec<Lists>> = const { RefCell::new(Vec::new()) };
}

impl Syncs {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, begun: 0, host_watched: false, lists: Lists::default() }
    }

    pub(super) fn begin(&mut self, scope: Scope) -> Arc<Cell> {
        let Self { kind, begun, host_watched, lists } = self;
        if kind.local && lists.open.capacity() == 0 {
            *lists = LEFT.with_borrow_mut(|left| left.pop()).unwrap_or_default();
        }
        lists.forget_settled();
        *begun += 1;
        let id = SyncId(*begun);
        let cell = match lists.spare.pop() {
            Some(cell) if cell.is_here() => {
                cell.begin_again(id, scope, *host_watched);
                cell
            }
            _ => Arc::new(Cell::new(*kind, id, scope, *host_watched)),
        };
        if !lists.open.is_empty() {
            let is_running = |cell: &&Arc<Cell>| cell.machine.with(|machine| machine.is_running());
            cell.set_overlapping(lists.open.iter().filter(is_running).cloned().collect());
        }
        lists.open.push(Arc::clone(&cell));
        cell
    }

    /// Those that something is still owed for, in the order in which they began.
    pub(super) fn open(&self) -> &[Arc<Cell>] {
        &self.lists.open
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.lists.forget_all();
    }

    /// The newest sync that published this handle.
    pub(super) fn publisher(&self, event: RawEvent) -> Option<&Arc<Cell>> {
        let published =
            |cell: &&Arc<Cell>| cell.machine.with(|machine| machine.published_handle()) == event;
        self.lists.open.iter().rev().find(published)
    }
}

impl Lists {
    fn forget_settled(&mut self) {
        let Self { open, spare } = self;
        if !open.is_empty() {
            let settled =
                open.extract_if(.., |cell| cell.machine.with(|machine| machine.settled()));
            spare.extend(settled.filter(is_spare));
        }
    }

    fn forget_all(&mut self) {
        while let Some(cell) = self.open.pop() {
            if is_spare(&cell) {
                self.spare.push(cell);
            }
        }
    }
}

/// Whether another sync can begin in this cell, here: nobody else holds it, nor does it hold others.
fn is_spare(cell: &Arc<Cell>) -> bool {
    cell.is_here() && Arc::strong_count(cell) == 1 && !cell.overlaps.load(Ordering::Relaxed)
}

impl Drop for Syncs {
    fn drop(&mut self) {
        if self.kind.local {
            let mut lists = std::mem::take(&mut self.lists);
            lists.forget_all();
            // A monitor that is dropped elsewhere than it was used leaves nothing.
            if lists.spare.first().is_some_and(|cell| cell.is_here()) {
                // The thread may be about to end.
                let _ = LEFT.try_with(|left| left.borrow_mut().push(lists));
            }
        }
    }
}
