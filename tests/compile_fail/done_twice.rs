use mapi_sync::{HResult, SyncSession};

async fn twice(session: SyncSession) {
    session.done(HResult::S_OK).await;
    session.done(HResult::S_OK).await;
}

fn main() {}
