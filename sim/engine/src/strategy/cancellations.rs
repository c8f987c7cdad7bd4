//! Every await point of one run, each with a task dropped there.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::decision::Kind;
use crate::proof::Gap;
use crate::{ChoicePoint, Decision, Limits, Proof, ProofUnit, Strategy, TaskId, TaskKey, mix};

/// How many executions the [further ones](Cancellations::with_switches) may be at most.
const FURTHER: u64 = 10_000;

/// In how many random orders each drop is run where up to two switches are too many to run all.
const ORDERS: u64 = 10;

/// How many switches go with a drop.
const SWITCHES: u32 = 2;

/// The default schedule, and then, for each await point at which a task can be dropped in it, the
/// run in which it is: with `n` await points, `n + 1` executions, one cancellation at most in each.
///
/// A future in Rust is cancelled by being dropped, at any of its await points and nowhere else. So
/// these are all the cancellations that the default order of steps has. A task that was never
/// polled is at no await point. It needs [`Limits::drops`](crate::Limits::drops) to be at least 1.
///
/// In these executions, a task is dropped in place of its next segment.
/// [`with_switches`](Self::with_switches) adds drops of tasks that wait, and other orders.
#[derive(Clone, Debug, Default)]
pub struct Cancellations {
    /// The await points of the default schedule.
    points: Vec<DropPoint>,
    /// Those at which a task waits, if it may be dropped while it does.
    waits: Vec<DropPoint>,
    /// How many other steps could have come next in the default schedule.
    alternatives: u64,
    /// The same in the run with each of the drops at `points`.
    alternatives_of_points: Vec<u64>,
    /// How many of the points come before each of `waits`.
    points_before: Vec<usize>,
    /// The executions begun, but for the further ones.
    begun: usize,
    /// Of this execution: how often each task was asked.
    asked: BTreeMap<(Kind, TaskKey), u32>,
    goes_further: bool,
    /// Whether an execution used up its budget of steps.
    is_cut_short: bool,
    further: Option<Further>,
}

/// Where a task can be dropped: how often it was asked of this kind before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DropPoint {
    kind: Kind,
    task: TaskKey,
    ordinal: u32,
}

/// The executions with other orders.
#[derive(Clone, Debug)]
struct Further {
    orders: Orders,
    /// How many executions have begun.
    begun: u64,
    /// Which drop the execution has.
    drop: usize,
    /// How many executions the drops before it had.
    before_drop: u64,
    /// About how many executions each drop has, from its run in the default order.
    expected: Vec<f64>,
    ended: bool,
}

#[derive(Clone, Debug)]
enum Orders {
    /// Every one with up to two switches, in the order of an odometer.
    Switches(Odometer),
    /// Some for each drop.
    Random(Rng),
}

impl Cancellations {
    /// From the default schedule on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs further executions after those: each drop of the default schedule, those of tasks that
    /// wait among them, with up to two switches.
    ///
    /// Where these would be more than 10,000 executions, each drop is run in 10 random orders
    /// instead, within the same number. [`Proof::bounds`] says which. Tasks are dropped while they
    /// wait only with [`Limits::drops_waiting`](crate::Limits::drops_waiting).
    #[must_use]
    pub fn with_switches(self) -> Self {
        Self { goes_further: true, ..self }
    }

    /// How many await points the default schedule has, once that was run.
    #[must_use]
    pub fn await_points(&self) -> usize {
        self.points.len()
    }

