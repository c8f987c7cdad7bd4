//! What the host does on Windows only: a start in a single-threaded apartment, and another use of
//! memory that was freed.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use mapi_sync::com::ForeignSync;
use mapi_sync::{HResult, SyncRequest};

/// Whether there are such apartments.
pub(super) const HAS_APARTMENTS: bool = cfg!(windows);

/// Starts the sync on a new thread in an apartment of its own, which pumps messages until the sync
/// is over. Off Windows this does nothing.
pub(super) fn start(
    provider: ForeignSync,
    request: SyncRequest,
    answer: Arc<Mutex<Option<HResult>>>,
    over: Arc<AtomicBool>,
) {
    #[cfg(windows)]
    std::thread::spawn(move || {
        use std::sync::atomic::Ordering;

        use mapi_sync_probe::Apartment;

        use super::run::POLL;
        use crate::lock::lock;

        let apartment = match Apartment::single_threaded() {
            Ok(apartment) => apartment,
            Err(code) => {
                *lock(&answer) = Some(code);
                return;
            }
        };
        let started = provider.synchronize_here(&request);
        drop(provider);
        *lock(&answer) = Some(started);
        while !over.load(Ordering::Acquire) {
            apartment.pump(POLL * 5);
        }
    });
    #[cfg(not(windows))]
    let _ = (provider, request, answer, over);
}

/// Memory that was freed, in use by others.
pub(super) struct Freed {
    #[cfg(windows)]
    _spray: mapi_sync_probe::Spray,
}

impl Freed {
    pub(super) fn in_use() -> Self {
        Self {
            #[cfg(windows)]
            _spray: mapi_sync_probe::Spray::new(),
        }
    }
}
