//! Counting MAPIInitialize and MAPIUninitialize per thread: "every thread that uses MAPI objects
//! must call MAPIInitialize", and MAPIUninitialize once for that.
//!
//! The counting functions take the place of the two exports in the table of `mapi32.dll`, in this
//! process's memory, before the provider is loaded. So its imports and its GetProcAddress find
//! them. A provider that goes round `mapi32.dll`, to the library of a mail client, is not counted.
#![expect(unsafe_code, reason = "changes the export table of a loaded library")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use mapi_sync::HResult;
use windows_sys::Win32::Foundation::{CloseHandle, HMODULE, WAIT_TIMEOUT};
use windows_sys::Win32::System::LibraryLoader::{GetProcAddress, LoadLibraryW};
use windows_sys::Win32::System::Memory::{PAGE_READWRITE, VirtualProtect};
use windows_sys::Win32::System::Threading::{
    GetCurrentThreadId, OpenThread, THREAD_SYNCHRONIZE, WaitForSingleObject,
};

type Initialize = unsafe extern "system" fn(*mut c_void) -> i32;

type Uninitialize = unsafe extern "system" fn();

type Address = unsafe extern "system" fn() -> isize;

/// The functions of `mapi32.dll` are being counted.
#[derive(Clone, Copy, Debug)]
pub struct MapiThreads(());

/// What one thread has called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapiCounts {
    /// Calls of MAPIInitialize that succeeded.
    pub initialized: u64,
    /// Calls of MAPIUninitialize.
    pub uninitialized: u64,
    /// Calls of MAPIUninitialize when no MAPIInitialize was left to undo.
    pub too_often: u64,
}

struct State {
    initialize: Initialize,
    uninitialize: Uninitialize,
    /// Without a mail client MAPIInitialize fails. The counting functions then stand in for it.
    stands_in: bool,
    threads: Mutex<BTreeMap<u32, MapiCounts>>,
}

static STATE: OnceLock<State> = OnceLock::new();

fn threads(state: &State) -> MutexGuard<'_, BTreeMap<u32, MapiCounts>> {
    state.threads.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MapiThreads {
    /// Begins to count, and enters MAPI with this thread, as a client does, if there is one. `None`
    /// if this system has no `mapi32.dll`, or its exports cannot be replaced.
    ///
    /// Call it before the provider is loaded.
    #[must_use]
    pub fn count() -> Option<Self> {
        let name: Vec<u16> = "mapi32.dll\0".encode_utf16().collect();
        // SAFETY: a terminated name. The library stays loaded.
        let module = unsafe { LoadLibraryW(name.as_ptr()) };
        if module.is_null() {
            return None;
        }
        // SAFETY: `HRESULT MAPIInitialize(LPVOID lpMapiInit)`, __stdcall, as its page says.
        let initialize = unsafe {
            std::mem::transmute::<Address, Initialize>(address(module, c"MAPIInitialize")?)
        };
        // SAFETY: `void MAPIUninitialize(void)`, __stdcall, as its page says.
        let uninitialize = unsafe {
            std::mem::transmute::<Address, Uninitialize>(address(module, c"MAPIUninitialize")?)
        };
        // Without a client the call would show a dialog, and wait for it.
        let stands_in = !client::is_there() || {
            // SAFETY: NULL stands for no options ("MAPIInitialize").
            HResult::from_i32(unsafe { initialize(ptr::null_mut()) }).is_failure()
        };
        let threads = Mutex::default();
        STATE.set(State { initialize, uninitialize, stands_in, threads }).ok()?;
        let replaced =
            exports::replace(module, c"MAPIInitialize", counting_initialize as *const ())
                && exports::replace(
                    module,
                    c"MAPIUninitialize",
                    counting_uninitialize as *const (),
                );
        replaced.then_some(Self(()))
    }

    /// What each thread has called, of those that have ended, or have called something too often.
    #[must_use]
    pub fn unbalanced(self) -> Vec<(u32, MapiCounts)> {
        let Some(state) = STATE.get() else { return Vec::new() };
        let threads = threads(state).clone();
        let broken = |&(thread, counts): &(u32, MapiCounts)| {
            // One that runs may still leave.
            counts.too_often > 0 || counts.initialized > counts.uninitialized && has_ended(thread)
        };
        threads.into_iter().filter(broken).collect()
    }

    /// How many threads have called MAPIInitialize.
    #[must_use]
    pub fn entered(self) -> usize {
        let Some(state) = STATE.get() else { return 0 };
        threads(state).values().filter(|counts| counts.initialized > 0).count()
    }
}

