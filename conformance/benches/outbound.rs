//! What one outbound Progress with a 32-character text costs, beside a bare C++ call that does the
//! same conversion.
//!
//! Both call the same C++ callback, in turns, and the ratio is the median over the turns.

use std::time::Instant;

use futures::FutureExt;
use mapi_sync::com::query_callback;
use mapi_sync_conformance::cpp::Counting;

const CALLS: u32 = 200_000;
const TURNS: usize = 31;

fn main() {
    for (kind, text) in [
        ("ASCII", "Downloading message 0123 of 4567"),
        ("not ASCII", "Posteingang für Jürgen Müßiggang"),
    ] {
        assert_eq!(text.chars().count(), 32);
        let host = Counting::default();
        let callback = query_callback(host.unknown()).expect("the interface");
        let mut turns: Vec<(f64, f64, f64)> = (0..TURNS)
            .map(|_| {
                let cpp = host.loop_in_cpp(text, CALLS) as f64;
                let began = Instant::now();
                for index in 0..CALLS {
                    let answer = callback.progress(Some(text), index, CALLS).now_or_never();
                    assert!(answer.is_some_and(mapi_sync::HResult::is_success));
                }
                let rust = began.elapsed().as_nanos() as f64;
                (rust / cpp, rust / f64::from(CALLS), cpp / f64::from(CALLS))
            })
            .collect();
        assert_eq!(host.calls(), 2 * u64::from(CALLS) * TURNS as u64);
        turns.sort_by(|left, right| left.0.total_cmp(&right.0));
        let (ratio, rust, cpp) = turns[TURNS / 2];
        println!(
            "outbound Progress, 32 characters, {kind}: {rust:.1} ns, bare C++ {cpp:.1} ns, \
             ratio {ratio:.2}"
        );
    }
}
