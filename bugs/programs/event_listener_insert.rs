//! Four tasks listen to one event, and two of them give up before it comes. The buggy list keeps
//! one entry in place, and links it wrongly when it uses the place a second time. A notification
//! goes to an entry that is no longer there, and a task waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bugs::spawn;
use event_listener::Event;

pub async fn program() {
    let event = Arc::new(Event::new());
    let flag = Arc::new(AtomicBool::new(false));
    let impatient = ["first", "third"].map(|name| {
        let event = Arc::clone(&event);
        spawn(name, async move {
            let listener = event.listen();
            bugs::yield_now().await;
            drop(listener);
        })
    });
    let patient = ["second", "fourth"].map(|name| {
        let (event, flag) = (Arc::clone(&event), Arc::clone(&flag));
        spawn(name, async move {
            while !flag.load(Ordering::Relaxed) {
                let listener = event.listen();
                if !flag.load(Ordering::Relaxed) {
                    listener.await;
                }
            }
        })
    });
    for task in impatient {
        task.await.unwrap();
    }
    flag.store(true, Ordering::Relaxed);
    event.notify(usize::MAX);
    for task in patient {
        task.await.unwrap();
    }
}