    /// How many executions have been run, but for those with switches.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.begun.min(self.points.len() + 1) as u64
    }

    /// Whether all have been.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.begun > self.points.len() + 1
    }

    /// The drops that are combined with switches.
    fn drops(&self) -> impl Iterator<Item = DropPoint> + '_ {
        self.points.iter().chain(&self.waits).copied()
    }

    /// About how many executions have a drop and up to two switches.
    fn with_up_to_two_switches(&self) -> u64 {
        let one = self.alternatives;
        let two = one.saturating_mul(one.saturating_sub(1)) / 2;
        (self.drops().count() as u64).saturating_mul(one.saturating_add(two).saturating_add(1))
    }

    /// About how many executions each drop has with up to two switches. A task that is dropped
    /// early leaves less to be switched.
    fn expected(&self) -> Vec<f64> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let executions = |alternatives: u64| {
            let one = alternatives as f64;
            1.0 + one + one * (one - 1.0).max(0.0) / 2.0
        };
        let of_point = |place: usize| self.alternatives_of_points.get(place).copied();
        let of_points = (0..self.points.len()).map(of_point);
        let of_waits = self.waits.iter().zip(&self.points_before).map(|(wait, before)| {
            let later = (*before..self.points.len()).find(|n| self.points[*n].task == wait.task);
            later.and_then(of_point)
        });
        let all = of_points.chain(of_waits);
        all.map(|known| executions(known.unwrap_or(self.alternatives))).collect()
    }

    /// Starts the next of the further executions. `false` if none is left.
    fn begin_further(&mut self) -> bool {
        let drops = self.drops().count();
        let systematic = self.with_up_to_two_switches() <= FURTHER;
        let expected = if self.further.is_none() { self.expected() } else { Vec::new() };
        let further = self.further.get_or_insert_with(|| {
            let orders = if systematic {
                Orders::Switches(Odometer::default())
            } else {
                Orders::Random(Rng::with_seed(0))
            };
            Further { orders, begun: 0, drop: 0, before_drop: 0, expected, ended: false }
        });
        if let Orders::Random(rng) = &mut further.orders {
            *rng = Rng::with_seed(mix(further.begun));
        }
        let drop = match &mut further.orders {
            Orders::Switches(odometer) if further.begun == 0 => {
                odometer.begin();
                0
            }
            Orders::Switches(odometer) => further.drop + usize::from(!odometer.turn()),
            Orders::Random(_) => usize::try_from(further.begun / ORDERS).unwrap_or(usize::MAX),
        };
        if drop > further.drop {
            further.before_drop = further.begun;
        }
        further.drop = drop;
        further.ended = further.drop >= drops;
        let runs = !further.ended && further.begun < FURTHER;
        further.begun += u64::from(runs);
        runs
    }

    /// About how many executions there are, [those with switches](Self::with_switches) among them.
    /// `None` before the first stage has ended.
    #[must_use]
    pub fn estimate(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let cases = self.points.len() as f64 + 1.0;
        let has_ended = self.begun > self.points.len();
        has_ended.then(|| cases + if self.goes_further { self.further_executions() } else { 0.0 })
    }

    /// About how many further executions there are.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn further_executions(&self) -> f64 {
        let most = FURTHER as f64;
        let random = self.drops().count() as f64 * ORDERS as f64;
        let is_random = self.with_up_to_two_switches() > FURTHER;
        let Some(further) = &self.further else {
            let all = if is_random { random } else { self.expected().iter().sum() };
            return all.min(most);
        };
        let Further { begun, drop, before_drop, expected, ended, .. } = further;
        if *ended {
            return *begun as f64;
        }
        if is_random {
            return random.min(most);
        }
        // The drops that have been run with all their switches say how far what is expected is off:
        // the more of them, the surer.
        let before = *before_drop as f64;
        let of_ended: f64 = expected[..*drop].iter().sum();
        let prior = expected.iter().sum::<f64>() / 4.0;
        let off = (before + prior) / (of_ended + prior);
        let running = (off * expected[*drop]).max((begun - before_drop) as f64);
        let left: f64 = expected[drop + 1..].iter().sum();
        (before + running + off * left).min(most)
    }

    /// What the further executions are, in words.
    fn further_in_words(&self) -> Option<String> {
        let Further { orders, begun, ended, .. } = self.further.as_ref()?;
        let all = self.further_executions().round();
        Some(match orders {
            Orders::Switches(_) if *ended => {
                format!("then each drop with up to {SWITCHES} switches ({begun} executions)")
            }
            Orders::Switches(_) => {
                format!(
                    "then {begun} executions of about {all} of drops with up to {SWITCHES} switches"
                )
            }
            Orders::Random(_) if !*ended && *begun < FURTHER => {
                format!("then {begun} executions of {all} of drops in {ORDERS} random orders each")
            }
            Orders::Random(_) => format!(
                "then each drop in {ORDERS} random orders ({begun} executions; \
                 with up to {SWITCHES} switches, there would be about {})",
                self.with_up_to_two_switches()
            ),
        })
    }
}

