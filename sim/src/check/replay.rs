//! From a token back to its execution.

use std::fmt;

use super::execution::asks_for_tokio;
use super::repeat::{parting, uncontrolled};
use super::why::decision_in_words;
use super::{Breach, Check, Defect, Execution, Report, Subject, SubjectKind};
use crate::decision::{Departure, Kind, Token, TokenError, TokenFormat};
use crate::engine::{Engine, Property, TaskKey, TaskPanic};
use crate::world::{MUTANTS, Scenario, VARIANTS};

/// Why a token was not replayed.
///
/// `Debug` prints the same sentence as `Display`: it is what a failed `unwrap` shows.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The text is not a token, or a damaged one.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token does not say what it is a schedule of.
    #[error("the token is not one of a check: its header cannot be read")]
    Header,
    /// The token uses a number for which this version of the program has no meaning.
    #[error("the token has a {of} of code {code}, which this version of the program does not know")]
    UnknownCode {
        /// What the number stands for.
        of: &'static str,
        /// The number.
        code: u64,
    },
    /// The token is of something else.
    #[error(
        "the token is of {expected} (digest {:016x}), \
         not of `{found}` (digest {found_digest:016x})",
        expected.digest
    )]
    Other {
        /// What the token is of.
        expected: Box<Subject>,
        /// The name of the scenario that was given.
        found: String,
        /// That scenario's digest, in the token's format.
        found_digest: u64,
    },
    /// The token names something that this version does not have, or has in another form.
    #[error("the token is of {0}, which this version of the program does not have in that form")]
    Changed(Box<Subject>),
    /// The token does not replay by itself: its scenario must be given.
    #[error("the token is of {0}: give that scenario")]
    NotGiven(Box<Subject>),
    /// The token is of a provider that only its owner can run.
    #[error("the token is of {0}: replay it with `Check::replay`, where the provider is")]
    Provider(Box<Subject>),
    /// The token is of a program that only its owner can run.
    #[error("the token is of {0}: replay it with `explore(..).replay`, where the program is")]
    Program(Box<Subject>),
}

impl fmt::Debug for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The result of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayOutcome {
    /// The execution shows a defect. [`Replayed::shows_its_defect`] says whether it is the one that
    /// the token names. Decisions that would have come later do not matter then.
    Broken,
    /// Every decision of the token was taken, and nothing is wrong.
    Mended,
    /// Nothing is wrong, but at least one decision of the token was not taken, or was taken at
    /// another step than before: the program is another one. This is neither a pass nor a defect.
    NoLongerApplies,
    /// Nothing is wrong, but a thread takes part that the replay does not control, so nothing is
    /// shown either.
    OutsideThread,
}

/// The decisions of a token that its replay did not take as before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOver {
    /// How many were not taken. 0 if all were, but not after the same steps.
    pub count: usize,
    /// The first one; the last of all if all were taken.
    pub first: Departure,
    /// What the first one asked for, in words.
    pub what: String,
}

/// An execution that was run again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Replayed {
    /// What it is an execution of. Its digest is that of the newest format.
    pub subject: Subject,
    /// The execution.
    pub execution: Execution,
    /// The scenario, before the subject's changes.
    pub scenario: Scenario,
    /// The token, as it was given.
    pub token: Token,
    /// The decisions of the token that the execution did not take as before, if any.
    pub left_over: Option<LeftOver>,
}

/// A replay and, if its token no longer applies, the search that was run instead.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReplayOrSearch {
    /// The replay.
    pub replayed: Replayed,
    /// The search; `None` if the token applies.
    pub search: Option<Report>,
}

impl Replayed {
    /// What the replay says about the token's defect.
    #[must_use]
    pub fn outcome(&self) -> ReplayOutcome {
        if !self.execution.breaches.is_empty() {
            ReplayOutcome::Broken
        } else if self.execution.outcome.is_outside() {
            ReplayOutcome::OutsideThread
        } else if self.left_over.is_some() {
            ReplayOutcome::NoLongerApplies
        } else {
            ReplayOutcome::Mended
        }
    }

    /// Whether nothing is wrong with the execution and every decision of the token was taken.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.outcome() == ReplayOutcome::Mended
    }

    /// Whether the execution shows the defect that the token names. `None` if the token names none.
    #[must_use]
    pub fn shows_its_defect(&self) -> Option<bool> {
        let name = self.token.defect()?;
        Some(self.execution.breaches.iter().any(|breach| breach.defect.id() == name))
    }

    /// The defect that the token names, if `check` can find one of that name.
    pub(super) fn named_defect(&self, check: &Check) -> Option<Defect> {
        check.defect_named(self.token.defect()?, &self.execution.properties)
    }

    /// Does nothing if the replay [holds](Self::holds).
    ///
    /// # Panics
    ///
    /// If the execution shows a defect, with its time line. If the token no longer applies, with
    /// the first decision that was not taken: such a replay tests nothing.
    #[track_caller]
    pub fn assert_holds(&self) {
        match self.outcome() {
            ReplayOutcome::Mended => {}
            ReplayOutcome::Broken => panic!("{self}"),
            ReplayOutcome::NoLongerApplies => panic!(
                "the token no longer applies, so its replay tests nothing; \
                 `.replay_or_search(token)` searches for its defect then\n\n{self}"
            ),
            ReplayOutcome::OutsideThread => {
                panic!("a thread takes part that the replay does not control\n\n{self}")
            }
        }
    }
}

