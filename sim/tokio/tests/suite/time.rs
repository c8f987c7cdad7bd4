//! Time: virtual inside, paused outside.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use mapi_sync_engine::strategy::Random;
use mapi_sync_engine::{Engine, Limits};
use tokio::time::{self, Instant, MissedTickBehavior};

use crate::common::{classes, exhaust, once, outside};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn timers_take_their_time() {
    async fn program() -> Vec<Duration> {
        let begin = Instant::now();
        let mut times = Vec::new();
        time::sleep(ms(3)).await;
        times.push(begin.elapsed());
        time::sleep_until(begin + ms(7)).await;
        times.push(begin.elapsed());
        // A moment that has passed.
        time::sleep_until(begin).await;
        times.push(begin.elapsed());
        assert_eq!(time::timeout(ms(5), async { 1 }).await, Ok(1));
        time::timeout(ms(5), pending::<()>()).await.unwrap_err();
        times.push(begin.elapsed());
        time::timeout_at(begin + ms(13), pending::<()>()).await.unwrap_err();
        times.push(begin.elapsed());
        times
    }
    let expected = [3, 7, 7, 12, 13].map(ms);
    assert!(exhaust(program).results.into_keys().eq([expected.to_vec()]));
    assert_eq!(outside(program()), expected);
}

#[test]
fn lengths_are_rounded_up() {
    async fn program() -> Duration {
        let begin = Instant::now();
        time::sleep(Duration::from_micros(1_001)).await;
        begin.elapsed()
    }
    assert!(exhaust(program).results.into_keys().eq([ms(2)]));
    assert_eq!(outside(program()), ms(2));
}

#[test]
fn only_sleep_is_late() {
    async fn program() -> [Duration; 4] {
        let begin = Instant::now();
        time::timeout(ms(100), pending::<()>()).await.unwrap_err();
        let timeout = begin.elapsed();
        time::sleep_until(begin + ms(200)).await;
        let until = begin.elapsed();
        time::sleep(ms(100)).await;
        let sleep = begin.elapsed();
        time::pause();
        time::sleep(ms(100)).await;
        [timeout, until, sleep, begin.elapsed() - sleep]
    }
    let mut late = 0;
    for seed in 0..20 {
        let limits = Limits::default().with_late_percent(50);
        let mut engine = Engine::new(limits, Random::new(seed));
        let outcome = engine.execute(0, async {
            let [timeout, until, sleep, paused] = program().await;
            assert_eq!([timeout, until, paused], [100, 200, 100].map(ms));
            assert!((ms(300)..=ms(350)).contains(&sleep));
        });
        let outcome = outcome.unwrap();
        assert_eq!(outcome.panics, []);
        late += u32::from(outcome.virtual_ms > 400);
    }
    assert!(late > 0);
}

#[test]
fn an_interval_ticks_exactly() {
    async fn program() -> Vec<Duration> {
        let begin = Instant::now();
        let mut interval = time::interval(ms(10));
        let mut ticks = Vec::new();
        for _ in 0..3 {
            ticks.push(interval.tick().await - begin);
        }
        interval.reset();
        ticks.push(interval.tick().await - begin);
        interval.reset_after(ms(3));
        ticks.push(interval.tick().await - begin);
        interval.reset_at(begin + ms(40));
        ticks.push(interval.tick().await - begin);
        interval.reset_immediately();
        ticks.push(interval.tick().await - begin);
        assert_eq!(interval.period(), ms(10));
        ticks
    }
    let expected = [0, 10, 20, 30, 33, 40, 40].map(ms);
    assert!(exhaust(program).results.into_keys().eq([expected.to_vec()]));
    assert_eq!(outside(program()), expected);
}