impl Strategy for Cancellations {
    fn begin(&mut self, _index: u64) -> bool {
        self.asked.clear();
        if self.begun <= self.points.len() {
            self.begun += 1;
            if self.begun > 1 {
                self.alternatives_of_points.push(0);
            }
            return true;
        }
        self.begun = self.points.len() + 2;
        self.goes_further && self.begin_further()
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        match &mut self.further {
            None => {
                let others = u64::from(at.len()) - 1;
                match self.begun.checked_sub(2) {
                    None => self.alternatives += others,
                    Some(case) => self.alternatives_of_points[case] += others,
                }
                at.default_task()
            }
            Some(Further { orders: Orders::Switches(odometer), .. }) => {
                let default = at.default_task();
                let mut others = at.candidates().filter(|task| *task != default);
                let digit = odometer.digit(at.len());
                digit.checked_sub(1).and_then(|n| others.nth(n as usize)).unwrap_or(default)
            }
            Some(Further { orders: Orders::Random(rng), .. }) => {
                at.sample(|candidates| rng.u32(..candidates))
            }
        }
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        if !matches!(at.kind, Kind::Drop | Kind::DropWaiting) {
            return 0;
        }
        let count = self.asked.entry((at.kind, at.key)).or_default();
        let point = DropPoint { kind: at.kind, task: at.key, ordinal: *count };
        *count += 1;
        if self.begun == 1 {
            let waits = at.kind == Kind::DropWaiting;
            if waits {
                self.waits.push(point);
                self.points_before.push(self.points.len());
            } else {
                self.points.push(point);
            }
            return 0;
        }
        let wanted = match &self.further {
            None => self.points.get(self.begun - 2).copied(),
            Some(further) => self.drops().nth(further.drop),
        };
        u32::from(wanted == Some(point))
    }

    fn proof(&self, _limits: &Limits) -> Option<Proof> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = self.await_points() as f64 + 1.0;
        let bounds =
            ["the default order of steps", "one task dropped at one await point", "no fault"];
        let bounds = bounds.map(str::to_owned).into_iter().chain(self.further_in_words());
        Some(Proof {
            complete: self.is_complete() && !self.is_cut_short,
            unit: ProofUnit::Cases,
            count: self.cases(),
            estimate,
            bounds: bounds.collect(),
            gap: self.is_cut_short.then_some(Gap::Steps),
        })
    }

    fn cut_short(&mut self) {
        self.is_cut_short = true;
    }
}

/// Every sequence of picks with a few switches, the last pick turning first.
#[derive(Clone, Debug, Default)]
struct Odometer {
    /// Each pick's value, where 0 is no switch, and how many values it takes.
    digits: Vec<(u32, u32)>,
    depth: usize,
    switches: u32,
}

impl Odometer {
    fn begin(&mut self) {
        self.depth = 0;
        self.switches = 0;
    }

    /// Moves on to the next sequence. `false` if that is the first one again.
    fn turn(&mut self) -> bool {
        self.begin();
        while let Some((value, arity)) = self.digits.pop() {
            if value + 1 < arity {
                self.digits.push((value + 1, arity));
                return true;
            }
        }
        false
    }

