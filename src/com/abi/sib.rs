//! The MAPISIB, both ways: reading what a host passes, and passing one to a foreign provider.

use std::ffi::c_void;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use windows_core::{HRESULT, IUnknown, Interface, InterfaceRef};

use super::{Borrowed, IMAPISync, MAPISIB};
use crate::RawEvent;
use crate::com::guard;
use crate::lock::lock;

/// The content of a host's MAPISIB. It borrows the objects: take a reference to keep one.
pub(crate) struct Block {
    pub(crate) flags: u32,
    pub(crate) session: Option<Borrowed>,
    pub(crate) callback: Option<Borrowed>,
    pub(crate) out: Option<OutPointer>,
}

impl Block {
    /// Reads the MAPISIB; `None` if it is NULL or too small. Reads its size before anything else.
    ///
    /// # Safety
    ///
    /// `pmapisib` is NULL or valid for reads of its own `ulSize` bytes; the objects in it are NULL,
    /// or alive for as long as the block; its out-pointer is NULL or valid for writes until it
    /// is [closed](OutPointer::close) or dropped.
    pub(crate) unsafe fn read(pmapisib: *const MAPISIB) -> Option<Self> {
        if pmapisib.is_null() {
            return None;
        }
        // SAFETY: a block of any size starts with its size, `ulSize`.
        let size = unsafe { pmapisib.cast::<u32>().read_unaligned() };
        if (size as usize) < size_of::<MAPISIB>() {
            return None;
        }
        // SAFETY: the caller promises as many bytes as the block says it has, which are enough.
        let sib = unsafe { pmapisib.read_unaligned() };
        // SAFETY: NULL or alive, as the caller promises.
        let object = |raw| unsafe { Borrowed::new(raw) };
        let (session, callback) = (object(sib.psesSync), object(sib.punkCallBack));
        let out = sib.phSyncDoneEvent;
        let out = (!out.is_null()).then(|| OutPointer(Mutex::new(Some(OutAddress(out)))));
        Some(Self { flags: sib.ulFlags, session, callback, out })
    }
}

/// `phSyncDoneEvent`, on its way to the thread that publishes the event.
pub(crate) struct OutPointer(Mutex<Option<OutAddress>>);

struct OutAddress(*mut *mut c_void);

// SAFETY: the host promises that the pointer is valid during its call, on whichever thread
// ("MAPISIB": "The pointer must be valid because it will contain the event"); it is used under a
// lock only.
unsafe impl Send for OutAddress {}

impl OutPointer {
    /// One that is closed already.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self(Mutex::new(None))
    }

    /// Writes the event, unless the pointer has been closed.
    pub(crate) fn write(&self, event: RawEvent) {
        if let Some(address) = &*lock(&self.0) {
            address.write(event);
        }
    }

    /// Writes `last`, if any, when the host's call returns. The pointer is not used after this.
    pub(crate) fn close(&self, last: Option<RawEvent>) {
        if let (Some(address), Some(last)) = (lock(&self.0).take(), last) {
            address.write(last);
        }
    }
}

impl OutAddress {
    fn write(&self, event: RawEvent) {
        // SAFETY: valid until it is closed, as `Block::read`'s caller promised.
        unsafe { self.0.write_unaligned(ptr::without_provenance_mut(event.value())) };
    }
}

/// The target of a foreign provider's out-pointer.
#[derive(Default)]
pub(crate) struct OutSlot(AtomicUsize);

impl OutSlot {
    pub(crate) fn event(&self) -> RawEvent {
        RawEvent::from_value(self.0.load(Ordering::Acquire))
    }
}

/// A block with members that no version has yet.
#[repr(C)]
struct LongerBlock {
    sib: MAPISIB,
    later: [usize; 4],
}

/// What stands in a block after the call, in the place of pointers: no object lies there.
const OVER: usize = usize::MAX / 0xFF * 0xDD;

impl IMAPISync {
    /// Starts a sync of a foreign provider, on this thread. `ulSize` says that the block is
    /// `longer` than today's, or not.
    ///
    /// The block is overwritten once the call is over, as its memory belongs to the host again.
    pub(crate) fn call_start(
        &self,
        flags: u32,
        session: Option<&IUnknown>,
        callback: Option<InterfaceRef<'_, IUnknown>>,
        out: &OutSlot,
        longer: bool,
    ) -> HRESULT {
        let size = if longer { size_of::<LongerBlock>() } else { size_of::<MAPISIB>() };
        let sib = MAPISIB {
            ulSize: u32::try_from(size).unwrap_or(u32::MAX),
            ulFlags: flags,
            psesSync: session.map_or(ptr::null_mut(), Interface::as_raw),
            punkCallBack: callback.map_or(ptr::null_mut(), |callback| callback.as_raw()),
            phSyncDoneEvent: out.0.as_ptr().cast(),
        };
        let mut block = LongerBlock { sib, later: [0; 4] };
        let start = Interface::vtable(self).SynchronizeInBackground;
        // SAFETY: `self` is a reference that we hold; the block, which is as long as its size says,
        // and everything in it outlives the call, as the MAPISIB page asks of the caller.
        let start = || unsafe { start(self.as_raw(), (&raw mut block).cast()) };
        let answer = guard::call_here("IMAPISync::SynchronizeInBackground", start);
        let over = ptr::without_provenance_mut::<c_void>(OVER);
        let sib = MAPISIB {
            ulSize: u32::MAX,
            ulFlags: u32::MAX,
            psesSync: over,
            punkCallBack: over,
            phSyncDoneEvent: over.cast(),
        };
        // SAFETY: a place of ours; volatile, because only a wrong provider ever reads it.
        unsafe { (&raw mut block).write_volatile(LongerBlock { sib, later: [OVER; 4] }) };
        answer
    }
}
