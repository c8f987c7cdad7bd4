//! What a token's decisions are decisions of: the header of a [`Token`](crate::decision::Token).

use std::fmt;

use crate::decision::{Decisions, Token};
use crate::engine::Limits;
use crate::world::{Changes, Knob};

/// Set in the header's first byte if there are changes.
const CHANGED: u8 = 0x80;

/// What was executed, with what it takes to tell whether something else is the same.
///
/// In a token's header it is, in this order: a byte for the kind, with its highest bit set if there
/// are changes; the digest (8 bytes, lowest first); three LEB128 numbers for the limits (0 is the
/// scenario's own, anything else is the limit plus 1); if there are changes, how many, and for each
/// its knob, the account if it has one, and its value, all LEB128; and the name as UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its sort.
    pub kind: SubjectKind,
    /// The scenario's [digest](crate::world::Scenario::digest), before any change.
    pub digest: u64,
    /// What is changed in the scenario: a counterexample is shown in the smallest scenario that
    /// has it.
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
}

impl SubjectKind {
    const ALL: [Self; 5] =
        [Self::Builtin, Self::Mutant, Self::Variant, Self::Given, Self::Provider];
}

/// Limits that differ from those of the scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitChanges {
    /// [`Limits::max_steps`].
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
            .with_max_virtual_ms(self.max_virtual_ms.unwrap_or(limits.max_virtual_ms))
            .with_skew_ms(self.skew_ms.unwrap_or(limits.skew_ms))
    }
}

impl Subject {
    /// The token that replays these decisions of it.
    #[must_use]
    pub fn token(&self, decisions: Decisions) -> Token {
        Token { header: self.to_header(), decisions }
    }

    fn to_header(&self) -> Vec<u8> {
        let changed = if self.changes.is_empty() { 0 } else { CHANGED };
        let mut header = vec![self.kind as u8 | changed];
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

    /// `None` if the header is not one of ours.
    pub(crate) fn from_header(header: &[u8]) -> Option<Self> {
        let (kind, rest) = header.split_first()?;
        let changed = kind & CHANGED != 0;
        let kind = *SubjectKind::ALL.get(usize::from(kind & !CHANGED))?;
        let (digest, mut rest) = rest.split_first_chunk::<8>()?;
        let mut limits = [None; 3];
        for limit in &mut limits {
            *limit = read_number(&mut rest)?.checked_sub(1);
        }
        let [max_steps, max_virtual_ms, skew_ms] = limits;
        let mut changes = Changes::default();
        for _ in 0..if changed { read_number(&mut rest)? } else { 0 } {
            let code = read_number(&mut rest)?;
            let knob = Knob::from_code(code, || u32::try_from(read_number(&mut rest)?).ok())?;
            changes = changes.with(knob, read_number(&mut rest)?);
        }
        Some(Self {
            kind,
            digest: u64::from_le_bytes(*digest),
            changes,
            limits: LimitChanges { max_steps, max_virtual_ms, skew_ms },
            name: String::from_utf8(rest.to_vec()).ok()?,
        })
    }
}

fn write_number(bytes: &mut Vec<u8>, mut rest: u64) {
    while rest > 0x7f {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, .. } = self;
        match kind {
            SubjectKind::Builtin => write!(f, "the built-in scenario `{name}`"),
            SubjectKind::Mutant => write!(f, "the mutant `{name}`"),
            SubjectKind::Variant => write!(f, "the correct variant `{name}`"),
            SubjectKind::Given => write!(f, "a scenario file named `{name}`"),
            SubjectKind::Provider => write!(f, "a provider of one's own in the scenario `{name}`"),
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
                match Knob::from_code(code, || Some(n)) {
                    Some(knob) => changes.with(knob, value),
                    None => changes,
                }
            });
            Subject { kind: SubjectKind::ALL[kind], digest, changes, limits, name }
        }
    }

    proptest! {
        #[test]
        fn headers_read_back(subject in subject()) {
            prop_assert_eq!(Subject::from_header(&subject.to_header()), Some(subject));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            // What is read is written back the same, or at least reads the same.
            if let Some(subject) = Subject::from_header(&bytes) {
                prop_assert_eq!(Subject::from_header(&subject.to_header()), Some(subject));
            }
        }
    }
}
