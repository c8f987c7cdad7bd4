//! How many classes there are, estimated from some of them that are drawn at random.
//!
//! What is left of a search cannot be told from what is done of it: the first branch of a state may
//! hold a tenth of what follows, or all of it, and branches are added when races show. So the
//! number is estimated by itself, after Knuth, "Estimating the Efficiency of Backtrack Programs"
//! (Mathematics of Computation 29, 1975): a walk that takes one of `n` branches at random, again
//! and again, ends in a leaf, and the product of all `n` on its way has the number of leaves as its
//! mean. Many walks go side by side. Where they become too many, some are drawn to stand for all,
//! each with a weight, which keeps the mean and lets dead ends cost little.
//!
//! The tree must have one leaf for each class. It is that of the schedules that are the first of
//! their class in the order of the alphabet, with the tasks as letters: none of their steps can
//! come before an earlier step of a later letter. That shows as soon as the step has been run.
//!
//! A step that asks nothing and uses nothing that other tasks use, as far as the executions before
//! have shown, is taken as soon as it can be, and has no letter: else most walks would put it off,
//! and learn only at their end that it had to come first.

use std::mem;

use super::TrackedSharing;
use super::event::Process;
use super::frame::{Frame, happens_before};
use super::history::History;
use super::interner::Interner;
use crate::decision::Kind;
use crate::strategy::Bound;
use crate::{
    ChoicePoint, Decision, Mode, Observer, Segment, Strategy, TaskId, TaskKey, UniformRng,
};

/// How many walks go side by side, as a rule: enough for an error of a few percent.
const WALKS: u32 = 512;

/// How many executions show what tasks share, before the first walk.
const LEARNING: u32 = 16;

/// How many combinations of answers are tried of each branch. Where there are more, the last ones
/// are drawn.
const ANSWERS: u32 = 16;

/// Estimates the number of classes, or of all schedules, from random walks. It has always something
/// left to run.
///
/// # Examples
///
/// Six tasks read what the main task writes: each before or after it.
///
/// ```
/// use mapi_sync_engine::{self as engine, Engine, Limits, sync::Register};
/// use mapi_sync_engine::strategy::{Probe, TrackedSharing};
///
/// let program = || async {
///     let shared = Register::new("shared", 0);
///     for _ in 0..6 {
///         let shared = shared.clone();
///         engine::spawn("reader", async move { drop(shared.read().await) });
///     }
///     shared.write(1).await;
/// };
/// let mut engine = Engine::new(Limits::default(), Probe::classes(TrackedSharing, 1));
/// while engine.strategy::<Probe>().unwrap().rounds() < 1 {
///     engine.execute(0, program());
/// }
/// assert_eq!(engine.strategy::<Probe>().unwrap().estimate(), Some(64.0));
/// ```
#[derive(Debug)]
pub struct Probe {
    /// Whether schedules of one class count as one.
    reduces: bool,
    /// What the schedules keep to.
    bound: Option<Bound>,
    /// What the walk has cost so far.
    spent: u32,
    /// Whether the bound kept any branch out.
    was_cut: bool,
    /// How many walks go side by side.
    most: u32,
    rng: UniformRng,
    interner: Interner,
    history: History,
    frames: Vec<Frame>,
    /// The tasks of the steps, which are the letters. Some steps have none.
    letters: Vec<Option<TaskKey>>,
    /// How each object was used, over all executions.
    uses: Vec<ObjectUse>,
    /// How many more executions only show that.
    learning: u32,
    races: Vec<(usize, usize)>,
    /// The depth of the step to come.
    depth: usize,
    /// How many questions that step has asked.
    asked: usize,
    /// The walks that have come to the same number of forks. Each is at one.
    walks: Vec<Walk>,
    /// Those that come from them.
    next: Vec<Walk>,
    /// How many of those come from others than the one that goes on.
    before: usize,
    /// The one that goes on.
    walk: Walk,
    /// The branches that it has not taken here, if they are known.
    branches: Option<Vec<Process>>,
    /// The branch that is to be taken again, with other answers.
    again: Option<Process>,
    /// The answers beyond the fork that are tried one after another, and how many each question
    /// has.
    answers: Vec<(u32, u32)>,
    /// How many of them were given in this execution.
    answered: usize,
    /// Whether an answer was drawn.
    draws: bool,
    /// What it does beyond the fork.
    beyond: Vec<WalkStep>,
    /// How many others it stands for besides, for the answers that were drawn there.
    ways: f64,
    state: WalkState,
    /// The leaves that this round has come to.
    leaves: f64,
    rounds: u32,
    sum: f64,
}

