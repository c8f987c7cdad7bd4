#[mapi_sync_macros::test]
async fn provider() -> impl MapiSync {
    unreachable!()
}

fn main() {}
