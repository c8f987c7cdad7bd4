//! A store provider as a DLL, on real threads and in real time: it synchronizes the mailbox of a
//! scenario.
//!
//! Build it for Windows with `cargo build -p mapi-sync-conformance --example scenario_store
//! --target x86_64-pc-windows-gnu` and check it there with `mapi-sync com-check
//! scenario_store.dll`. The environment variable `MAPI_SYNC_SCENARIO` names the built-in scenario
//! whose first account is synchronized; without it, that is `default`.
#![expect(unsafe_code, reason = "a DLL's export has an unmangled name and gets a raw out-pointer")]

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use futures::lock::Mutex;
use mapi_sync::com::{IUnknown, Provider, can_unload_now};
use mapi_sync::{HResult, MapiSync, SyncDone, SyncFlags, SyncRequest, SyncSession, async_trait};
use mapi_sync_sim::world::{Cost, Folders, Scenario, scenario_named};

/// A store with the first account of a scenario.
struct ScenarioStore {
    mailbox: Arc<Mailbox>,
}

/// The messages of an account, and the time it takes to fetch them.
struct Mailbox {
    folders: Vec<(String, u32)>,
    outgoing: u32,
    workers: usize,
    connect: Cost,
    folder: Cost,
    message: Cost,
    upload: Cost,
}

impl Mailbox {
    fn of(scenario: &Scenario) -> Option<Self> {
        let account = scenario.accounts.first()?;
        let folders = match &account.folders {
            Folders::Count(count) => {
                (1..=*count).map(|number| (format!("Folder {number}"), account.messages)).collect()
            }
            Folders::Named(folders) => folders
                .iter()
                .map(|folder| (folder.name.clone(), folder.messages.unwrap_or(account.messages)))
                .collect(),
        };
        let cost = &scenario.provider.cost;
        Some(Self {
            folders,
            outgoing: account.outgoing,
            workers: scenario.provider.workers as usize,
            connect: cost.connect.clone(),
            folder: cost.folder.clone(),
            message: cost.body.clone(),
            upload: cost.upload.clone(),
        })
    }

    fn steps(&self, flags: SyncFlags) -> u32 {
        let down: u32 = self.folders.iter().map(|(_, messages)| messages + 1).sum();
        let up = if flags.contains(SyncFlags::UPLOAD_CONTENTS) { self.outgoing } else { 0 };
        up + if flags.contains(SyncFlags::DOWNLOAD_CONTENTS) { down } else { 0 }
    }
}

#[async_trait]
impl MapiSync for ScenarioStore {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        let mailbox = Arc::clone(&self.mailbox);
        request.start(|session| synchronize(mailbox, session))
    }
}

async fn synchronize(mailbox: Arc<Mailbox>, session: SyncSession) -> SyncDone {
    let flags = session.flags();
    let total = mailbox.steps(flags);
    session.progress(Some("Connecting"), 0, total).await;
    spend(&session, &mailbox.connect, 0).await;

    let steps = Steps { made: Mutex::new(0), session: &session, total };
    if flags.contains(SyncFlags::UPLOAD_CONTENTS) {
        for number in 0..mailbox.outgoing {
            spend(&session, &mailbox.upload, number).await;
            steps.make("Uploading").await;
        }
    }
    if flags.contains(SyncFlags::DOWNLOAD_CONTENTS) {
        let next = AtomicU32::new(0);
        let workers = mailbox.workers.min(mailbox.folders.len());
        join_all((0..workers).map(|_| download(&mailbox, &steps, &next))).await;
    }
    let status = if session.cancel().is_requested() && *steps.made.lock().await < total {
        HResult::MAPI_E_USER_CANCEL
    } else {
        HResult::S_OK
    };
    session.done(status).await
}

/// One of the workers: takes the next folder until there is none.
async fn download(mailbox: &Mailbox, steps: &Steps<'_>, next: &AtomicU32) {
    while let Some((name, messages)) =
        mailbox.folders.get(next.fetch_add(1, Ordering::Relaxed) as usize)
    {
        spend(steps.session, &mailbox.folder, 0).await;
        steps.make(name).await;
        for number in 0..*messages {
            if steps.session.cancel().is_requested() {
                return;
            }
            spend(steps.session, &mailbox.message, number).await;
            steps.make(name).await;
        }
    }
}

/// The position of a sync, which several workers advance.
struct Steps<'a> {
    made: Mutex<u32>,
    session: &'a SyncSession,
    total: u32,
}

impl Steps<'_> {
    async fn make(&self, text: &str) {
        // Held during the call, so that positions are reported in order.
        let mut made = self.made.lock().await;
        if self.session.cancel().is_requested() {
            return;
        }
        *made += 1;
        self.session.progress(Some(text), *made, self.total).await;
    }
}

async fn spend(session: &SyncSession, cost: &Cost, number: u32) {
    let ms = cost.value(u64::from(number) % cost.count());
    session.sleep(Duration::from_millis(ms)).await;
}

/// Whether COM may unload this DLL: no store of it is alive, and no thread of it runs.
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
    let made = std::panic::catch_unwind(|| {
        let name = std::env::var("MAPI_SYNC_SCENARIO").unwrap_or_else(|_| "default".into());
        let mailbox = Mailbox::of(&scenario_named(&name)?)?;
        let provider = Provider::new(ScenarioStore { mailbox: Arc::new(mailbox) });
        Some(IUnknown::from(provider.into_sync()))
    });
    let (made, answer) = match made {
        Ok(Some(unknown)) => (windows_core::Interface::into_raw(unknown), HResult::S_OK),
        Ok(None) => (std::ptr::null_mut(), HResult::MAPI_E_NOT_FOUND),
        Err(_) => (std::ptr::null_mut(), HResult::E_UNEXPECTED),
    };
    // SAFETY: valid for the write, as the caller promises.
    unsafe { store.write(made) };
    answer.as_i32()
}
