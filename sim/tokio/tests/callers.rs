//! Panics of misuse have the place of the caller, as those of the real tokio do.

use std::panic::{catch_unwind, set_hook};
use std::sync::Mutex;

use mapi_sync_tokio::runtime::Builder;
use mapi_sync_tokio::sync;

#[test]
fn panics_have_the_place_of_the_caller() {
    static FILE: Mutex<String> = Mutex::new(String::new());
    set_hook(Box::new(|info| {
        info.location().unwrap().file().clone_into(&mut FILE.lock().unwrap());
    }));
    let misuses: [fn(); 4] = [
        || {
            let _lock = sync::RwLock::with_max_readers(0, u32::MAX);
        },
        || drop(sync::Mutex::new(0).blocking_lock()),
        || drop(sync::mpsc::channel::<u32>(0)),
        || {
            Builder::new_current_thread().event_interval(0);
        },
    ];
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for (number, misuse) in misuses.into_iter().enumerate() {
        catch_unwind(|| runtime.block_on(async { misuse() })).unwrap_err();
        let file = std::mem::take(&mut *FILE.lock().unwrap());
        assert!(file.ends_with("callers.rs"), "misuse {number}: {file}");
    }
}
