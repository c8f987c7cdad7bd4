//! Every schedule, one after another: the reference for every reducing search.

use std::fmt;

use crate::decision::Kind;
use crate::proof::{Gap, bounds};
use crate::{ChoicePoint, Decision, Limits, Proof, ProofUnit, Strategy, TaskId};

/// Depth-first search over every pick and every choice, without any reduction.
///
/// Executions come in the order of an odometer whose last digit turns first. An optional bound
/// keeps to schedules whose cost stays within it, and is raised one by one (iterative deepening),
/// so that what needs few departures is found first:
///
/// - with [`Bound::Preemptions`], switching away from a task that could go on costs 1 (Musuvathi
///   and Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded Programs",
///   PLDI 2007);
/// - with [`Bound::Delays`], passing over the task whose turn it is costs 1, and passing over two
///   costs 2 (Emmi, Qadeer, Rakamarić, "Delay-Bounded Scheduling", POPL 2011). The undisturbed
///   order is round robin among the tasks that can run: the current one carries on, then the next
///   higher number.
///
/// Values, faults and drops cost nothing: their own [limits](crate::Limits) bound them.
///
/// # In parts
///
/// Subtrees are independent. So a search can [split](Self::split) off everything after the subtree
/// that it is in, for another thread to run, and [absorb](Self::absorb) the result.
#[derive(Clone, Debug)]
pub struct Dfs {
    stack: Vec<Digit>,
    /// The number of leading digits that stay as they are.
    floor: usize,
    /// Whether it is a part of a search, which ends with the round.
    part: bool,
    /// Where it began, as a share of the tree.
    start: f64,
    /// The share of the tree that parts have run.
    absorbed: f64,
    depth: usize,
    bound: Option<Bound>,
    /// The cost allowed now.
    allowed: u32,
    spent: u32,
    cut: bool,
    /// Whether an execution used up its budget of steps.
    is_cut_short: bool,
    started: bool,
    finished: bool,
    executions: u64,
    round: u64,
}

/// The costs that a bounded search counts, and their maximum.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Switches away from tasks that could go on.
    Preemptions(u32),
    /// Tasks passed over.
    Delays(u32),
}

impl Bound {
    /// The same sort of bound, at this cost.
    #[must_use]
    pub const fn at(self, most: u32) -> Self {
        match self {
            Self::Preemptions(_) => Self::Preemptions(most),
            Self::Delays(_) => Self::Delays(most),
        }
    }

    /// The most that schedules within it cost.
    #[must_use]
    pub const fn most(self) -> u32 {
        let (Self::Preemptions(most) | Self::Delays(most)) = self;
        most
    }

