#[mapi_sync_macros::test]
async fn program<T>() {}

fn main() {}
