#[mapi_sync_macros::test]
#[test]
async fn program() {}

fn main() {}
