//! `IMAPIProviderShutdown` through its method table, with C++ on the other side and in a loop
//! through both adapters.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapi_sync::com::{self, ForeignSync, IMAPIProviderShutdown, Provider};
use mapi_sync::{
    CancelSignal, HResult, MapiSync, ProviderShutdown, RawEvent, ShutdownMethod,
    SyncProgressCallback, SyncRequest, TokioRuntime, async_trait,
};
use mapi_sync_conformance::cpp;
use tokio::sync::watch;
use windows_core::{IUnknown, Interface};

const NO_SUPPORT: HResult = HResult::MAPI_E_NO_SUPPORT;
const UNKNOWN_CODE: HResult = HResult::from_bits(0x8123_4567);

/// Gives these answers; `None` panics.
struct Answers([Option<HResult>; 3]);

#[async_trait]
impl MapiSync for Answers {
    async fn synchronize_in_background(&self, _: SyncRequest) -> HResult {
        HResult::MAPI_E_OFFLINE
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        Some(self)
    }
}

#[async_trait]
impl ProviderShutdown for Answers {
    async fn query_fast_shutdown(&self) -> HResult {
        self.0[0].expect("a provider panics")
    }

    async fn notify_process_shutdown(&self) -> HResult {
        // tokio's timers work.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0[1].expect("a provider panics")
    }

    async fn do_fast_shutdown(&self) -> HResult {
        self.0[2].expect("a provider panics")
    }
}

/// A provider that cannot be told.
struct Without;

#[async_trait]
impl MapiSync for Without {
    async fn synchronize_in_background(&self, _: SyncRequest) -> HResult {
        HResult::MAPI_E_OFFLINE
    }
}

/// Awaits on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn stores(provider: impl Fn() -> Provider) -> [IUnknown; 2] {
    [provider().into_sync().into(), cpp::aggregating_store(provider())]
}

#[test]
fn each_method_has_its_place_and_any_code_comes_through() {
    let codes = [NO_SUPPORT, HResult::S_OK, UNKNOWN_CODE];
    for store in stores(|| Provider::new(Answers(codes.map(Some)))) {
        assert_eq!(cpp::shut_down(&store), Some(codes));
    }
}

#[test]
fn no_panic_leaves_a_method() {
    for store in stores(|| Provider::new(Answers([None; 3]))) {
        assert_eq!(cpp::shut_down(&store), Some([HResult::E_UNEXPECTED; 3]));
    }
}

#[test]
fn a_provider_without_the_interface_does_not_answer_it() {
    for store in stores(|| Provider::new(Without)) {
        assert_eq!(cpp::shut_down(&store), None);
        assert!(store.cast::<IMAPIProviderShutdown>().is_err());
    }
    let provider = Provider::new(Without);
    assert!(!provider.has_shutdown());
    assert_eq!(provider.shut_down(ShutdownMethod::DoFastShutdown), NO_SUPPORT);
}

#[test]
fn a_foreign_store_is_told_method_by_method() {
    let codes = [NO_SUPPORT, HResult::S_OK, UNKNOWN_CODE];
    let store = ForeignSync::query(&cpp::shutting_store(codes)).expect("IMAPISync");
    let shutdown = store.shutdown().expect("IMAPIProviderShutdown");
    let answers = ShutdownMethod::ALL.map(|method| block_on(method.call(shutdown)));
    assert_eq!(answers, [codes[0], codes[1], codes[2], NO_SUPPORT]);
    let without = ForeignSync::query(&Provider::new(Without).into_sync().into());
    assert!(without.expect("IMAPISync").shutdown().is_none());
}

#[test]
fn a_foreign_exception_is_an_answer() {
    let throws = HResult::from_bits(1);
    let store = cpp::shutting_store([HResult::S_OK, throws, HResult::S_OK]);
    let store = ForeignSync::query(&store).expect("IMAPISync");
    let shutdown = store.shutdown().expect("IMAPIProviderShutdown");
    assert_eq!(block_on(shutdown.notify_process_shutdown()), HResult::E_UNEXPECTED);
    assert_eq!(block_on(shutdown.do_fast_shutdown()), HResult::S_OK);
}

