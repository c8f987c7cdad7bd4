//! Figures of this process.

/// How many handles are open: on Windows handles of every kind, elsewhere the events of
/// [`mapi_sync::com`].
#[cfg(any(windows, feature = "com-vtable-testing"))]
#[must_use]
pub fn open_handles() -> usize {
    system::open_handles()
}

/// How many threads this process has; `None` if the system does not say.
#[must_use]
pub fn threads() -> Option<usize> {
    system::threads()
}

/// How much memory of this process is resident, in KiB; `None` if the system does not say.
#[must_use]
pub fn resident_kib() -> Option<u64> {
    system::resident_kib()
}

/// How much private memory this process has, in KiB: what no other process shares with it, in
/// memory or on disk. `None` if the system does not say.
#[must_use]
pub fn private_kib() -> Option<u64> {
    system::private_kib()
}

#[cfg(not(windows))]
mod system {
    use std::fs;

    #[cfg(feature = "com-vtable-testing")]
    pub(super) fn open_handles() -> usize {
        mapi_sync::com::process_events().open_handles()
    }

    pub(super) fn threads() -> Option<usize> {
        fs::read_dir("/proc/self/task").ok().map(Iterator::count)
    }

    pub(super) fn resident_kib() -> Option<u64> {
        status("VmRSS:")
    }

    pub(super) fn private_kib() -> Option<u64> {
        Some(status("RssAnon:")? + status("VmSwap:")?)
    }

    fn status(name: &str) -> Option<u64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }
}

#[cfg(windows)]
#[expect(unsafe_code, reason = "calls the kernel")]
mod system {
    use std::ptr;

    use windows_sys::Win32::Foundation::{CloseHandle, GetHandleInformation, INVALID_HANDLE_VALUE};
    use windows_sys::Win32::System::Diagnostics::ToolHelp::{
        CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
    };
    use windows_sys::Win32::System::ProcessStatus::{
        K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS, PROCESS_MEMORY_COUNTERS_EX,
    };
    use windows_sys::Win32::System::Threading::{
        GetCurrentProcess, GetCurrentProcessId, GetProcessHandleCount,
    };

    pub(super) fn open_handles() -> usize {
        let mut count = 0;
        // SAFETY: returns a pseudo-handle, without any condition.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: the count is valid for the write.
        unsafe { GetProcessHandleCount(process, &mut count) };
        if count > 0 {
            return usize::try_from(count).unwrap_or(usize::MAX);
        }
        // Wine 8 does not count handles, so look for them one by one.
        taken_values()
    }

    /// How many handle values are taken. Values are multiples of four, and a process is given low
    /// ones first.
    fn taken_values() -> usize {
        // Closed handles leave gaps, but no gap is wider than the number of handles that were ever
        // open at once.
        const WIDEST_GAP: usize = 1024;
        let (mut taken, mut free) = (0, 0);
        for value in (4..).step_by(4) {
            let mut flags = 0;
            let handle = ptr::without_provenance_mut(value);
            // SAFETY: a value that is no open handle makes the call fail, nothing else; `flags` is
            // valid for the write.
            if unsafe { GetHandleInformation(handle, &mut flags) } != 0 {
                taken += 1;
                free = 0;
            } else {
                free += 1;
                if free > WIDEST_GAP {
                    break;
                }
            }
        }
        taken
    }

    pub(super) fn threads() -> Option<usize> {
        // SAFETY: asks for the threads of the whole system, as the CreateToolhelp32Snapshot page
        // has it.
        let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) };
        if snapshot == INVALID_HANDLE_VALUE {
            return None;
        }
        // SAFETY: reads a number of this process.
        let process = unsafe { GetCurrentProcessId() };
        let size = u32::try_from(size_of::<THREADENTRY32>()).ok()?;
        let mut entry = THREADENTRY32 { dwSize: size, ..THREADENTRY32::default() };
        let mut count = 0;
        // SAFETY: the snapshot is open, and the entry says how large it is.
        let mut more = unsafe { Thread32First(snapshot, &mut entry) };
        while more != 0 {
            count += usize::from(entry.th32OwnerProcessID == process);
            // SAFETY: as above.
            more = unsafe { Thread32Next(snapshot, &mut entry) };
        }
        // SAFETY: this function opened the snapshot, and closes it once.
        unsafe { CloseHandle(snapshot) };
        Some(count)
    }

    pub(super) fn resident_kib() -> Option<u64> {
        kib(memory()?.WorkingSetSize)
    }

    pub(super) fn private_kib() -> Option<u64> {
        let memory = memory()?;
        // The two are the same figure. Wine 8 has only the first.
        kib(memory.PagefileUsage.max(memory.PrivateUsage))
    }

    fn kib(bytes: usize) -> Option<u64> {
        let bytes = u64::try_from(bytes).ok()?;
        (bytes > 0).then_some(bytes / 1024)
    }

    fn memory() -> Option<PROCESS_MEMORY_COUNTERS_EX> {
        let size = u32::try_from(size_of::<PROCESS_MEMORY_COUNTERS_EX>()).ok()?;
        let mut counters = PROCESS_MEMORY_COUNTERS_EX { cb: size, ..Default::default() };
        let place = (&raw mut counters).cast::<PROCESS_MEMORY_COUNTERS>();
        // SAFETY: returns a pseudo-handle, without any condition.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: the counters are valid for the write of this size: the larger block begins as the
        // other does ("PROCESS_MEMORY_COUNTERS_EX").
        (unsafe { K32GetProcessMemoryInfo(process, place, size) } != 0).then_some(counters)
    }
}
