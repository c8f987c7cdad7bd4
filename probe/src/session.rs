//! A session to pass as `MAPISIB::psesSync`, whose references are counted.
#![expect(unsafe_code, reason = "an object with a foreign method table")]
#![expect(non_snake_case, reason = "the names are those of the MAPI headers")]

use std::ffi::c_void;
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use mapi_sync::HResult;
use windows_core::{GUID, HRESULT, IUnknown, IUnknown_Vtbl, Interface};

/// An `IMAPISession` whose methods answer `MAPI_E_NO_SUPPORT`: it is there to be held and given
/// back. It is never freed, so a Release too many does no harm, and is counted.
#[derive(Clone, Copy)]
pub struct Session(&'static Object);

#[repr(C)]
struct Object {
    table: &'static Table,
    references: AtomicI64,
    /// How often Release had nothing to give back.
    too_often: AtomicU64,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("references", &self.references()).finish_non_exhaustive()
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A new session, with one reference, which is the caller's.
    #[must_use]
    pub fn new() -> Self {
        let object =
            Object { table: &TABLE, references: AtomicI64::new(1), too_often: AtomicU64::new(0) };
        Self(Box::leak(Box::new(object)))
    }

    /// The object, with another reference.
    #[must_use]
    pub fn unknown(self) -> IUnknown {
        self.0.references.fetch_add(1, Ordering::SeqCst);
        // SAFETY: an object that starts with its method table and is never freed, and the reference
        // that was just counted.
        unsafe { IUnknown::from_raw(ptr::from_ref(self.0).cast_mut().cast()) }
    }

    /// How many references there are, without the caller's own.
    #[must_use]
    pub fn references(self) -> i64 {
        self.0.references.load(Ordering::SeqCst) - 1
    }

    /// How often Release was called when only the caller's own reference was left.
    #[must_use]
    pub fn released_too_often(self) -> u64 {
        self.0.too_often.load(Ordering::SeqCst)
    }
}

const IID_IMAPISESSION: GUID = GUID::from_u128(0x00020300_0000_0000_c000_000000000046);

unsafe extern "system" fn query_interface(
    this: *mut c_void,
    iid: *const GUID,
    object: *mut *mut c_void,
) -> HRESULT {
    if iid.is_null() || object.is_null() {
        return HRESULT(HResult::E_POINTER.as_i32());
    }
    // SAFETY: the caller passes an IID, as the page of QueryInterface asks.
    let known = matches!(unsafe { *iid }, IUnknown::IID | IID_IMAPISESSION);
    // SAFETY: as above, and a place for the pointer.
    unsafe { object.write(if known { this } else { ptr::null_mut() }) };
    if !known {
        return HRESULT(HResult::E_NOINTERFACE.as_i32());
    }
    // SAFETY: `this` is the object that the call came through.
    unsafe { add_ref(this) };
    HRESULT(0)
}

unsafe extern "system" fn add_ref(this: *mut c_void) -> u32 {
    // SAFETY: the call came through the table of such an object, which is never freed.
    let object = unsafe { &*this.cast::<Object>() };
    let count = object.references.fetch_add(1, Ordering::SeqCst) + 1;
    u32::try_from(count).unwrap_or(0)
}

unsafe extern "system" fn release(this: *mut c_void) -> u32 {
    // SAFETY: as in `add_ref`.
    let object = unsafe { &*this.cast::<Object>() };
    let left = object.references.fetch_sub(1, Ordering::SeqCst) - 1;
    if left < 1 {
        // The one that is left is the check's own.
        object.references.fetch_add(1, Ordering::SeqCst);
        object.too_often.fetch_add(1, Ordering::SeqCst);
    }
    u32::try_from(left).unwrap_or(0)
}

/// A method of these arguments, which the callee takes off the stack on 32 bits. Each is as wide
/// as a pointer.
macro_rules! methods {
    ($($name:ident($($argument:ident)*);)*) => {
        #[repr(C)]
        struct Table {
            base: IUnknown_Vtbl,
            $($name: unsafe extern "system" fn(*mut c_void $(, $argument: usize)*) -> HRESULT,)*
        }

        $(
            unsafe extern "system" fn $name(_: *mut c_void $(, $argument: usize)*) -> HRESULT {
                $(let _ = $argument;)*
                HRESULT(HResult::MAPI_E_NO_SUPPORT.as_i32())
            }
        )*

        static TABLE: Table = Table {
            base: IUnknown_Vtbl {
                QueryInterface: query_interface,
                AddRef: add_ref,
                Release: release,
            },
            $($name,)*
        };
    };
}

// "IMAPISession : IUnknown", in the order of its table.
methods! {
    GetLastError(a b c);
    GetMsgStoresTable(a b);
    OpenMsgStore(a b c d e f);
    OpenAddressBook(a b c d);
    OpenProfileSection(a b c d);
    GetStatusTable(a b);
    OpenEntry(a b c d e f);
    CompareEntryIDs(a b c d e f);
    Advise(a b c d e);
    Unadvise(a);
    MessageOptions(a b c d);
    QueryDefaultMessageOpt(a b c d);
    EnumAdrTypes(a b c);
    QueryIdentity(a b);
    Logoff(a b c);
    SetDefaultStore(a b c);
    AdminServices(a b);
    ShowForm(a b c d e f g h i j k);
    PrepareForm(a b c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_counted_and_a_release_too_many_too() {
        let session = Session::new();
        assert_eq!(session.references(), 0);
        let held = session.unknown();
        let again = held.clone();
        assert_eq!(session.references(), 2);
        drop((held, again));
        assert_eq!((session.references(), session.released_too_often()), (0, 0));
        let raw = session.unknown().into_raw();
        // SAFETY: the object is never freed.
        assert_eq!(unsafe { release(raw) }, 1);
        // SAFETY: as above; this one is the mistake to be counted.
        assert_eq!(unsafe { release(raw) }, 0);
        assert_eq!((session.references(), session.released_too_often()), (0, 1));
    }
}
