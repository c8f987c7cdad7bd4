use super::super::Dpor;
use super::*;
use crate::sync::Register;
use crate::{self as engine, Engine, Limits};

type Program = fn() -> crate::context::BoxedTask;

fn readers() -> crate::context::BoxedTask {
    Box::pin(async {
        let shared = Register::new("shared", 0);
        for _ in 0..6 {
            let shared = shared.clone();
            drop(engine::spawn("reader", async move {
                shared.read().await;
            }));
        }
        shared.write(1).await;
    })
}

fn writers() -> crate::context::BoxedTask {
    Box::pin(async {
        let shared = Register::new("shared", 0);
        for number in 0..5 {
            let shared = shared.clone();
            drop(engine::spawn("writer", async move { shared.write(number).await }));
        }
    })
}

fn timers() -> crate::context::BoxedTask {
    Box::pin(async {
        let shared = Register::new("shared", 0);
        for number in 0..4 {
            let shared = shared.clone();
            drop(engine::spawn("sleeper", async move {
                engine::sleep(10).await;
                shared.write(number).await;
            }));
        }
    })
}

fn choices() -> crate::context::BoxedTask {
    Box::pin(async {
        let shared = Register::new("shared", 0);
        for _ in 0..2 {
            let shared = shared.clone();
            drop(engine::spawn_droppable("chooser", async move {
                for _ in 0..engine::choose("writes", 3) {
                    shared.write(engine::choose("value", 2)).await;
                }
            }));
        }
    })
}

fn classes(program: Program, limits: Limits) -> f64 {
    let mut engine = Engine::new(limits, Dpor::new(TrackedSharing));
    while engine.execute_boxed(0, program()).is_some() {}
    let certificate = engine.strategy::<Dpor>().unwrap().certificate();
    assert!(certificate.complete);
    certificate.estimate
}

#[test]
fn the_mean_of_many_walks_is_the_number_of_classes() {
    let limits = Limits::default().with_drops(1);
    for (program, known) in [
        (readers as Program, Some(64.0)),
        (writers, Some(120.0)),
        (timers, Some(24.0)),
        (choices, None),
    ] {
        let classes = classes(program, limits);
        assert!(known.is_none_or(|known| known == classes), "{classes}");
        let mut engine = Engine::new(limits, Probe::classes(TrackedSharing, 7));
        while engine.strategy::<Probe>().unwrap().rounds() < 4 {
            engine.execute_boxed(0, program());
        }
        let estimate = engine.strategy::<Probe>().unwrap().estimate().unwrap();
        assert!((estimate / classes - 1.0).abs() < 0.1, "{estimate} of {classes}");
    }
}

#[test]
fn all_schedules_are_counted_too() {
    // (Σn)! / Πn! over the numbers of segments: 3 tasks of 3 segments.
    let program = || -> crate::context::BoxedTask {
        Box::pin(async {
            for _ in 0..3 {
                drop(engine::spawn("task", async {
                    engine::yield_now().await;
                    engine::yield_now().await;
                }));
            }
        })
    };
    let mut engine = Engine::new(Limits::default(), Probe::schedules(3));
    while engine.strategy::<Probe>().unwrap().rounds() < 2 {
        engine.execute_boxed(0, program());
    }
    let estimate = engine.strategy::<Probe>().unwrap().estimate().unwrap();
    assert!((estimate / 1680.0 - 1.0).abs() < 0.1, "{estimate}");
}

#[test]
fn few_walks_of_many_classes_come_near() {
    let program = || -> crate::context::BoxedTask {
        Box::pin(async {
            let shared = Register::new("shared", 0);
            for number in 0..8 {
                let shared = shared.clone();
                drop(engine::spawn("writer", async move { shared.write(number).await }));
            }
        })
    };
    let walks = Probe::classes(TrackedSharing, 5).with_walks(64);
    let mut engine = Engine::new(Limits::default(), walks);
    while engine.strategy::<Probe>().unwrap().rounds() < 1 {
        engine.execute_boxed(0, program());
    }
    let estimate = engine.strategy::<Probe>().unwrap().estimate().unwrap();
    assert!((estimate / 40_320.0 - 1.0).abs() < 0.5, "{estimate}");
}