unsafe extern "system" fn counting_initialize(options: *mut c_void) -> i32 {
    let Some(state) = STATE.get() else { return HResult::E_UNEXPECTED.as_i32() };
    let answer = if state.stands_in {
        0
    } else {
        // SAFETY: passed on as it came.
        unsafe { (state.initialize)(options) }
    };
    if !HResult::from_i32(answer).is_failure() {
        threads(state).entry(this_thread()).or_default().initialized += 1;
    }
    answer
}

unsafe extern "system" fn counting_uninitialize() {
    let Some(state) = STATE.get() else { return };
    let allowed = {
        let mut threads = threads(state);
        let counts = threads.entry(this_thread()).or_default();
        let allowed = counts.initialized > counts.uninitialized - counts.too_often;
        counts.uninitialized += 1;
        counts.too_often += u64::from(!allowed);
        allowed
    };
    // One too many would leave MAPI for the host itself.
    if allowed && !state.stands_in {
        // SAFETY: this thread has called MAPIInitialize.
        unsafe { (state.uninitialize)() };
    }
}

fn this_thread() -> u32 {
    // SAFETY: reads a number of this thread.
    unsafe { GetCurrentThreadId() }
}

fn has_ended(thread: u32) -> bool {
    // SAFETY: any number may be passed.
    let opened = unsafe { OpenThread(THREAD_SYNCHRONIZE, 0, thread) };
    if opened.is_null() {
        return true;
    }
    // SAFETY: an open handle.
    let waited = unsafe { WaitForSingleObject(opened, 0) };
    // SAFETY: as above, closed once.
    unsafe { CloseHandle(opened) };
    waited != WAIT_TIMEOUT
}

fn address(module: HMODULE, name: &CStr) -> Option<Address> {
    // SAFETY: a loaded library, and a terminated name.
    unsafe { GetProcAddress(module, name.as_ptr().cast()) }
}

/// The mail client whose MAPI `mapi32.dll` passes calls on to ("Mapi32.dll Stub Registry
/// Settings").
mod client {
    use windows_sys::Win32::System::Registry::{
        HKEY, HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RegGetValueW,
    };

    use super::*;

    const CLIENTS: &str = "SOFTWARE\\Clients\\Mail";

    /// Whether there is one.
    pub(super) fn is_there() -> bool {
        let named = [HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE].map(|root| text(root, CLIENTS, ""));
        named.into_iter().flatten().filter(|name| !name.is_empty()).any(|name| {
            let key = format!("{CLIENTS}\\{name}");
            text(HKEY_LOCAL_MACHINE, &key, "DLLPathEx").is_some_and(|path| !path.is_empty())
        })
    }

    fn text(root: HKEY, key: &str, value: &str) -> Option<String> {
        let wide = |text: &str| text.encode_utf16().chain([0]).collect::<Vec<u16>>();
        let (key, value) = (wide(key), wide(value));
        let mut units = [0_u16; 1024];
        let mut bytes = u32::try_from(size_of_val(&units)).ok()?;
        // SAFETY: terminated names, and a buffer of `bytes` bytes; an empty name is the key's own
        // value, and a text is terminated ("RegGetValueW").
        let failed = unsafe {
            RegGetValueW(
                root,
                key.as_ptr(),
                value.as_ptr(),
                RRF_RT_REG_SZ,
                ptr::null_mut(),
                units.as_mut_ptr().cast(),
                &mut bytes,
            )
        };
        let length = units.iter().position(|&unit| unit == 0)?;
        (failed == 0).then(|| String::from_utf16_lossy(&units[..length]))
    }
}

/// The table of a loaded library's exports ("PE Format", "The .edata Section").
mod exports {
    use super::*;

    /// An image in memory. Its parts are at offsets from its begin.
    #[derive(Clone, Copy)]
    struct Image(*mut u8);

    impl Image {
        /// The address at this offset, which wraps around.
        fn at(self, offset: u32) -> *mut u8 {
            self.0.wrapping_add(offset as usize)
        }

        /// # Safety
        ///
        /// A `T` lies at this offset.
        unsafe fn read<T: Copy>(self, offset: u32) -> T {
            // SAFETY: the caller's promise; the image is loaded.
            unsafe { self.at(offset).cast::<T>().read_unaligned() }
        }
    }

