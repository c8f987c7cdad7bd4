//! A callback object as COM sees it: two method tables, and a reference count that owns the object.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use windows_core::{
    ComObject, ComObjectInner, GUID, HRESULT, IUnknown, IUnknown_Vtbl, IUnknownImpl, Interface,
    InterfaceRef,
};

use super::{
    IMAPISyncProgressCallback, IMAPISyncProgressCallback_Impl, IMAPISyncProgressCallback_Vtbl,
    utf16,
};
use crate::com::guard;
use crate::{HResult, RawEvent};

/// What an [`Object`] does when it is called. No method panics.
pub(crate) trait Callee: Send + Sync + 'static {
    /// QueryInterface for `IMAPISyncProgressCallback`: takes a reference, and returns how many
    /// there are now.
    fn query(&self) -> Result<usize, HResult>;

    /// Takes a reference, and returns how many there are now.
    fn add_ref(&self) -> usize;

    /// Gives a reference back, and returns how many are left; `None` when there was none.
    fn release(&self) -> Option<usize>;

    /// How many references there are.
    fn references(&self) -> usize;

    fn progress(&self, text: Option<String>, index: u32, max: u32) -> HResult;

    fn error(&self, code: HResult, text: Option<String>) -> HResult;

    fn done(&self, event: RawEvent, status: HResult) -> HResult;
}

/// A COM object with an identity and, behind another pointer, an `IMAPISyncProgressCallback`. It
/// lives in an `Arc`; all references that COM counts own one strong count of it together.
#[repr(C)]
pub(crate) struct Object<T: Callee> {
    identity: &'static IUnknown_Vtbl,
    interface: &'static IMAPISyncProgressCallback_Vtbl,
    callee: T,
}

impl<T: Callee> Object<T> {
    const IDENTITY: &'static IUnknown_Vtbl = &IUnknown_Vtbl::new::<Self, 0>();
    const INTERFACE: &'static IMAPISyncProgressCallback_Vtbl =
        &IMAPISyncProgressCallback_Vtbl::new::<Self, -1>();

    pub(crate) fn new(callee: T) -> Arc<Self> {
        Arc::new(Self { identity: Self::IDENTITY, interface: Self::INTERFACE, callee })
    }

    pub(crate) fn callee(&self) -> &T {
        &self.callee
    }

    /// The callee, before anybody else has a pointer to the object.
    pub(crate) fn callee_mut(self: &mut Arc<Self>) -> Option<&mut T> {
        Arc::get_mut(self).map(|object| &mut object.callee)
    }

    /// The identity, with a reference.
    pub(crate) fn to_unknown(self: &Arc<Self>) -> IUnknown {
        self.to_ref().to_owned()
    }

    /// The identity, without a reference.
    pub(crate) fn to_ref(self: &Arc<Self>) -> InterfaceRef<'_, IUnknown> {
        // SAFETY: the pointer of an `Arc` is not NULL.
        let raw = unsafe { NonNull::new_unchecked(Arc::as_ptr(self).cast_mut().cast()) };
        // SAFETY: an object that starts with an IUnknown table, and is alive for as long as this
        // `Arc` is borrowed.
        unsafe { InterfaceRef::from_raw(raw) }
    }

    /// Counts a reference, which gives COM its strong count if it is the first one.
    fn count_one(&self, count: usize) -> u32 {
        if count == 1 {
            // SAFETY: `new` puts each object into an `Arc`, and it is alive: somebody is calling
            // it.
            unsafe { Arc::increment_strong_count(self) };
        }
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Releases without a reference, as a wrong client does.
    #[cfg(test)]
    pub(crate) fn release_too_often(self: &Arc<Self>) -> u32 {
        let release = Self::IDENTITY.Release;
        // SAFETY: the object is alive: this `Arc` owns it.
        unsafe { release(self.to_ref().as_raw()) }
    }
}

impl<T: Callee> IMAPISyncProgressCallback_Impl for Object<T> {
    unsafe fn Progress(&self, text: *const u16, index: u32, max: u32) -> HRESULT {
        // SAFETY: NULL or terminated, as the caller promises.
        let text = unsafe { utf16::copy(text) };
        HRESULT(self.callee.progress(text, index, max).as_i32())
    }

    unsafe fn Error(&self, result: HRESULT, text: *const u16) -> HRESULT {
        // SAFETY: NULL or terminated, as the caller promises.
        let text = unsafe { utf16::copy(text) };
        HRESULT(self.callee.error(HResult::from_i32(result.0), text).as_i32())
    }

    fn Done(&self, event: *mut c_void, result: HRESULT) -> HRESULT {
        let event = RawEvent::from_value(event.addr());
        HRESULT(self.callee.done(event, HResult::from_i32(result.0)).as_i32())
    }
}

impl<T: Callee> IUnknownImpl for Object<T> {
    type Impl = Self;

    fn get_impl(&self) -> &Self {
        self
    }

    fn get_impl_mut(&mut self) -> &mut Self {
        self
    }

    fn into_inner(self) -> Self {
        self
    }

    unsafe fn QueryInterface(&self, iid: *const GUID, object: *mut *mut c_void) -> HRESULT {
        if iid.is_null() || object.is_null() {
            return HRESULT(HResult::E_POINTER.as_i32());
        }
        // SAFETY: valid for a read, by the rules of QueryInterface.
        let iid = unsafe { iid.read_unaligned() };
        let (answer, found) = if iid == IUnknown::IID {
            self.AddRef();
            (HResult::S_OK, (&raw const self.identity).cast::<c_void>())
        } else if iid == IMAPISyncProgressCallback::IID {
            match self.callee.query() {
                Ok(count) => {
                    self.count_one(count);
                    (HResult::S_OK, (&raw const self.interface).cast::<c_void>())
                }
                Err(code) => (code, ptr::null()),
            }
        } else {
            (HResult::E_NOINTERFACE, ptr::null())
        };
        // SAFETY: valid for a write, by the rules of QueryInterface.
        unsafe { object.write_unaligned(found.cast_mut()) };
        HRESULT(answer.as_i32())
    }

    fn AddRef(&self) -> u32 {
        self.count_one(self.callee.add_ref())
    }

    unsafe fn Release(this: *mut Self) -> u32 {
        // SAFETY: the caller gives back a reference, so the object is alive; one without a
        // reference (a Release too many) is covered by whoever owns the `Arc`.
        let object = unsafe { &*this };
        let Some(left) = object.callee.release() else { return 0 };
        if left == 0 {
            // SAFETY: the references together owned one strong count, taken by `count_one`; they
            // are all gone now.
            let owner = unsafe { Arc::from_raw(this.cast_const()) };
            // The last owner's drop runs the host's code.
            guard::contain(move || drop(owner));
        }
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    fn is_reference_count_one(&self) -> bool {
        self.callee.references() == 1
    }

    unsafe fn GetTrustLevel(&self, _value: *mut i32) -> HRESULT {
        // Belongs to IInspectable, which this object is not.
        HRESULT(HResult::E_NOINTERFACE.as_i32())
    }

    fn to_object(&self) -> ComObject<Self> {
        self.AddRef();
        // SAFETY: alive, and with the reference just taken.
        unsafe { ComObject::from_raw(NonNull::from(self)) }
    }
}

impl<T: Callee> ComObjectInner for Object<T> {
    type Outer = Self;

    fn into_object(self) -> ComObject<Self> {
        Arc::new(self).to_object()
    }
}