/// A store whose syncs go on until they are cancelled.
struct Patient {
    begun: Mutex<Vec<CancelSignal>>,
    running: watch::Sender<usize>,
}

struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

#[async_trait]
impl MapiSync for Patient {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        self.begun.lock().unwrap().push(request.cancel().clone());
        self.running.send_modify(|running| *running += 1);
        let running = Running(self.running.clone());
        request.start(move |session| async move {
            session.keep(running);
            session.progress(Some("Inbox"), 1, 2).await;
            session.cancel().requested().await;
            session.done(HResult::MAPI_E_USER_CANCEL).await
        })
    }

    fn shutdown(&self) -> Option<&dyn ProviderShutdown> {
        Some(self)
    }
}

#[async_trait]
impl ProviderShutdown for Patient {
    async fn query_fast_shutdown(&self) -> HResult {
        HResult::S_OK
    }

    async fn notify_process_shutdown(&self) -> HResult {
        self.begun.lock().unwrap().iter().for_each(CancelSignal::request);
        HResult::S_OK
    }

    async fn do_fast_shutdown(&self) -> HResult {
        self.running.subscribe().wait_for(|running| *running == 0).await.unwrap();
        HResult::S_OK
    }

    async fn store_logoff(&self) -> HResult {
        self.notify_process_shutdown().await;
        self.do_fast_shutdown().await
    }
}

#[derive(Default)]
struct Host(Mutex<Vec<&'static str>>);

#[async_trait]
impl SyncProgressCallback for Host {
    async fn progress(&self, _: Option<&str>, _: u32, _: u32) -> HResult {
        self.0.lock().unwrap().push("Progress");
        HResult::S_OK
    }

    async fn error(&self, _: HResult, _: Option<&str>) -> HResult {
        HResult::S_OK
    }

    async fn done(&self, _: RawEvent, status: HResult) -> HResult {
        assert_eq!(status, HResult::MAPI_E_USER_CANCEL);
        self.0.lock().unwrap().push("Done");
        HResult::S_OK
    }
}

fn patient() -> Patient {
    Patient { begun: Mutex::default(), running: watch::Sender::new(0) }
}

/// Starts two syncs through the method table, ends them with `end`, and checks that both are done
/// by then.
fn ends_two_syncs(end: impl AsyncFnOnce(Provider, &ForeignSync)) {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    tokio.block_on(async {
        let provider = Provider::new(patient());
        let store = provider.clone().into_sync().into();
        let store = ForeignSync::query(&store).expect("IMAPISync");
        let host = Arc::new(Host::default());
        for _ in 0..2 {
            let runtime = Arc::new(TokioRuntime::current(com::events()));
            let request = SyncRequest::new(Arc::clone(&host) as _, runtime);
            let out = Arc::clone(request.event_out());
            assert_eq!(store.synchronize_in_background(request).await, HResult::S_OK);
            com::events().close(out.published());
        }
        end(provider, &store).await;
        let calls = host.0.lock().unwrap().clone();
        assert_eq!(calls.iter().filter(|call| **call == "Done").count(), 2, "{calls:?}");
    });
}

#[test]
fn syncs_are_done_when_do_fast_shutdown_returns() {
    ends_two_syncs(async |_, store| {
        let shutdown = store.shutdown().expect("IMAPIProviderShutdown");
        for method in &ShutdownMethod::ALL[..3] {
            assert_eq!(method.call(shutdown).await, HResult::S_OK);
        }
    });
}

#[test]
fn syncs_are_done_when_store_logoff_returns() {
    ends_two_syncs(async |provider, _| {
        let answer =
            tokio::task::spawn_blocking(move || provider.shut_down(ShutdownMethod::StoreLogoff));
        assert_eq!(answer.await.unwrap(), HResult::S_OK);
    });
}