/// The steps from the root to a fork, and how many such ways it stands for.
#[derive(Clone, Debug)]
struct Walk {
    steps: Vec<WalkStep>,
    weight: f64,
}

#[derive(Clone, Debug)]
struct WalkStep {
    process: Process,
    /// Its answers.
    values: Vec<u32>,
}

/// How an object was used.
#[derive(Clone, Copy, Debug, Default)]
struct ObjectUse {
    /// By which process first.
    process: Option<Process>,
    /// By others too.
    several: bool,
    reads: bool,
    writes: bool,
    commutes: bool,
}

impl ObjectUse {
    fn note(&mut self, process: Process, mode: Mode) {
        self.several |= *self.process.get_or_insert(process) != process;
        match mode {
            Mode::Read => self.reads = true,
            Mode::Write => self.writes = true,
            Mode::Commute => self.commutes = true,
        }
    }

    /// Whether uses by several processes can be in conflict.
    fn is_shared(self) -> bool {
        self.several && (self.writes || self.reads && self.commutes)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WalkState {
    Walking,
    /// It has come to the next fork.
    AtFork,
    /// It is not the first of its class.
    Dead,
}

impl Walk {
    const fn from_root() -> Self {
        Self { steps: Vec::new(), weight: 1.0 }
    }
}

impl Probe {
    /// Walks over the classes, drawn from this seed.
    #[must_use]
    pub fn classes(_tracked_sharing: TrackedSharing, seed: u64) -> Self {
        Self::new(true, seed)
    }

    /// Walks over all schedules, drawn from this seed.
    #[must_use]
    pub fn schedules(seed: u64) -> Self {
        Self::new(false, seed)
    }

    /// Walks over the schedules within a bound, drawn from this seed.
    #[must_use]
    pub fn bounded(bound: Bound, seed: u64) -> Self {
        // What tasks share does not matter.
        Self { bound: Some(bound), learning: 0, ..Self::new(false, seed) }
    }

    /// Whether the bound kept any schedule out, as far as the walks have shown.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.was_cut
    }

    /// The same with this many walks side by side, at least one. Fewer are quicker, and more exact
    /// are more.
    #[must_use]
    pub fn with_walks(self, walks: u32) -> Self {
        Self { most: walks.max(1), ..self }
    }

    fn new(reduces: bool, seed: u64) -> Self {
        Self {
            reduces,
            bound: None,
            spent: 0,
            was_cut: false,
            most: WALKS,
            rng: UniformRng::new(seed),
            interner: Interner::new(),
            history: History::default(),
            frames: Vec::new(),
            letters: Vec::new(),
            uses: Vec::new(),
            learning: LEARNING,
            races: Vec::new(),
            depth: 0,
            asked: 0,
            walks: Vec::new(),
            next: Vec::new(),
            before: 0,
            walk: Walk::from_root(),
            branches: None,
            again: None,
            answers: Vec::new(),
            answered: 0,
            draws: false,
            beyond: Vec::new(),
            ways: 1.0,
            state: WalkState::Walking,
            leaves: 0.0,
            rounds: 0,
            sum: 0.0,
        }
    }

    /// How many rounds of walks have come to their end.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// About how many leaves there are: classes, or schedules. `None` before the end of the first
    /// round.
    #[must_use]
    pub fn estimate(&self) -> Option<f64> {
        (self.sum > 0.0).then(|| self.sum / f64::from(self.rounds))
    }

    /// Takes the next branch of the fork that the walk is at.
    fn take_branch(&mut self, at: &Decision<'_>) -> TaskId {
        if self.branches.is_none() {
            let all = at.ready().iter().filter(|task| self.fits(at, *task));
            let all: Vec<TaskId> = all.collect();
            let all = all.into_iter().map(|task| self.interner.process(at.key(task)));
            self.branches = Some(all.collect());
        }
        let next = self.again.take().or_else(|| self.branches.as_mut().and_then(Vec::pop));
        match next {
            Some(process) => self.go_beyond(at, process),
            None => self.lose_track(at),
        }
    }

    /// Whether a pick is within the bound.
    fn fits(&self, at: &Decision<'_>, task: TaskId) -> bool {
        let (Some(bound), false) = (self.bound, task == at.default_task()) else { return true };
        let (Bound::Preemptions(most) | Bound::Delays(most)) = bound;
        self.spent + bound.cost(at, task) <= most
    }

    /// Whether there is more than one pick within the bound.
    fn is_fork(&mut self, at: &Decision<'_>) -> bool {
        let all = at.ready().len();
        if self.bound.is_none() || all == 1 {
            return all > 1;
        }
        let fit = at.ready().iter().filter(|task| self.fits(at, *task)).count();
        self.was_cut |= fit < all as usize;
        fit > 1
    }

    /// The pick at the next step of the walk.
    fn walk_on(&mut self, at: &Decision<'_>) -> TaskId {
        if self.state != WalkState::Walking {
            return at.default_task();
        }
        self.frames.push(Frame::default());
        if self.learning > 0 {
            return at.ready().sample(|len| self.rng.below(len));
        }
        if let Some(WalkStep { process, .. }) = self.walk.steps.get(self.depth) {
            return self.task_of(at, *process);
        }
        let is_fork = self.is_fork(at);
        if self.depth == self.walk.steps.len() && (is_fork || self.depth == 0) {
            return self.take_branch(at);
        }
        if is_fork {
            self.state = WalkState::AtFork;
            return at.default_task();
        }
        let only = self.interner.process(at.key(at.default_task()));
        self.go_beyond(at, only)
    }

    fn go_beyond(&mut self, at: &Decision<'_>, process: Process) -> TaskId {
        self.beyond.push(WalkStep { process, values: Vec::new() });
        self.task_of(at, process)
    }

    fn task_of(&mut self, at: &Decision<'_>, process: Process) -> TaskId {
        let key = self.interner.key(process);
        match at.ready().iter().find(|task| at.key(*task) == key) {
            Some(task) => task,
            None => self.lose_track(at),
        }
    }

    /// The program does not do what it did before.
    fn lose_track(&mut self, at: &Decision<'_>) -> TaskId {
        self.branches = Some(Vec::new());
        self.answers.clear();
        self.state = WalkState::Dead;
        at.default_task()
    }

    /// Answers a question beyond the fork.
    fn answer(&mut self, arity: u32) -> u32 {
        if let Some((value, _)) = self.answers.get(self.answered) {
            self.answered += 1;
            return *value;
        }
        let others: u32 = self.answers.iter().map(|(_, arity)| arity).product();
        // Once one is drawn, the questions after it may depend on that.
        if !self.draws && others.saturating_mul(arity) <= ANSWERS {
            self.answers.push((0, arity));
            self.answered += 1;
            return 0;
        }
        self.draws = true;
        self.ways *= f64::from(arity);
        self.rng.below(arity)
    }

    /// Whether the branch has other answers to be tried, and takes them up.
    fn has_other_answers(&mut self) -> bool {
        while let Some((value, arity)) = self.answers.last_mut() {
            *value += 1;
            if value < arity {
                return true;
            }
            self.answers.pop();
        }
        false
    }

    /// Whether the step at this depth can come before none of a later letter. Those that happen
    /// before it have to come first.
    fn is_in_order(&self, depth: usize) -> bool {
        (0..depth)
            .rev()
            .take_while(|earlier| !happens_before(&self.frames, *earlier, depth))
            .all(|earlier| self.letters[earlier] <= self.letters[depth])
    }

    /// Notes what the step at this depth used. Returns whether it can be in conflict with steps of
    /// other tasks.
    fn note_uses(&mut self, depth: usize) -> bool {
        let Some(event) = &self.frames[depth].event else { return false };
        let most = event.accesses.last().map_or(0, |(object, _)| *object as usize + 1);
        if self.uses.len() < most {
            self.uses.resize(most, ObjectUse::default());
        }
        for (object, mode) in &event.accesses {
            self.uses[*object as usize].note(event.process, *mode);
        }
        let is_shared = |(object, _): &(u32, Mode)| self.uses[*object as usize].is_shared();
        event.barrier || event.accesses.iter().any(is_shared)
    }

    /// The branch that was taken is the only one that matters here.
    fn leave_other_branches(&mut self) {
        self.branches = Some(Vec::new());
        self.next.truncate(self.before);
    }

    /// Adds the walk with what it did beyond its fork.
    fn keep(&mut self) {
        let beyond = mem::take(&mut self.beyond);
        let steps = self.walk.steps.iter().cloned().chain(beyond).collect();
        self.next.push(Walk { steps, weight: self.walk.weight * self.ways });
    }

    /// Goes on with the next walk, of the next forks when there is none left at these.
    fn next_walk(&mut self) {
        self.branches = None;
        self.before = self.next.len();
        if self.walks.is_empty() {
            self.before = 0;
            self.walks = mem::take(&mut self.next);
            self.draw();
            // The last one comes first.
            self.walks.reverse();
        }
        if let Some(walk) = self.walks.pop() {
            self.walk = walk;
            return;
        }
        self.walk = Walk::from_root();
        self.rounds += 1;
        self.sum += mem::take(&mut self.leaves);
    }

    /// If there are too many walks, draws some that stand for all: at equal distances, so that
    /// those that began alike are drawn in proportion.
    fn draw(&mut self) {
        if self.walks.len() <= self.most as usize {
            return;
        }
        let all: f64 = self.walks.iter().map(|walk| walk.weight).sum();
        let weight = all / f64::from(self.most);
        let mut due = weight * f64::from(self.rng.below(1 << 20)) / f64::from(1 << 20);
        let mut passed = 0.0;
        let mut drawn = Vec::with_capacity(self.most as usize);
        for walk in mem::take(&mut self.walks) {
            passed += walk.weight;
            while due < passed {
                due += weight;
                drawn.push(Walk { weight, ..walk.clone() });
            }
        }
        self.walks = drawn;
    }
}

impl Strategy for Probe {
    fn begin(&mut self, _index: u64) -> bool {
        self.history.clear();
        self.frames.clear();
        self.letters.clear();
        self.beyond.clear();
        self.depth = 0;
        self.asked = 0;
        self.spent = 0;
        self.ways = 1.0;
        self.answered = 0;
        self.draws = false;
        self.state = WalkState::Walking;
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let picked = self.walk_on(at);
        if let Some(bound) = self.bound {
            self.spent += bound.cost(at, picked);
        }
        picked
    }

