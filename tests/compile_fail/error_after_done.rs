use mapi_sync::{HResult, SyncSession};

async fn late(session: SyncSession) {
    session.done(HResult::S_OK).await;
    session.error(HResult::E_FAIL, "too late").await;
}

fn main() {}
