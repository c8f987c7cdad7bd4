//! States whose branches are run by several parts of a search, and how their results are merged.

use std::mem;
use std::sync::Arc;

use super::assignments::{Assignment, Plan};
use super::event::{Node, Process, SegmentEvent};
use super::findings::Findings;
use super::frame::{Frame, sleeps};
use super::{Dpor, Tally};

/// The state before one step of a part, as others take it over.
#[derive(Debug)]
pub(super) struct SplitState {
    event: Arc<SegmentEvent>,
    sleep: Vec<Arc<SegmentEvent>>,
    pub(super) todo: Vec<Node>,
}

impl SplitState {
    /// Takes the steps that are still to be run from a frame.
    pub(super) fn of(frame: &mut Frame) -> Option<Self> {
        let event = frame.event.clone()?;
        let sleep = frame.sleep.clone();
        frame.foreign = sleep.len();
        let mut todo = mem::take(&mut frame.todo);
        todo.retain(|node| !sleeps(&sleep, node.event.process));
        Some(Self { event, sleep, todo })
    }

    /// The processes whose steps other parts will run from there.
    pub(super) fn planned(&self) -> Vec<Process> {
        self.todo.iter().map(|node| node.event.process).collect()
    }
}

/// The steps that lead to a state.
pub(super) type Prefix = [PrefixStep];

/// One of them.
#[derive(Clone)]
pub(super) struct PrefixStep {
    process: Process,
    /// What sleeps in the state before the step.
    sleep: Vec<Arc<SegmentEvent>>,
    /// The processes whose steps are planned to be run from there, after this one.
    planned: Vec<Process>,
}

impl PrefixStep {
    pub(super) fn of(split: &SplitState) -> Self {
        Self { process: split.event.process, sleep: split.sleep.clone(), planned: split.planned() }
    }
}

/// What something is a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    /// The search under an assignment, by its number.
    Assignment(u64),
    /// A branch of a fork.
    Branch(u64, usize),
}

pub(super) enum BranchStage<S, T> {
    Waiting(S),
    Running,
    Done(Merged<T>),
}

/// The result of a part, besides its worker's findings.
pub(super) struct JobResult {
    pub(super) outside: Vec<Vec<Node>>,
    pub(super) plan: Plan,
    pub(super) tally: Tally,
}

/// The merged results of one part, or of several in their order.
#[derive(Default)]
pub(super) struct Merged<T> {
    pub(super) found: T,
    /// For each state on the way to the part, what was found to be run from there: one sequence
    /// for each first step.
    pub(super) outside: Vec<Vec<Node>>,
    /// The assignments that follow.
    pub(super) plan: Option<Plan>,
    pub(super) tally: Tally,
    /// The share of the assignment.
    pub(super) share: f64,
}

impl<T: Findings> Merged<T> {
    pub(super) fn append(&mut self, later: Self) {
        if !self.found.ends() {
            self.found.append(later.found);
            match (&mut self.plan, later.plan) {
                (Some(plan), Some(later)) => plan.absorb(later),
                (plan, later) => *plan = plan.take().or(later),
            }
            self.tally.add(later.tally);
            self.share += later.share;
        }
    }
}

/// Where a part begins.
pub(super) struct Job {
    pub(super) assignment: Arc<Assignment>,
    /// The last step of it is the first of the part's own.
    pub(super) prefix: Arc<Prefix>,
    /// The steps that are known to follow it.
    after: Vec<Node>,
}

impl Job {
    /// The beginning of an assignment.
    pub(super) fn new(assignment: Assignment) -> Self {
        Self { assignment: Arc::new(assignment), prefix: Arc::from([]), after: Vec::new() }
    }

    pub(super) fn plant(self, part: &mut Dpor) {
        part.choices.take_up((*self.assignment).clone());
        for PrefixStep { process, sleep, planned } in self.prefix.iter().cloned() {
            let process = Some(process);
            let foreign = sleep.len();
            part.frames.push(Frame { process, sleep, foreign, ..Frame::default() });
            part.planned.push(planned);
        }
        if let Some(last) = part.frames.last_mut() {
            last.after = self.after;
        }
        part.base = part.frames.len();
        part.outside.resize_with(part.base, Vec::new);
    }
}

/// A state with branches that were planned together.
pub(super) struct Fork<T> {
    pub(super) parent: Parent,
    pub(super) worker: usize,
    assignment: Arc<Assignment>,
    prefix: Arc<Prefix>,
    /// What sleeps there, but for the branches.
    sleep: Vec<Arc<SegmentEvent>>,
    pub(super) branches: Vec<Branch<T>>,
    /// How many branches have been merged. They are merged in order.
    pub(super) merged: usize,
    /// The first branch after which nothing is of interest.
    pub(super) last: usize,
    /// The steps to be run after all branches.
    next: Vec<Node>,
    pub(super) done: Merged<T>,
    /// The share of the assignment that each branch has.
    pub(super) width: f64,
    /// The share that branches have which are still to be found.
    pub(super) reserve: f64,
}

