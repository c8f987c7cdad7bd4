//! Times that can be compared on a busy machine.

use std::time::Instant;

/// Seconds for one call of each work: the best of several rounds. The works take turns in each
/// round, so a busy machine slows all of them.
pub(crate) fn best<const N: usize>(
    rounds: u32,
    calls: u32,
    mut work: [&mut dyn FnMut(); N],
) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    for _ in 0..rounds {
        for (best, work) in best.iter_mut().zip(&mut work) {
            let start = Instant::now();
            for _ in 0..calls {
                work();
            }
            *best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
        }
    }
    best
}
