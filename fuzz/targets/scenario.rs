#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mapi_sync_fuzz::scenario(data));