/// A step from the state of a fork, with the subtree below it.
pub(super) struct Branch<T> {
    /// What the step does here, once it has run; until then, what it did when it was last seen.
    event: Arc<SegmentEvent>,
    begun: bool,
    pub(super) stage: BranchStage<Vec<Node>, T>,
}

impl<T> Branch<T> {
    pub(super) fn new(node: Node) -> Self {
        Self { event: node.event, begun: false, stage: BranchStage::Waiting(node.children) }
    }
}

impl<T: Findings> Fork<T> {
    /// The state that a running part leaves. Its branch is the first one.
    pub(super) fn new(
        parent: Parent,
        worker: usize,
        assignment: &Arc<Assignment>,
        prefix: &Prefix,
        split: &SplitState,
        width: f64,
    ) -> Self {
        let reserve = if split.todo.is_empty() { 0.0 } else { share(width, split.todo.len() + 2) };
        let event = Arc::clone(&split.event);
        Self {
            parent,
            worker,
            assignment: Arc::clone(assignment),
            prefix: Arc::from(prefix),
            sleep: split.sleep.clone(),
            branches: vec![Branch { event, begun: true, stage: BranchStage::Running }],
            merged: 0,
            last: usize::MAX,
            next: Vec::new(),
            done: Merged::default(),
            width: if split.todo.is_empty() { width } else { reserve },
            reserve,
        }
    }

    /// The first branch that waits and can be run: what the ones ahead of it begin with is known.
    pub(super) fn startable(&self) -> Option<usize> {
        let begun = self.branches.iter().take_while(|branch| branch.begun).count();
        let waits = |branch: &Branch<T>| matches!(branch.stage, BranchStage::Waiting(_));
        let end = self.branches.len().min(begun + 1).min(self.last.saturating_add(1));
        self.branches[..end].iter().position(waits)
    }

    pub(super) fn start(&mut self, at: usize) -> Job {
        let ahead = self.branches[..at].iter().map(|branch| Arc::clone(&branch.event));
        let sleep = self.sleep.iter().cloned().chain(ahead).collect();
        let later = self.branches[at + 1..].iter();
        let planned = later.map(|branch| branch.event.process).collect();
        let branch = &mut self.branches[at];
        let after = match mem::replace(&mut branch.stage, BranchStage::Running) {
            BranchStage::Waiting(after) => after,
            BranchStage::Running | BranchStage::Done(_) => Vec::new(),
        };
        let own = PrefixStep { process: branch.event.process, sleep, planned };
        let prefix = self.prefix.iter().cloned().chain([own]).collect();
        Job { assignment: Arc::clone(&self.assignment), prefix, after }
    }

    /// A branch has run its first step.
    pub(super) fn begun(&mut self, at: usize, event: Option<Arc<SegmentEvent>>) {
        let branch = &mut self.branches[at];
        branch.begun = true;
        if let Some(event) = event {
            branch.event = event;
        }
    }

    /// A branch has ended. Returns whether everything from this state has been run.
    pub(super) fn finish(&mut self, at: usize, done: Merged<T>) -> bool {
        if done.found.ends() {
            self.last = self.last.min(at);
        }
        self.branches[at].begun = true;
        self.branches[at].stage = BranchStage::Done(done);
        loop {
            while let Some(branch) = self.branches.get_mut(self.merged) {
                if !matches!(branch.stage, BranchStage::Done(_)) {
                    return false;
                }
                if let BranchStage::Done(done) =
                    mem::replace(&mut branch.stage, BranchStage::Running)
                {
                    self.merge(done);
                }
                self.merged += 1;
                if self.done.found.ends() {
                    return true;
                }
            }
            if !self.goes_on() {
                return true;
            }
        }
    }

    /// Adds the result of a branch.
    fn merge(&mut self, mut done: Merged<T>) {
        for (depth, finds) in mem::take(&mut done.outside).into_iter().enumerate() {
            let known = self.done.outside.get_mut(depth).unwrap_or(&mut self.next);
            for node in finds {
                if !known.iter().any(|other| other.event.process == node.event.process) {
                    known.push(node);
                }
            }
        }
        self.done.append(done);
    }

    /// Plans what the branches have found. Returns whether there is any.
    fn goes_on(&mut self) -> bool {
        let branches = mem::take(&mut self.branches);
        self.sleep.extend(branches.into_iter().map(|branch| branch.event));
        self.merged = 0;
        let next = mem::take(&mut self.next).into_iter();
        let awake = next.filter(|node| !sleeps(&self.sleep, node.event.process));
        self.branches = awake.map(Branch::new).collect();
        if self.branches.is_empty() {
            return false;
        }
        self.width = share(self.reserve, self.branches.len() + 1);
        self.reserve = self.width;
        true
    }
}

fn share(width: f64, among: usize) -> f64 {
    width / f64::from(u32::try_from(among).unwrap_or(u32::MAX))
}