    /// What a pick costs.
    pub(super) fn cost(self, at: &Decision<'_>, picked: TaskId) -> u32 {
        let turn = at.default_task();
        match self {
            _ if picked == turn => 0,
            Self::Preemptions(_) => u32::from(at.contains(at.current())),
            Self::Delays(_) => {
                let place = |wanted| at.candidates().position(|task| task == wanted).unwrap_or(0);
                let (start, end) = (place(turn), place(picked));
                let passed =
                    if end >= start { end - start } else { end + at.len() as usize - start };
                u32::try_from(passed).unwrap_or(u32::MAX)
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Digit {
    value: u32,
    /// How many values fit within the bound.
    arity: u32,
}

impl Default for Dfs {
    fn default() -> Self {
        Self::new()
    }
}

impl Dfs {
    /// All schedules.
    #[must_use]
    pub fn new() -> Self {
        Self {
            stack: Vec::new(),
            floor: 0,
            part: false,
            start: 0.0,
            absorbed: 0.0,
            depth: 0,
            bound: None,
            allowed: u32::MAX,
            spent: 0,
            cut: false,
            is_cut_short: false,
            started: false,
            finished: false,
            executions: 0,
            round: 0,
        }
    }

    /// All schedules within a bound, cheap ones first.
    #[must_use]
    pub fn bounded(bound: Bound) -> Self {
        Self { bound: Some(bound), allowed: 0, ..Self::new() }
    }

    /// Its bound; while the search is not complete, the bound that it has been raised to.
    #[must_use]
    pub fn bound(&self) -> Option<Bound> {
        self.bound.map(|bound| match bound {
            _ if self.finished => bound,
            bound => bound.at(self.allowed),
        })
    }

    /// The bound that it has at its end.
    #[must_use]
    pub fn most(&self) -> Option<Bound> {
        self.bound
    }

    /// Whether everything (within the bound) has been run.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.finished
    }

    /// Whether the bound kept any schedule out. If not, every schedule was run.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.cut
    }

    /// Whether an execution used up its budget of steps, so that its end was run in one order only.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        self.is_cut_short
    }

    /// How many executions have been run, those of lower bounds included.
    #[must_use]
    pub fn executions(&self) -> u64 {
        self.executions
    }

    /// How many executions the round at the bound reached now has had: each schedule within it
    /// once.
    #[must_use]
    pub fn schedules(&self) -> u64 {
        self.round
    }

    /// The share of the tree that has been run, between 0 and 1, taking each subtree to be as large
    /// as its siblings. Its inverse times the number of executions estimates the tree's size
    /// (Knuth, "Estimating the Efficiency of Backtrack Programs", 1975).
    #[must_use]
    pub fn explored(&self) -> f64 {
        if self.finished && !self.part {
            return 1.0;
        }
        let (share, width) = self.position();
        let own = if self.started { share + width - self.start } else { 0.0 };
        self.absorbed + own
    }

    /// The share of the tree that comes before the current schedule, and that of the schedule
    /// itself.
    fn position(&self) -> (f64, f64) {
        let mut share = 0.0;
        let mut width = 1.0;
        for digit in &self.stack {
            width /= f64::from(digit.arity.max(1));
            share += width * f64::from(digit.value);
        }
        (share, width)
    }

    /// A part of the search that is the whole round at the bound reached now, until it is
    /// [split](Self::split).
    #[must_use]
    pub fn whole_round(&self) -> Self {
        Self { bound: self.bound, allowed: self.allowed, part: true, ..Self::new() }
    }

    /// Whether no part comes before it in its round.
    pub(super) fn is_first(&self) -> bool {
        self.stack.is_empty()
    }

    /// Hands over everything after the largest proper subtree that it is in. That comes right after
    /// this part, and before everything that was split off earlier. `None` if nothing is left, or
    /// if this is not part of a [round](Self::whole_round).
    pub fn split(&mut self) -> Option<Self> {
        if !self.part || self.finished {
            return None;
        }
        let more = |digit: &Digit| digit.value + 1 < digit.arity;
        let at = self.floor + self.stack.get(self.floor..)?.iter().position(more)?;
        let mut rest = Self { stack: self.stack[..=at].to_vec(), ..self.whole_round() };
        rest.stack[at].value += 1;
        rest.floor = at;
        rest.start = rest.position().0;
        self.floor = at + 1;
        Some(rest)
    }

    /// Adds the result of a part of the current round.
    pub fn absorb(&mut self, part: &Self) {
        self.executions += part.executions;
        self.round += part.round;
        self.cut |= part.cut;
        self.is_cut_short |= part.is_cut_short;
        self.absorbed += part.explored();
    }

    /// Goes on to the next bound after a round that has come to its end, if the bound kept any
    /// schedule out. Returns whether it does; otherwise everything has been run.
    pub fn deepen(&mut self) -> bool {
        self.finished = self.bound.is_none() || !self.cut || self.allowed >= self.max();
        if !self.finished {
            self.allowed += 1;
            self.cut = false;
            self.round = 0;
            self.absorbed = 0.0;
        }
        !self.finished
    }

    fn digit(&mut self, arity: u32) -> u32 {
        if self.depth == self.stack.len() {
            self.stack.push(Digit { value: 0, arity });
        }
        let digit = &mut self.stack[self.depth];
        // What lies behind a changed digit is asked afresh, so that its arity is right.
        digit.arity = arity;
        self.depth += 1;
        digit.value.min(arity - 1)
    }

    fn max(&self) -> u32 {
        self.bound.map_or(u32::MAX, Bound::most)
    }
}

impl Dfs {
    /// The proof of a search without reduction, in executions within these limits.
    #[must_use]
    pub fn proof_within(&self, limits: &Limits) -> Proof {
        let complete = self.is_complete() && !self.is_cut_short;
        let gap = self.is_cut_short.then_some(Gap::Steps);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = self.schedules() as f64 / self.explored();
        let mut bounds = bounds(limits);
        if let Some(bound) = self.bound()
            && (self.was_cut() || !self.is_complete())
        {
            bounds.insert(0, bound.to_string());
        }
        let count = self.schedules();
        Proof { complete, unit: ProofUnit::Schedules, count, estimate, bounds, gap }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, what) = match self {
            Self::Preemptions(n) => (n, "preemption"),
            Self::Delays(n) => (n, "delay"),
        };
        write!(f, "at most {n} {what}{}", if *n == 1 { "" } else { "s" })
    }
}

impl Strategy for Dfs {
    fn begin(&mut self, _index: u64) -> bool {
        if self.finished {
            return false;
        }
        if self.started {
            while let Some(last) = self.stack[self.floor..].last_mut() {
                if last.value + 1 < last.arity {
                    last.value += 1;
                    break;
                }
                self.stack.pop();
            }
            if self.stack.len() == self.floor {
                if self.part {
                    self.finished = true;
                    return false;
                }
                if !self.deepen() {
                    return false;
                }
            }
        }
        self.started = true;
        self.depth = 0;
        self.spent = 0;
        self.executions += 1;
        self.round += 1;
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let len = at.len();
        let Some(bound) = self.bound else {
            let value = self.digit(len);
            return at.nth(value);
        };
        // In order of cost: the task whose turn it is, then the others after it.
        let turn = at.default_task();
        let start = at.candidates().position(|task| task == turn).unwrap_or(0);
        let left = self.allowed - self.spent;
        let free = matches!(bound, Bound::Preemptions(_)) && !at.contains(at.current());
        let fit = match bound {
            _ if free => len,
            Bound::Preemptions(_) => {
                if left == 0 {
                    1
                } else {
                    len
                }
            }
            Bound::Delays(_) => len.min(left + 1),
        };
        self.cut |= fit < len;
        let value = self.digit(fit);
        self.spent += match bound {
            _ if free => 0,
            Bound::Preemptions(_) => value.min(1),
            Bound::Delays(_) => value,
        };
        let start = u32::try_from(start).unwrap_or(0);
        at.nth((start + value) % len)
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        debug_assert!(at.kind != Kind::Run, "picks come another way");
        self.digit(at.arity)
    }