impl ReplayOrSearch {
    /// Whether the replay [holds](Replayed::holds) or, if its token no longer applies, the search
    /// [passes](Report::passes).
    #[must_use]
    pub fn holds(&self) -> bool {
        self.search.as_ref().map_or(self.replayed.holds(), Report::passes)
    }

    /// Does nothing if it [holds](Self::holds).
    ///
    /// # Panics
    ///
    /// If it does not, with the time line of the replay or of what the search found.
    #[track_caller]
    pub fn assert_holds(&self) {
        assert!(self.holds(), "{self}");
    }
}

impl fmt::Display for ReplayOrSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.search, &self.replayed.left_over) {
            (Some(report), Some(left_over)) => {
                let decisions = self.replayed.token.decisions.len();
                writeln!(f, "the token no longer applies: {}", left_over.in_words(decisions))?;
                writeln!(f, "so its defect was searched for:\n\n{report}")
            }
            _ => self.replayed.fmt(f),
        }
    }
}

impl LeftOver {
    /// What the last execution of `engine` left over of a token's decisions.
    fn new(token: &Token, execution: &Execution, engine: &Engine) -> Option<Self> {
        let (first, count) = engine.left_over(&token.decisions).or_else(|| {
            let moved = token.prefix().is_some() && token.prefix() != engine.prefix_digest();
            token.decisions.departures().last().filter(|_| moved).map(|last| (*last, 0))
        })?;
        let name = |key: TaskKey| match engine.task_with_key(key) {
            _ if key == TaskKey::CLOCK => "the clock".to_owned(),
            Some(task) => execution.tasks.get(&task).cloned().unwrap_or_default(),
            None => "a task that was not spawned".to_owned(),
        };
        let to = if first.place.kind == Kind::Run {
            name(TaskKey::from_bits(first.value))
        } else {
            String::new()
        };
        let what = decision_in_words(&first, &name(first.place.task), &to);
        Some(Self { count, first, what })
    }

    /// How many of the token's `decisions` are left over, and the first.
    pub(crate) fn in_words(&self, decisions: usize) -> String {
        let Self { count, what, .. } = self;
        if *count == 0 {
            return format!("other steps than before lead up to the last decision: {what}");
        }
        let s = if decisions == 1 { "" } else { "s" };
        let were = if *count == 1 { "was" } else { "were" };
        format!("{count} of {decisions} decision{s} {were} not taken, the first: {what}")
    }
}

impl Check {
    /// The check that a token is of, if the token replays by itself.
    ///
    /// # Errors
    ///
    /// If the text is not a token, or of something that must be given.
    pub fn of_token(token: &str) -> Result<Self, ReplayError> {
        let (token, subject) = read(token)?;
        let check = match subject.kind {
            SubjectKind::Builtin => Self::builtin(&subject.name),
            SubjectKind::Mutant => {
                MUTANTS.iter().find(|info| info.name == subject.name).map(Self::mutant)
            }
            SubjectKind::Variant => {
                VARIANTS.iter().find(|info| info.name == subject.name).map(Self::variant)
            }
            SubjectKind::Given => return Err(ReplayError::NotGiven(Box::new(subject))),
            SubjectKind::Provider => return Err(ReplayError::Provider(Box::new(subject))),
            SubjectKind::Program => return Err(ReplayError::Program(Box::new(subject))),
        };
        check
            .filter(|check| digest(check.scenario(), &token) == subject.digest)
            .ok_or_else(|| ReplayError::Changed(Box::new(subject)))
    }

    /// Runs the execution of a token that a check like this one gave, with its limits.
    ///
    /// # Errors
    ///
    /// If the text is not a token, or comes from a check of another scenario.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run) does.
    pub fn replay(&self, token: &str) -> Result<Replayed, ReplayError> {
        let (check, subject, token) = self.for_token(token)?;
        Ok(check.replayed(subject, token))
    }