#[test]
fn missed_ticks_come_as_the_interval_says() {
    async fn program(behavior: MissedTickBehavior) -> Vec<Duration> {
        let begin = Instant::now();
        let mut interval = time::interval_at(begin, ms(10));
        interval.set_missed_tick_behavior(behavior);
        interval.tick().await;
        time::sleep(ms(25)).await;
        let mut ticks = Vec::new();
        for _ in 0..4 {
            interval.tick().await;
            ticks.push(begin.elapsed());
        }
        ticks
    }
    for (behavior, expected) in [
        (MissedTickBehavior::Burst, [25, 25, 30, 40]),
        (MissedTickBehavior::Delay, [25, 35, 45, 55]),
        (MissedTickBehavior::Skip, [25, 30, 40, 50]),
    ] {
        let expected = expected.map(ms).to_vec();
        let (outcome, ticks) = once(1, program(behavior));
        assert_eq!(outcome.panics, []);
        assert_eq!(ticks.as_ref(), Some(&expected), "{behavior:?}");
        assert_eq!(outside(program(behavior)), expected, "{behavior:?}");
    }
}

#[test]
fn a_reset_sleep_ends_at_the_new_time() {
    async fn program() -> [Duration; 3] {
        let begin = Instant::now();
        let mut sleep = pin!(time::sleep(ms(10)));
        assert!(time::timeout(ms(4), sleep.as_mut()).await.is_err());
        assert!(!sleep.is_elapsed());
        sleep.as_mut().reset(begin + ms(20));
        assert_eq!(sleep.deadline(), begin + ms(20));
        sleep.as_mut().await;
        let first = begin.elapsed();
        assert!(sleep.is_elapsed());
        sleep.as_mut().await;
        let again = begin.elapsed();
        sleep.as_mut().reset(begin + ms(30));
        sleep.await;
        [first, again, begin.elapsed()]
    }
    let expected = [20, 20, 30].map(ms);
    assert!(exhaust(program).results.into_keys().eq([expected]));
    assert_eq!(outside(program()), expected);
}

/// A wait that was polled once stays woken when it is reset.
#[test]
fn a_reset_sleep_wakes_without_another_poll() {
    async fn program() -> Duration {
        let begin = Instant::now();
        let mut sleep = Box::pin(time::sleep(ms(10)));
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                assert!(sleep.as_mut().poll(cx).is_pending());
                sleep.as_mut().reset(begin + ms(20));
                return std::task::Poll::Pending;
            }
            sleep.as_mut().poll(cx)
        })
        .await;
        begin.elapsed()
    }
    assert!(exhaust(program).results.into_keys().eq([ms(20)]));
    assert_eq!(outside(program()), ms(20));
}

#[test]
fn a_paused_clock_is_moved() {
    async fn program() -> Vec<Duration> {
        let begin = Instant::now();
        let sleeper = tokio::spawn(async move {
            time::sleep(ms(10)).await;
            begin.elapsed()
        });
        tokio::task::yield_now().await;
        time::advance(ms(10)).await;
        let moved = begin.elapsed();
        let slept = sleeper.await.unwrap();
        time::resume();
        vec![moved, slept]
    }
    async fn inside() -> Vec<Duration> {
        time::pause();
        program().await
    }
    assert!(classes(inside).results.into_keys().eq([vec![ms(10), ms(10)]]));
    assert_eq!(outside(program()), [ms(10), ms(10)]);
}

#[test]
fn the_clock_is_paused_for_one_execution_only() {
    for _ in 0..2 {
        let (outcome, _) = once(1, async {
            time::pause();
        });
        assert_eq!(outcome.panics, []);
    }
    let (outcome, _) = once(1, time::advance(ms(1)));
    assert_eq!(outcome.panics[0].message, "time is not frozen");
}

#[test]
fn the_first_of_two_timers_wins() {
    async fn program(timeout: u64, work: u64) -> bool {
        time::timeout(ms(timeout), time::sleep(ms(work))).await.is_ok()
    }
    assert!(exhaust(|| program(5, 4)).results.into_keys().eq([true]));
    assert!(exhaust(|| program(4, 5)).results.into_keys().eq([false]));
    assert!(outside(program(5, 4)) && !outside(program(4, 5)));
}
