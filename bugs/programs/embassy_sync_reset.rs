//! One task waits for a signal, another one resets it before it is given. The buggy `reset` throws
//! the waker away together with the value, and the task is not woken by the signal that follows.

use std::sync::Arc;

use bugs::spawn;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;

pub async fn program() {
    let signal = Arc::new(Signal::<CriticalSectionRawMutex, u32>::new());
    let giver = {
        let signal = Arc::clone(&signal);
        spawn("giver", async move {
            signal.reset();
            signal.signal(2);
        })
    };
    let waiter = spawn("waiter", async move { assert_eq!(signal.wait().await, 2) });
    giver.await.unwrap();
    waiter.await.unwrap();
}