    fn choose(&mut self, at: &ChoicePoint) -> u32 {
        if at.kind == Kind::Spurious || self.state != WalkState::Walking {
            return 0;
        }
        if self.learning > 0 {
            return self.rng.below(at.arity);
        }
        self.asked += 1;
        if let Some(step) = self.walk.steps.get(self.depth) {
            return step.values.get(self.asked - 1).copied().unwrap_or(0);
        }
        let value = self.answer(at.arity);
        if let Some(step) = self.beyond.last_mut() {
            step.values.push(value);
        }
        value
    }

    fn end(&mut self) {
        if self.learning > 0 {
            self.learning -= 1;
            return;
        }
        let branch = self.beyond.first().map(|step| step.process);
        match self.state {
            WalkState::AtFork => self.keep(),
            WalkState::Walking => self.leaves += self.walk.weight * self.ways,
            WalkState::Dead => {}
        }
        if self.has_other_answers() {
            self.again = branch;
        } else if self.branches.as_ref().is_none_or(Vec::is_empty) {
            self.next_walk();
        }
    }

    fn asks_every_step(&self) -> bool {
        true
    }

    fn observer(&mut self) -> Option<&mut dyn Observer> {
        Some(self)
    }
}

impl Observer for Probe {
    fn segment(&mut self, segment: &Segment<'_>) {
        if self.state != WalkState::Walking {
            return;
        }
        let depth = self.depth;
        let is_clock = segment.task == TaskId::CLOCK;
        if is_clock {
            self.frames.push(Frame::default());
        }
        let Self { history, frames, interner, races, .. } = self;
        history.record(frames, depth, segment, interner, races);
        self.races.clear();
        // With another answer, the step may do something else.
        let has_letter = self.note_uses(depth) || self.asked > 0;
        self.letters.push(has_letter.then_some(segment.key));
        if depth >= self.walk.steps.len() && self.learning == 0 {
            if is_clock {
                let process = self.interner.process(segment.key);
                self.beyond.push(WalkStep { process, values: Vec::new() });
            } else if self.reduces && !has_letter {
                if depth == self.walk.steps.len() {
                    self.leave_other_branches();
                }
            } else if self.reduces && !self.is_in_order(depth) {
                self.state = WalkState::Dead;
            }
        }
        self.asked = 0;
        self.depth += 1;
    }

    fn abandons(&mut self) -> bool {
        self.state != WalkState::Walking
    }
}

#[cfg(test)]
mod tests;
