//! Providers that use the session only: nothing that a host, a user or a system does makes one of
//! them break the contract.

use std::time::Duration;

use mapi_sync::{HResult, MapiSync, SyncRequest, async_trait};
use mapi_sync_sim::check;
use tokio::sync::oneshot;

/// Its sync waits for a task that reports.
struct Delegates;

#[async_trait]
impl MapiSync for Delegates {
    async fn synchronize_in_background(&self, request: SyncRequest) -> HResult {
        request.start(|session| async move {
            let (reporter, runtime) = (session.reporter(), session.runtime().clone());
            let (ended, end) = oneshot::channel();
            let task = Box::pin(async move {
                for message in 1..=3 {
                    if reporter.progress(Some("Inbox"), message, 3).await.is_failure()
                        || reporter.cancel().is_requested()
                    {
                        return;
                    }
                }
                let _ = ended.send(());
            });
            match runtime.spawn("reporter".into(), task) {
                Ok(task) => task.detach(),
                Err(code) => {
                    session.error(code, "no task").await;
                    return session.done(code).await;
                }
            }
            session.sleep(Duration::from_millis(3)).await;
            let is_complete = end.await.is_ok();
            let status = match session.cancel().is_requested() {
                true => HResult::MAPI_E_USER_CANCEL,
                false if is_complete => HResult::S_OK,
                false => HResult::E_FAIL,
            };
            session.done(status).await
        })
    }
}

#[test]
fn a_provider_that_delegates_its_reports_is_never_to_blame() {
    for seed in 1..=5 {
        check(|| Delegates).seed(seed).schedules(3_000).shrink(false).run().assert_holds();
    }
}
