//! Providers in Rust as a DLL for `com-check`, correct ones and wrong ones. The environment
//! variable `MAPI_SYNC_FORM` names the form.
#![expect(unsafe_code, reason = "a DLL's export has an unmangled name and gets a raw out-pointer")]

use std::ffi::c_void;
use std::thread;
use std::time::Duration;

use mapi_sync::com::{IUnknown, Provider, can_unload_now};
use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};

struct Store {
    form: String,
}

impl Store {
    fn is(&self, form: &str) -> bool {
        self.form == form
    }
}

#[async_trait]
impl MapiSync for Store {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        if self.is("rust-blocks-in-start") {
            loop {
                thread::park();
            }
        }
        assert!(!self.is("rust-panics-in-start"), "as the form asks");
        if self.is("rust-leaks-thread") {
            thread::spawn(|| {
                loop {
                    thread::park();
                }
            });
        }
        if self.is("rust-leaks-memory") {
            std::mem::forget(vec![0xAB_u8; 2 << 20]);
        }
        if self.is("rust-aborts") {
            std::process::abort();
        }
        let (panics, prints) = (self.is("rust-panics"), self.is("rust-prints"));
        request.start(move |session| async move {
            for message in 1..=3 {
                session.sleep(Duration::from_millis(2)).await;
                assert!(!(panics && message == 2), "as the form asks");
                if prints {
                    println!("{{\"Over\":{{\"elapsed_s\":0.1,\"unloads\":false}}}}");
                    eprintln!("message {message}");
                }
                session.progress(Some("Inbox"), message, 3).await;
            }
            session.done(HResult::S_OK).await
        })
    }
}

/// Whether COM may unload this DLL.
// SAFETY: no other function of this name is in this library.
#[unsafe(no_mangle)]
pub extern "system" fn DllCanUnloadNow() -> i32 {
    can_unload_now().as_i32()
}

/// Makes a new store.
///
/// # Safety
///
/// `store` is NULL or valid for the write of a pointer.
// SAFETY: no other function of this name is in this library.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn MapiSyncTestStore(store: *mut *mut c_void) -> i32 {
    if store.is_null() {
        return HResult::E_POINTER.as_i32();
    }
    let form = std::env::var("MAPI_SYNC_FORM").unwrap_or_default();
    let made = IUnknown::from(Provider::new(Store { form }).into_sync());
    // SAFETY: valid for the write, as the caller promises.
    unsafe { store.write(windows_core::Interface::into_raw(made)) };
    0
}
