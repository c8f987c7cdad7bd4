//! What a token is a schedule of: the header of a [`Token`](crate::decision::Token).

use std::fmt;

use super::Defect;
use super::replay::ReplayError;
use crate::decision::{Decisions, Token, TokenError, TokenReader, write_number};
use crate::engine::Limits;
use crate::world::{Changes, Knob};

/// Set in the header's first byte if there are changes.
const CHANGED: u8 = 0x80;

/// What was executed, with a digest that tells whether something else is the same.
///
/// In a token's header it is, in this order: a byte for the kind, with its highest bit set if there
/// are changes; the digest (8 bytes, lowest first); three LEB128 numbers for the limits (0 is the
/// scenario's own, anything else is the limit plus 1); if there are changes, their number, and for
/// each its knob, the account if it has one, and its value, all LEB128; and the name as UTF-8. Both
/// formats of tokens have this header. They differ in the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Where the scenario comes from.
    pub kind: SubjectKind,
    /// The scenario's [digest](crate::world::Scenario::digest), before any change.
    pub digest: u64,
    /// The changed numbers of the scenario: a counterexample is shown in the smallest scenario
    /// that has it.
    pub changes: Changes,
    /// The limits that are not the scenario's own.
    pub limits: LimitChanges,
    /// The scenario's name.
    pub name: String,
}

/// Where a scenario comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectKind {
    /// It is built in, and found by its name.
    Builtin,
    /// It is the scenario of a mutant, and found by its name.
    Mutant,
    /// It is the scenario of a correct variant, and found by its name.
    Variant,
    /// It comes from a file or a program, which must be given again.
    Given,
    /// It is run with a provider that only its owner has.
    Provider,
    /// There is none: a program is run that only its owner has.
    Program,
}

impl SubjectKind {
    const ALL: [Self; 6] =
        [Self::Builtin, Self::Mutant, Self::Variant, Self::Given, Self::Provider, Self::Program];

