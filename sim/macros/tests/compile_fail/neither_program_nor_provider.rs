#[mapi_sync_macros::test]
fn program() {}

fn main() {}
