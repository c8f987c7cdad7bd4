//! From a token back to its execution.

use super::{Check, Defect, Execution, Subject, SubjectKind};
use crate::decision::{Token, TokenError, TokenFormat};
use crate::world::{MUTANTS, Scenario, VARIANTS};

/// Why a token was not replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
}

impl Replayed {
    /// Whether nothing is wrong with the execution.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.execution.breaches.is_empty()
    }

    /// Whether the execution shows the defect that the token names. `None` if the token names none.
    #[must_use]
    pub fn shows_its_defect(&self) -> Option<bool> {
        let name = self.token.defect()?;
        Some(self.execution.breaches.iter().any(|breach| breach.defect.id() == name))
    }

    /// Does nothing if nothing is wrong with the execution.
    ///
    /// # Panics
    ///
    /// Otherwise, with its time line.
    #[track_caller]
    pub fn assert_holds(&self) {
        assert!(self.holds(), "{self}");
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
        let (token, subject) = read(token)?;
        let own = self.subject();
        let foreign =
            (subject.kind == SubjectKind::Provider) != (own.kind == SubjectKind::Provider);
        let own_digest = digest(self.scenario(), &token);
        if foreign || subject.digest != own_digest {
            let (found, found_digest) = (own.name, own_digest);
            let expected = Box::new(subject);
            return Err(if foreign && expected.kind == SubjectKind::Provider {
                ReplayError::Provider(expected)
            } else {
                ReplayError::Other { expected, found, found_digest }
            });
        }
        if subject.changes.apply(self.scenario()).is_none() {
            return Err(ReplayError::Header);
        }
        let subject = Subject { digest: own.digest, ..subject };
        let check = self.clone().limits(subject.limits).changes(subject.changes.clone());
        let world = check.world();
        let mut engine = check.replay_engine(&world);
        let mut run = || {
            let observed = world.replay(&mut engine, &token.decisions);
            Execution::new(world.scenario(), observed, &engine)
        };
        let mut execution = run();
        let second = run();
        if execution.calls != second.calls || execution.breaches != second.breaches {
            let parted = execution.calls.iter().zip(&second.calls).position(|(a, b)| a != b);
            let decision = parted.unwrap_or(execution.calls.len().min(second.calls.len()));
            let message = format!(
                "run twice under the same decisions, the executions part at call {}",
                decision + 1
            );
            execution.add(Defect::Nondeterminism, message);
        }
        let scenario = check.scenario().clone();
        Ok(Replayed { subject, execution, scenario, token })
    }
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