    /// The check that runs what this token is of, within its limits.
    pub(super) fn for_token(&self, token: &str) -> Result<(Self, Subject, Token), ReplayError> {
        let (token, subject) = read(token)?;
        let own = self.subject();
        let own_code = [SubjectKind::Provider, SubjectKind::Program];
        let is_one = |kind: SubjectKind| own_code.contains(&kind);
        let foreign = subject.kind != own.kind && (is_one(subject.kind) || is_one(own.kind));
        let own_digest = digest(self.scenario(), &token);
        if foreign || subject.digest != own_digest {
            let (found, found_digest) = (own.name, own_digest);
            let expected = Box::new(subject);
            return Err(match expected.kind {
                SubjectKind::Provider if foreign => ReplayError::Provider(expected),
                SubjectKind::Program if foreign => ReplayError::Program(expected),
                _ => ReplayError::Other { expected, found, found_digest },
            });
        }
        if subject.changes.apply(self.scenario()).is_none() {
            return Err(ReplayError::Header);
        }
        let subject = Subject { digest: own.digest, ..subject };
        let check = self.with_new_engines().limits(subject.limits).changes(subject.changes.clone());
        let is_early = |departure: &Departure| departure.place.kind == Kind::Early;
        let check = if token.decisions.departures().iter().any(is_early) {
            let can_run = check.can_run_early_tasks();
            check.early_tasks(can_run)
        } else {
            check
        };
        Ok((check, subject, token))
    }

    /// Runs the execution of this token.
    fn replayed(&self, subject: Subject, token: Token) -> Replayed {
        let check = self;
        let world = check.world();
        let mut engine = check.replay_engine(&world);
        let mut run = || {
            let observed = world.replay(&mut engine, &token.decisions);
            Execution::new(world.scenario(), observed, &engine)
        };
        let mut execution = run();
        let asks = |panic: &TaskPanic| asks_for_tokio(&panic.message);
        if check.offers_tokio() && execution.outcome.panics.iter().any(asks) {
            return check.clone().with_real_tokio(true).replayed(subject, token);
        }
        let second = run();
        let differ = execution.calls != second.calls
            || execution.steps != second.steps
            || !same_breaches(&execution, &second, check.real_tokio == Some(true));
        if second.outcome.is_outside() {
            // Whatever differs comes from there.
            execution = second;
        } else if differ && !execution.outcome.is_outside() {
            let parted = parting(&execution.calls, &second.calls).unwrap_or_else(|| {
                if !execution.is_of_program {
                    "run twice under the same decisions, the executions make the same calls, and \
                     end in different ways"
                        .to_owned()
                } else {
                    "run twice under the same decisions, the executions differ".to_owned()
                }
            });
            let hint = uncontrolled(execution.is_of_program);
            execution.add_first(Defect::Nondeterminism, format!("{parted}. {hint}"));
        }
        let left_over = LeftOver::new(&token, &execution, &engine);
        execution.find_places(&world, check.replay_engine(&world), &token.decisions);
        let scenario = check.scenario().clone();
        Replayed { subject, execution, scenario, token, left_over }
    }

    /// As [`replay`](Self::replay). If the token no longer applies, runs this check until it finds
    /// the token's defect; if the token names none, to its end.
    ///
    /// This is the form for a regression test: it stays meaningful when the provider changes.
    ///
    /// # Errors
    ///
    /// As `replay`.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run) does.
    pub fn replay_or_search(&self, token: &str) -> Result<ReplayOrSearch, ReplayError> {
        let replayed = self.replay(token)?;
        let search = (replayed.outcome() == ReplayOutcome::NoLongerApplies).then(|| match replayed
            .named_defect(self)
        {
            Some(defect) => self.clone().until(defect).run(),
            None => self.run(),
        });
        Ok(ReplayOrSearch { replayed, search })
    }

    /// The defect of this name that this check can find. `properties` are those that its executions
    /// are held to, as far as they are known.
    fn defect_named(&self, name: &str, properties: &[Property]) -> Option<Defect> {
        let properties = properties.iter().copied().map(Defect::Property);
        let ends = [
            Defect::Deadlock,
            Defect::Livelock,
            Defect::Panic,
            Defect::Error,
            Defect::LeakedTask,
            Defect::Nondeterminism,
        ];
        let world = self.world();
        let rules = world.policy().rules().map(Defect::Rule);
        ends.into_iter().chain(rules).chain(properties).find(|defect| defect.id() == name)
    }
}

/// Whether two runs show the same. The real tokio numbers its tasks on from one execution to the
/// next, and panics name them.
fn same_breaches(one: &Execution, other: &Execution, with_real_tokio: bool) -> bool {
    let of = |breach: &Breach| (breach.defect, breach.at_ms, breach.place);
    let in_short = || one.breaches.iter().map(of).eq(other.breaches.iter().map(of));
    if with_real_tokio { in_short() } else { one.breaches == other.breaches }
}

fn read(token: &str) -> Result<(Token, Subject), ReplayError> {
    let token: Token = token.parse()?;
    let subject = Subject::from_header(&token.header)?;
    Ok((token, subject))
}

/// The digest by which this token knows a scenario.
fn digest(scenario: &Scenario, token: &Token) -> u64 {
    match token.format() {
        TokenFormat::V1 => scenario.digest_v1(),
        _ => scenario.digest(),
    }
}
