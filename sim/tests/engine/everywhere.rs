//! A seed means the same executions on every platform.

use mapi_sync_sim::strategy::{STRATEGIES, StrategyInfo};

use super::*;

/// Three tasks with all that a strategy is asked: orders, values, faults, late sleeps.
async fn program(log: Log) {
    let registers = ["x", "y", "z"].map(|name| Arc::new(Register::new(name, 0)));
    for (number, name) in (0..).zip(["a", "b", "c"]) {
        let log = Arc::clone(&log);
        let registers = registers.clone();
        engine::spawn(name, async move {
            engine::sleep(10 + number).await;
            note(&log, format!("{name}{}", engine::choose("size", 5)));
            for register in &registers {
                register.set(number);
                engine::yield_now().await;
            }
            note(&log, format!("{name}{}", engine::fault("network")));
        });
    }
}

/// FNV-1a over what 200 executions noted.
fn digest(info: &StrategyInfo) -> u32 {
    let mut engine = info.engine(Limits::default(), 7);
    let mut digest = 0x811c_9dc5_u32;
    for index in 0..200 {
        let log = Log::default();
        let Some(outcome) = engine.execute(index, program(Arc::clone(&log))) else { break };
        note(&log, format!("{:?} {}", outcome.end, outcome.steps));
        for byte in take(&log).concat().bytes() {
            digest = (digest ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    digest
}

/// The 32-bit run of this test is the one that can fail: a draw of a `usize` made other schedules
/// there.
#[test]
fn schedules_of_a_seed_are_the_same_on_32_and_64_bits() {
    let found = STRATEGIES.iter().map(|info| (info.name, digest(info))).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            ("portfolio", 0xa4c3_3b58),
            ("random", 0x34ed_b9b0),
            ("urw", 0x26e2_f910),
            ("surw", 0xa379_6149),
            ("paces", 0x7913_cd4c),
            ("pct", 0xafbf_d468),
            ("pos", 0x32dd_3b58),
            ("round-robin", 0x83b6_6232),
            ("exhaustive", 0x9ca4_dc47),
            ("delays", 0x6f53_4b78),
            ("preemptions", 0x6f53_4b78),
            ("cancellations", 0x3e5c_bfcf),
            ("dfs", 0x6f53_4b78),
        ]
    );
}