    /// Lets the export of this name lead to `function`. Whether it does.
    pub(super) fn replace(module: HMODULE, name: &CStr, function: *const ()) -> bool {
        let image = Image(module.cast());
        // SAFETY: a loaded library has the headers and the table as "PE Format" states them.
        let Some(slot) = (unsafe { slot_of(image, name) }) else { return false };
        let Some(offset) = reach(image, function) else { return false };
        let mut earlier = 0;
        let size = size_of::<u32>();
        // SAFETY: the slot is a part of the image.
        if unsafe { VirtualProtect(slot.cast(), size, PAGE_READWRITE, &mut earlier) } == 0 {
            return false;
        }
        // SAFETY: writable now, and a `u32` as wide as the slot.
        unsafe { slot.write_unaligned(offset) };
        // SAFETY: as above.
        unsafe { VirtualProtect(slot.cast(), size, earlier, &mut earlier) };
        true
    }

    /// Where the offset of the function of this name stands.
    ///
    /// # Safety
    ///
    /// `image` is a loaded library.
    unsafe fn slot_of(image: Image, name: &CStr) -> Option<*mut u32> {
        const HEADER: u32 = 0x3C;
        const SIGNATURE_AND_FILE_HEADER: u32 = 4 + 20;
        const DIRECTORIES: u32 = if cfg!(target_pointer_width = "64") { 112 } else { 96 };

        // SAFETY: the layout of a loaded image, as the caller promises.
        let header = unsafe { image.read::<u32>(HEADER) };
        // SAFETY: as above.
        let table = unsafe { image.read::<u32>(header + SIGNATURE_AND_FILE_HEADER + DIRECTORIES) };
        if table == 0 {
            return None;
        }
        // SAFETY: as above: the number of names, and where functions, names and ordinals stand.
        let [names, functions, names_at, ordinals] =
            [24, 28, 32, 36].map(|at| unsafe { image.read::<u32>(table + at) });
        let index = (0..names).find(|index| {
            // SAFETY: as above.
            let text = unsafe { image.read::<u32>(names_at + index * 4) };
            // SAFETY: a terminated name lies there.
            unsafe { CStr::from_ptr(image.at(text).cast()) == name }
        })?;
        // SAFETY: as above.
        let ordinal = unsafe { image.read::<u16>(ordinals + index * 2) };
        Some(image.at(functions).cast::<u32>().wrapping_add(ordinal.into()))
    }

    /// The offset from the image at which a call reaches `function`.
    #[cfg(target_pointer_width = "32")]
    fn reach(image: Image, function: *const ()) -> Option<u32> {
        // Offsets wrap around, so they reach everything.
        u32::try_from(function.addr().wrapping_sub(image.0.addr())).ok()
    }

    /// The offset from the image at which a call reaches `function`: that of a jump to it, as an
    /// offset reaches no further than 4 GiB beyond the image.
    #[cfg(target_pointer_width = "64")]
    fn reach(image: Image, function: *const ()) -> Option<u32> {
        use windows_sys::Win32::System::Diagnostics::Debug::FlushInstructionCache;
        use windows_sys::Win32::System::Memory::{
            MEM_COMMIT, MEM_RESERVE, PAGE_EXECUTE_READ, VirtualAlloc,
        };
        use windows_sys::Win32::System::Threading::GetCurrentProcess;

        /// "mov rax, function; jmp rax", and "ldr x16, .+8; br x16; function".
        #[cfg(target_arch = "x86_64")]
        const JUMP: (&[u8], &[u8]) = (&[0x48, 0xB8], &[0xFF, 0xE0]);
        #[cfg(target_arch = "aarch64")]
        const JUMP: (&[u8], &[u8]) = (&[0x50, 0, 0, 0x58, 0, 2, 0x1F, 0xD6], &[]);

        /// How far the places are apart that are tried, and how many are.
        const STEP: usize = 1 << 20;
        const TRIES: usize = 3000;

        let (before, after) = JUMP;
        let code = [before, &function.addr().to_le_bytes(), after].concat();
        let begin = image.0.addr() & !(STEP - 1);
        let place = (1..TRIES).find_map(|step| {
            let wanted = ptr::without_provenance(begin + step * STEP);
            // SAFETY: any address may be asked for; it is taken only if it is free.
            let place = unsafe {
                VirtualAlloc(wanted, code.len(), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)
            };
            (!place.is_null()).then_some(place)
        })?;
        // SAFETY: new memory of this length, which stays for as long as the process.
        unsafe { place.cast::<u8>().copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        let mut earlier = 0;
        // SAFETY: as above.
        let runs =
            unsafe { VirtualProtect(place, code.len(), PAGE_EXECUTE_READ, &mut earlier) } != 0;
        // SAFETY: returns a pseudo-handle, without any condition.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: as above, in this process.
        unsafe { FlushInstructionCache(process, place, code.len()) };
        let offset = u32::try_from(place.addr() - image.0.addr()).ok()?;
        runs.then_some(offset)
    }
}
