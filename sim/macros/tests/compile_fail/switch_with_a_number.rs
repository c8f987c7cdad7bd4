#[mapi_sync_macros::test(strict = 1)]
async fn program() {}

fn main() {}
