#[mapi_sync_macros::test(seed = 1, schedules = 10, seed = 2)]
async fn program() {}

fn main() {}