    fn cut_short(&mut self) {
        self.is_cut_short = true;
    }

    fn proof(&self, limits: &Limits) -> Option<Proof> {
        Some(self.proof_within(limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{self as engine, Engine, Limits};

    fn count(strategy: Dfs, tasks: usize, yields: usize) -> (u64, u64, bool) {
        let mut engine = Engine::new(Limits::default(), strategy);
        let program = move || async move {
            for _ in 0..tasks {
                engine::spawn("task", async move {
                    for _ in 0..yields {
                        engine::yield_now().await;
                    }
                });
            }
        };
        while engine.execute(0, program()).is_some() {}
        let dfs = engine.strategy::<Dfs>().unwrap();
        assert!(dfs.is_complete() && (dfs.explored() - 1.0).abs() < 1e-9);
        (dfs.schedules(), dfs.executions(), dfs.was_cut())
    }

    #[test]
    fn interleavings_are_a_multinomial() {
        // (Σn)! / Πn! over the numbers of segments.
        assert_eq!(count(Dfs::new(), 2, 4), (252, 252, false));
        assert_eq!(count(Dfs::new(), 3, 2), (1680, 1680, false));
    }

    #[test]
    fn preemption_bounds_count_as_they_should() {
        // Two tasks of 5 segments: none preempted; one preempted at one of 4 places; and so on
        // until all 252.
        assert_eq!(count(Dfs::bounded(Bound::Preemptions(0)), 2, 4).0, 2);
        assert_eq!(count(Dfs::bounded(Bound::Preemptions(1)), 2, 4).0, 2 + 2 * 4);
        let (all, runs, cut) = count(Dfs::bounded(Bound::Preemptions(100)), 2, 4);
        assert_eq!((all, cut), (252, false));
        assert!(runs > all);
    }

    #[test]
    fn delay_bounds_count_as_they_should() {
        assert_eq!(count(Dfs::bounded(Bound::Delays(0)), 2, 4).0, 1);
        // One delay at one of the 6 places where both can run: while the first runs, each of 5;
        // none later.
        assert_eq!(count(Dfs::bounded(Bound::Delays(1)), 2, 4).0, 1 + 5);
        assert_eq!(count(Dfs::bounded(Bound::Delays(100)), 2, 4).0, 252);
    }

    /// The executions of a search, in order, each by its number; and the search at its end.
    fn all(search: Dfs, period: u64) -> (Vec<u64>, Dfs) {
        let program = || async {
            for _ in 0..2 {
                engine::spawn("task", async {
                    for _ in 0..engine::choose("yields", 4) {
                        engine::yield_now().await;
                    }
                });
            }
        };
        let mut whole = search;
        let mut seen = Vec::new();
        loop {
            let mut line = vec![whole.whole_round()];
            while let Some(part) = line.pop() {
                let mut engine = Engine::new(Limits::default(), part);
                let mut rests = Vec::new();
                while engine.execute(0, program()).is_some() {
                    seen.push(engine.fingerprint());
                    let part = engine.strategy::<Dfs>().unwrap();
                    if part.executions().is_multiple_of(period) {
                        rests.extend(part.split());
                    }
                }
                whole.absorb(engine.strategy::<Dfs>().unwrap());
                line.extend(rests);
            }
            assert!((whole.explored() - 1.0).abs() < 1e-9, "{}", whole.explored());
            if !whole.deepen() {
                return (seen, whole);
            }
        }
    }

    #[test]
    fn parts_run_what_the_whole_runs_in_the_same_order() {
        for search in [
            Dfs::new(),
            Dfs::bounded(Bound::Preemptions(2)),
            Dfs::bounded(Bound::Delays(3)),
            Dfs::bounded(Bound::Delays(100)),
        ] {
            let (expected, whole) = all(search.clone(), u64::MAX);
            assert!(expected.len() > 30);
            for period in [1, 2, 7] {
                let (seen, parts) = all(search.clone(), period);
                assert_eq!(seen, expected);
                assert_eq!(parts.schedules(), whole.schedules());
                assert_eq!(parts.executions(), expected.len() as u64);
                assert_eq!((parts.was_cut(), parts.bound()), (whole.was_cut(), whole.bound()));
            }
        }
    }
}
