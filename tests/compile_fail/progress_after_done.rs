use mapi_sync::{HResult, SyncSession};

async fn late(session: SyncSession) {
    session.done(HResult::S_OK).await;
    session.progress(Some("Inbox"), 1, 1).await;
}

fn main() {}
