//! `IUnknown`'s methods of foreign objects, any of which may throw.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering};

use windows_core::{GUID, HRESULT, IUnknown, Interface};

use crate::HResult;
use crate::com::guard;

/// `IUnknown`'s table, in functions out of which an exception may unwind. (Those of `windows-core`
/// are called as functions that do not unwind, so the process would end at the call.)
#[repr(C)]
struct Table {
    query_interface: unsafe extern "system-unwind" fn(
        this: *mut c_void,
        iid: *const GUID,
        object: *mut *mut c_void,
    ) -> HRESULT,
    add_ref: unsafe extern "system-unwind" fn(this: *mut c_void) -> u32,
    release: unsafe extern "system-unwind" fn(this: *mut c_void) -> u32,
}

/// A pointer to a foreign object.
#[derive(Clone, Copy)]
struct Pointer(NonNull<c_void>);

// SAFETY: MAPI is free-threaded: its objects may be called on any thread ("Threading in MAPI").
unsafe impl Send for Pointer {}
// SAFETY: as for Send.
unsafe impl Sync for Pointer {}

impl Pointer {
    /// # Safety
    ///
    /// The object is alive.
    unsafe fn table(self) -> &'static Table {
        // SAFETY: a COM object starts with a pointer to its table, whose first three are IUnknown's
        // ("The Component Object Model").
        let table = unsafe { self.0.cast::<NonNull<Table>>().read() };
        // SAFETY: as above. The table is used for the call that follows only, for which the caller
        // keeps the object alive.
        unsafe { table.as_ref() }
    }
}

/// A host's object, without a reference: the host keeps it alive until its call returns.
#[derive(Clone, Copy)]
pub(crate) struct Borrowed(Pointer);

impl Borrowed {
    /// `None` for NULL.
    ///
    /// # Safety
    ///
    /// `raw` is NULL or an object that is alive for as long as the result is used.
    pub(crate) unsafe fn new(raw: *mut c_void) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self(Pointer(raw)))
    }

    /// The object behind a reference. Whoever uses the result keeps the reference until then.
    pub(crate) fn of(unknown: &IUnknown) -> Self {
        // SAFETY: an IUnknown is never NULL.
        Self(Pointer(unsafe { NonNull::new_unchecked(unknown.as_raw()) }))
    }

    /// QueryInterface.
    ///
    /// # Errors
    ///
    /// Its failure; [`HResult::E_NOINTERFACE`] also if it answered success and left NULL.
    pub(crate) fn query<I: Interface>(self) -> Result<I, HResult> {
        let mut found = ptr::null_mut();
        // SAFETY: alive, as whoever made this has promised.
        let query = unsafe { self.0.table() }.query_interface;
        let answer = guard::call_here("IUnknown::QueryInterface", || {
            // SAFETY: as above; the IID is that of the type below, and `found` is valid for the
            // write.
            unsafe { query(self.0.0.as_ptr(), &I::IID, &mut found) }
        });
        HResult::from_i32(answer.0).ok()?;
        if found.is_null() {
            return Err(HResult::E_NOINTERFACE);
        }
        // SAFETY: QueryInterface answered with a reference to this interface.
        Ok(unsafe { I::from_raw(found) })
    }

    /// AddRef.
    pub(crate) fn hold(self) -> Held {
        // SAFETY: alive, as whoever made this has promised.
        let add_ref = unsafe { self.0.table() }.add_ref;
        guard::call_here("IUnknown::AddRef", || {
            // SAFETY: as above.
            unsafe { add_ref(self.0.0.as_ptr()) }
        });
        Held(self.0)
    }
}

/// A reference to a foreign object.
pub(crate) struct Held(Pointer);

impl Held {
    /// Takes a reference over.
    pub(crate) fn new(unknown: IUnknown) -> Self {
        // SAFETY: an IUnknown is never NULL.
        Self(Pointer(unsafe { NonNull::new_unchecked(unknown.into_raw()) }))
    }

    pub(crate) fn unknown(&self) -> &IUnknown {
        // SAFETY: an IUnknown is such a pointer ("repr(transparent)"), and the object is alive: the
        // reference is ours.
        unsafe { &*(&raw const self.0.0).cast::<IUnknown>() }
    }
}

impl Held {
    pub(crate) const RELEASE: &'static str = "IUnknown::Release";

    /// Gives the reference back. If an exception leaves Release, `rescue` runs, and this thread
    /// stops for ever.
    pub(crate) fn release(self, rescue: impl FnOnce()) {
        let pointer = self.0;
        std::mem::forget(self);
        // SAFETY: the reference is ours.
        let release = unsafe { pointer.table() }.release;
        // SAFETY: as above, and it is not used after this.
        guard::call(|| unsafe { release(pointer.0.as_ptr()) }, rescue);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        let release = unsafe { self.0.table() }.release;
        // SAFETY: as above, and it is not used after this.
        guard::call_here(Self::RELEASE, || unsafe { release(self.0.0.as_ptr()) });
    }
}

/// A reference that can be given back early, as long as nobody has seen the object.
pub(crate) struct Revocable {
    /// Not dropped while the state is REVOKED.
    held: ManuallyDrop<Held>,
    state: AtomicU8,
}

const UNSEEN: u8 = 0;
const SEEN: u8 = 1;
const REVOKED: u8 = 2;

impl Revocable {
    pub(crate) fn new(held: Held) -> Self {
        Self { held: ManuallyDrop::new(held), state: AtomicU8::new(UNSEEN) }
    }

    /// The object; `None` once the reference was revoked.
    pub(crate) fn unknown(&self) -> Option<&IUnknown> {
        let seen = self.state.compare_exchange(UNSEEN, SEEN, Ordering::AcqRel, Ordering::Acquire);
        (seen != Err(REVOKED)).then(|| self.held.unknown())
    }

    /// Gives the reference back, unless somebody has seen the object.
    pub(crate) fn revoke(&self) {
        let revoked =
            self.state.compare_exchange(UNSEEN, REVOKED, Ordering::AcqRel, Ordering::Acquire);
        if revoked.is_ok() {
            // One that is never used again, here or by `unknown` or the drop.
            drop(Held(self.held.0));
        }
    }
}

impl Drop for Revocable {
    fn drop(&mut self) {
        if *self.state.get_mut() != REVOKED {
            // SAFETY: the reference is still ours, and it is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.held) };
        }
    }
}
