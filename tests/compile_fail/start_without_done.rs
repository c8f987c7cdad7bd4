use mapi_sync::{HResult, SyncRequest};

fn forgets(request: SyncRequest) -> HResult {
    request.start(|session| async move {
        session.progress(Some("Inbox"), 1, 1).await;
    })
}

fn main() {}
