//! Whether a thread holds the loader lock, as it does in any DllMain.

/// Whether this thread holds the loader lock: it is in some library's DllMain, where almost nothing
/// may be called ("Dynamic-Link Library Best Practices"). Never off Windows.
#[must_use]
pub fn holds_loader_lock() -> bool {
    system::holds_loader_lock()
}

#[cfg(not(windows))]
mod system {
    pub(super) fn holds_loader_lock() -> bool {
        false
    }
}

#[cfg(windows)]
#[expect(unsafe_code, reason = "reads the process's own block")]
mod system {
    use std::ffi::c_void;
    use std::mem::offset_of;
    use std::ptr::NonNull;
    use std::sync::OnceLock;

    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
    use windows_sys::Win32::System::Threading::{CRITICAL_SECTION, GetCurrentThreadId};

    /// Where the process's block has the pointer to the lock. Every version of Windows that runs
    /// this program has it there; `ntdll`'s symbols name it `_PEB::LoaderLock`.
    const LOADER_LOCK: usize = if cfg!(target_pointer_width = "64") { 0x110 } else { 0xA0 };

    /// The lock, which lasts as long as the process.
    #[derive(Clone, Copy)]
    struct Lock(NonNull<CRITICAL_SECTION>);

    // SAFETY: the process has one such lock, and it is never moved or freed; only its owner is read
    // here, in one piece.
    unsafe impl Send for Lock {}
    // SAFETY: as for Send.
    unsafe impl Sync for Lock {}

    fn find() -> Option<Lock> {
        type CurrentPeb = unsafe extern "system" fn() -> *const u8;

        let name: Vec<u16> = "ntdll.dll\0".encode_utf16().collect();
        // SAFETY: a terminated name; the library is in every process.
        let ntdll = unsafe { GetModuleHandleW(name.as_ptr()) };
        // SAFETY: a loaded library, or NULL, which fails; a terminated name.
        let found = unsafe { GetProcAddress(ntdll, c"RtlGetCurrentPeb".as_ptr().cast()) }?;
        // SAFETY: `PPEB NTAPI RtlGetCurrentPeb(void)`.
        let peb = unsafe {
            std::mem::transmute::<unsafe extern "system" fn() -> isize, CurrentPeb>(found)
        };
        // SAFETY: as above: it takes nothing, and answers with the block of this process.
        let peb = unsafe { peb() };
        // SAFETY: the block is larger, and lasts as long as the process.
        let lock = unsafe { peb.wrapping_add(LOADER_LOCK).cast::<*mut CRITICAL_SECTION>().read() };
        NonNull::new(lock).map(Lock)
    }

    pub(super) fn holds_loader_lock() -> bool {
        static LOCK: OnceLock<Option<Lock>> = OnceLock::new();
        let Some(lock) = *LOCK.get_or_init(find) else { return false };
        let owner = lock.0.as_ptr().wrapping_byte_add(offset_of!(CRITICAL_SECTION, OwningThread));
        // SAFETY: the lock is there; its owner is a word that others write in one piece. Only if it
        // is this thread's number does it matter, and then no other thread writes it.
        let owner = unsafe { owner.cast::<*mut c_void>().read_volatile() };
        // SAFETY: reads a number of this thread.
        owner.addr() == unsafe { GetCurrentThreadId() } as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_thread_does_not_hold_it() {
        assert!(!holds_loader_lock());
        assert!(!std::thread::spawn(holds_loader_lock).join().unwrap());
    }
}
