//! Figures of this process. The only test of its program: handles that another one opens or closes
//! would be counted too.

use mapi_sync::OwnedEvent;
use mapi_sync::com::events;
use mapi_sync_probe::{open_handles, resident_kib, threads};

#[test]
fn figures_of_this_process_are_known() {
    let before = open_handles();
    let event = OwnedEvent::create(&events()).expect("an event");
    assert!(open_handles() > before);
    drop(event);
    if cfg!(any(windows, target_os = "linux")) {
        assert!(threads().is_some_and(|threads| threads > 0));
        assert!(resident_kib().is_some_and(|kib| kib > 0));
    }
}