    /// The value of the next pick, of this number of candidates.
    fn digit(&mut self, candidates: u32) -> u32 {
        let arity = if self.switches < SWITCHES { candidates } else { 1 };
        if self.depth == self.digits.len() {
            self.digits.push((0, arity));
        }
        let digit = &mut self.digits[self.depth];
        digit.1 = arity;
        let value = digit.0.min(arity - 1);
        self.depth += 1;
        self.switches += u32::from(value > 0);
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{self as engine, Engine, Limits};

    /// How far each of two tasks came, in each execution.
    fn cases(awaits: [u32; 2]) -> Vec<[u32; 2]> {
        let limits = Limits { drops: 1, ..Limits::default() };
        let mut engine = Engine::new(limits, Cancellations::new());
        let mut all = Vec::new();
        loop {
            let steps = Arc::new(Mutex::new([0, 0]));
            let main = {
                let steps = Arc::clone(&steps);
                async move {
                    for (task, awaits) in awaits.into_iter().enumerate() {
                        let steps = Arc::clone(&steps);
                        let work = async move {
                            for _ in 0..awaits {
                                engine::yield_now().await;
                                steps.lock().unwrap()[task] += 1;
                            }
                        };
                        engine::Builder::new("task").droppable().spawn(work);
                    }
                }
            };
            if engine.execute(0, main).is_none() {
                return all;
            }
            all.push(*steps.lock().unwrap());
        }
    }

    #[test]
    fn one_run_for_each_await_point_and_one_without() {
        assert_eq!(cases([3, 0]), [[3, 0], [0, 0], [1, 0], [2, 0]]);
        assert_eq!(cases([2, 2]), [[2, 2], [0, 2], [1, 2], [2, 0], [2, 1]]);
        for awaits in 0..10 {
            assert_eq!(cases([awaits, 0]).len(), awaits as usize + 1);
        }
        assert_eq!(cases([0, 0]), [[0, 0]]);
    }

    /// Reports for ever unless it is dropped; counts whether it reported after `sync` was dropped.
    async fn helper_outlives_its_sync(late: Arc<Mutex<u32>>) {
        let gone = Arc::new(Mutex::new(false));
        let guard = Sets(Arc::clone(&gone));
        let sync = async move {
            let _guard = guard;
            let (send, receive) = engine::sync::oneshot("answer");
            engine::spawn("helper", async move {
                for _ in 0..3 {
                    engine::sleep(10).await;
                    *late.lock().unwrap() += u32::from(*gone.lock().unwrap());
                }
                let _ = send.send(());
            });
            let _ = receive.await;
        };
        engine::Builder::new("sync").droppable().spawn(sync);
    }

    struct Sets(Arc<Mutex<bool>>);

    impl Drop for Sets {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = true;
        }
    }

    /// The reports after the drop, in each execution.
    fn late_reports(strategy: Cancellations) -> (Vec<u32>, Cancellations) {
        let limits = Limits { drops: 1, drops_waiting: true, ..Limits::default() };
        let mut engine = Engine::new(limits, strategy);
        let mut all = Vec::new();
        loop {
            let late = Arc::new(Mutex::new(0));
            let Some(_) = engine.execute(0, helper_outlives_its_sync(Arc::clone(&late))) else {
                let end = engine.strategy::<Cancellations>().unwrap().clone();
                return (all, end);
            };
            all.push(*late.lock().unwrap());
        }
    }

    #[test]
    fn switches_come_after_the_cases_and_reach_drops_of_tasks_that_wait() {
        let (cases, _) = late_reports(Cancellations::new());
        assert!(cases.len() > 1 && cases.iter().all(|late| *late == 0), "{cases:?}");
        let (all, end) = late_reports(Cancellations::new().with_switches());
        assert_eq!(all[..cases.len()], cases);
        assert_eq!(end.cases(), cases.len() as u64);
        // Dropped before any report, and after one or two of them.
        for late in 1..=3 {
            assert!(all.contains(&late), "{late}: {all:?}");
        }
        let words = end.further_in_words().unwrap();
        let expected = format!("with up to 2 switches ({} executions)", all.len() - cases.len());
        assert!(words.ends_with(&expected), "{words}");
    }

    #[test]
    fn many_orders_are_drawn_at_random_and_said_to_be() {
        let mut engine = Engine::new(
            Limits { drops: 1, ..Limits::default() },
            Cancellations::new().with_switches(),
        );
        let program = || async {
            for _ in 0..5 {
                let work = async {
                    for _ in 0..10 {
                        engine::yield_now().await;
                    }
                };
                engine::Builder::new("task").droppable().spawn(work);
            }
        };
        let mut executions = 0;
        while engine.execute(executions, program()).is_some() {
            executions += 1;
        }
        assert_eq!(executions, 51 + 50 * ORDERS);
        let words = engine.proof().unwrap().to_string();
        assert!(words.starts_with("51 cases, exhaustive"), "{words}");
        assert!(words.contains("each drop in 10 random orders (500 executions"), "{words}");
    }
}