    /// The number in a token, below 128. Append only: tokens keep these numbers for ever.
    const fn code(self) -> u8 {
        match self {
            Self::Builtin => 0,
            Self::Mutant => 1,
            Self::Variant => 2,
            Self::Given => 3,
            Self::Provider => 4,
            Self::Program => 5,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Limits that differ from those of the scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitChanges {
    /// [`Limits::max_steps`]. A budget that is set here is exact: an execution that uses it up
    /// does not go on in rounds, so it counts as a livelock even if it would have ended.
    pub max_steps: Option<u64>,
    /// [`Limits::max_virtual_ms`].
    pub max_virtual_ms: Option<u64>,
    /// [`Limits::skew_ms`].
    pub skew_ms: Option<u64>,
}

impl LimitChanges {
    /// The limits with these changes.
    #[must_use]
    pub fn apply(self, limits: Limits) -> Limits {
        limits
            .with_max_steps(self.max_steps.unwrap_or(limits.max_steps))
            .with_ends_fairly(limits.ends_fairly && self.max_steps.is_none())
            .with_max_virtual_ms(self.max_virtual_ms.unwrap_or(limits.max_virtual_ms))
            .with_skew_ms(self.skew_ms.unwrap_or(limits.skew_ms))
    }
}

impl Subject {
    /// The token that replays these decisions of it. It names no defect.
    #[must_use]
    pub fn token(&self, decisions: Decisions) -> Token {
        Token::new(self.to_header(), None, decisions)
    }

    /// The token that replays these decisions of it, and names the defect that they show.
    #[must_use]
    pub fn token_of(&self, defect: Defect, decisions: Decisions) -> Token {
        Token::new(self.to_header(), Some(defect.id()), decisions)
    }

    fn to_header(&self) -> Vec<u8> {
        let changed = if self.changes.is_empty() { 0 } else { CHANGED };
        let mut header = vec![self.kind.code() | changed];
        header.extend(self.digest.to_le_bytes());
        let LimitChanges { max_steps, max_virtual_ms, skew_ms } = self.limits;
        for limit in [max_steps, max_virtual_ms, skew_ms] {
            write_number(&mut header, limit.map_or(0, |limit| limit.saturating_add(1)));
        }
        if !self.changes.is_empty() {
            write_number(&mut header, self.changes.iter().count() as u64);
            for (knob, value) in self.changes.iter() {
                let (code, account) = knob.code();
                write_number(&mut header, code);
                account.into_iter().for_each(|account| write_number(&mut header, account.into()));
                write_number(&mut header, value);
            }
        }
        header.extend(self.name.bytes());
        header
    }

    /// Reads a token's header.
    pub(crate) fn from_header(header: &[u8]) -> Result<Self, ReplayError> {
        let unreadable = |_: TokenError| ReplayError::Header;
        let mut reader = TokenReader::new(header);
        let kind = reader.byte().map_err(unreadable)?;
        let changed = kind & CHANGED != 0;
        let code = kind & !CHANGED;
        let kind = SubjectKind::from_code(code)
            .ok_or(ReplayError::UnknownCode { of: "kind of scenario", code: code.into() })?;
        let digest = reader.bytes(8).map_err(unreadable)?;
        let digest = u64::from_le_bytes(digest.try_into().map_err(|_| ReplayError::Header)?);
        let mut limits = [None; 3];
        for limit in &mut limits {
            *limit = reader.number().map_err(unreadable)?.checked_sub(1);
        }
        let [max_steps, max_virtual_ms, skew_ms] = limits;
        let mut changes = Changes::default();
        for _ in 0..if changed { reader.number().map_err(unreadable)? } else { 0 } {
            let code = reader.number().map_err(unreadable)?;
            let account = || {
                let number = reader.number().map_err(unreadable)?;
                u32::try_from(number).map_err(|_| ReplayError::Header)
            };
            let knob = Knob::from_code(code, account)?
                .ok_or(ReplayError::UnknownCode { of: Knob::code_group(code), code })?;
            changes = changes.with(knob, reader.number().map_err(unreadable)?);
        }
        Ok(Self {
            kind,
            digest,
            changes,
            limits: LimitChanges { max_steps, max_virtual_ms, skew_ms },
            name: String::from_utf8(reader.rest().to_vec()).map_err(|_| ReplayError::Header)?,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, .. } = self;
        match kind {
            SubjectKind::Builtin => write!(f, "the built-in scenario `{name}`"),
            SubjectKind::Mutant => write!(f, "the mutant `{name}`"),
            SubjectKind::Variant => write!(f, "the correct variant `{name}`"),
            SubjectKind::Given => write!(f, "a scenario file named `{name}`"),
            SubjectKind::Provider => write!(f, "your own provider in the scenario `{name}`"),
            SubjectKind::Program => write!(f, "your own program `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn subject()(
            kind in 0..SubjectKind::ALL.len(),
            digest in any::<u64>(),
            max_steps in proptest::option::of(0..u64::MAX),
            max_virtual_ms in proptest::option::of(0..1_000_u64),
            skew_ms in proptest::option::of(0..u64::MAX),
            knobs in proptest::collection::vec((0..60_u64, any::<u32>(), any::<u64>()), 0..5),
            name in "\\PC{0,12}",
        ) -> Subject {
            let limits = LimitChanges { max_steps, max_virtual_ms, skew_ms };
            let changes = knobs.into_iter().fold(Changes::default(), |changes, (code, n, value)| {
                match Knob::from_code(code, || Ok::<_, ()>(n)) {
                    Ok(Some(knob)) => changes.with(knob, value),
                    _ => changes,
                }
            });
            Subject { kind: SubjectKind::ALL[kind], digest, changes, limits, name }
        }
    }

    proptest! {
        #[test]
        fn headers_read_back(subject in subject()) {
            prop_assert_eq!(Subject::from_header(&subject.to_header()), Ok(subject));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            // A subject that was read reads the same after it is written.
            if let Ok(subject) = Subject::from_header(&bytes) {
                prop_assert_eq!(Subject::from_header(&subject.to_header()), Ok(subject));
            }
        }
    }

    #[test]
    fn kinds_keep_their_numbers() {
        let codes = SubjectKind::ALL.map(|kind| (kind, kind.code()));
        let pinned = [
            (SubjectKind::Builtin, 0),
            (SubjectKind::Mutant, 1),
            (SubjectKind::Variant, 2),
            (SubjectKind::Given, 3),
            (SubjectKind::Provider, 4),
            (SubjectKind::Program, 5),
        ];
        assert_eq!(codes, pinned);
    }

    #[test]
    fn unknown_codes_are_named() {
        let text = |header: &[u8]| Subject::from_header(header).unwrap_err().to_string();
        let newer = "which this version of the program does not know";
        assert_eq!(text(&[9]), format!("the token has a kind of scenario of code 9, {newer}"));
        let header = |code: u8| [&[CHANGED; 1][..], &[0; 8], &[0, 0, 0, 1, code, 5]].concat();
        assert_eq!(text(&header(24)), format!("the token has a time of code 24, {newer}"));
        assert_eq!(text(&header(60)), format!("the token has a fault of code 60, {newer}"));
        assert_eq!(Subject::from_header(&header(8)), Err(ReplayError::Header));
        assert_eq!(Subject::from_header(&[]), Err(ReplayError::Header));
    }
}
