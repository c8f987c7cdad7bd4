//! A host that says nothing but that all is well.

use mapi_sync::{HResult, RawEvent, SyncProgressCallback, async_trait};

pub(crate) struct Silent;

#[async_trait]
impl SyncProgressCallback for Silent {
    async fn progress(&self, _: Option<&str>, _: u32, _: u32) -> HResult {
        HResult::S_OK
    }

    async fn error(&self, _: HResult, _: Option<&str>) -> HResult {
        HResult::S_OK
    }

    async fn done(&self, _: RawEvent, _: HResult) -> HResult {
        HResult::S_OK
    }
}
