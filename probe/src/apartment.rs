//! A thread in a single-threaded apartment, as a client's user-interface thread is.
#![expect(unsafe_code, reason = "calls COM and the message queue")]

use std::marker::PhantomData;
use std::ptr;
use std::time::{Duration, Instant};

use mapi_sync::HResult;
use windows_sys::Win32::System::Com::{COINIT_APARTMENTTHREADED, CoInitializeEx, CoUninitialize};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    DispatchMessageW, MSG, MsgWaitForMultipleObjects, PM_REMOVE, PeekMessageW, QS_ALLINPUT,
    TranslateMessage,
};

/// This thread in a single-threaded apartment, until it is dropped.
#[derive(Debug)]
pub struct Apartment {
    /// An apartment belongs to the thread that entered it.
    _thread: PhantomData<*const ()>,
}

impl Apartment {
    /// Enters a single-threaded apartment with this thread.
    ///
    /// # Errors
    ///
    /// The failure of CoInitializeEx, for example where the thread is in the other kind already.
    pub fn single_threaded() -> Result<Self, HResult> {
        let flags = u32::try_from(COINIT_APARTMENTTHREADED).unwrap_or_default();
        // SAFETY: the reserved argument is NULL ("CoInitializeEx").
        let entered = unsafe { CoInitializeEx(ptr::null(), flags) };
        HResult::from_i32(entered).ok()?;
        Ok(Self { _thread: PhantomData })
    }

    /// Dispatches messages, for as long as `time`: "any thread in a single-threaded apartment must
    /// pump messages".
    pub fn pump(&self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX - 1);
            // SAFETY: no handles; wakes for messages or when the time is over.
            unsafe { MsgWaitForMultipleObjects(0, ptr::null(), 0, ms, QS_ALLINPUT) };
            let mut message = MSG::default();
            // SAFETY: the message is valid for the write; NULL stands for all of this thread's.
            while unsafe { PeekMessageW(&mut message, ptr::null_mut(), 0, 0, PM_REMOVE) } != 0 {
                // SAFETY: a message that was just taken from the queue of this thread.
                unsafe { TranslateMessage(&message) };
                // SAFETY: as above.
                unsafe { DispatchMessageW(&message) };
            }
            if left.is_zero() {
                return;
            }
        }
    }
}

impl Drop for Apartment {
    fn drop(&mut self) {
        // SAFETY: on the thread that entered, once for that.
        unsafe { CoUninitialize() };
    }
}
