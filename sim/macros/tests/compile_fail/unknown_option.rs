#[mapi_sync_macros::test(schedule = 10)]
async fn program() {}

fn main() {}
