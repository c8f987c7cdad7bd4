#[mapi_sync_macros::test]
struct Program;

fn main() {}
