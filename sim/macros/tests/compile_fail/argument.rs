#[mapi_sync_macros::test]
async fn program(name: &str) {}

fn main() {}
