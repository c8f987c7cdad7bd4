//! Decisions as a short text that survives a shell, a URL and a bug report.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Decisions, Departure, Kind, Place};
use crate::TaskKey;

const PREFIX: &str = "ms";
const VERSION: u64 = 1;
/// The checksum's bytes.
const CHECK: usize = 4;

/// A schedule to hand on: what to run, and its [`Decisions`].
///
/// The text is `ms1-` and then base64url without padding, of these bytes:
///
/// | part | form |
/// |---|---|
/// | header | its length, then that many bytes: what is to be run, as the caller sees fit |
/// | keys | how many, then 6 bytes for each: the tasks that the decisions name |
/// | decisions | how many, then for each: kind, key's place in the table, site (4 bytes; choices and faults only), ordinal, value (a key's place, for kind 0) |
/// | checksum | CRC-32 of the version's digit and all bytes before, lowest byte first |
///
/// Numbers are LEB128 of at most ten bytes. Any change of a single character is noticed.
///
/// # Examples
///
/// ```
/// use mapi_sync_engine::decision::{Decisions, Token};
///
/// let token = Token { header: b"first-download".to_vec(), decisions: Decisions::default() };
/// let text = token.to_string();
/// assert!(text.starts_with("ms1-"));
/// assert_eq!(text.parse(), Ok(token));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What is to be run.
    pub header: Vec<u8>,
    /// How.
    pub decisions: Decisions,
}

/// Why a text is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not begin like one.
    #[error("not a schedule token: it must begin with `ms1-`")]
    Prefix,
    /// It is of another version of the format.
    #[error("the token is of format {0}; this program reads format 1")]
    Version(u64),
    /// A character that cannot be in it.
    #[error("the token is damaged: character {position} is {found:?}")]
    Character {
        /// Where, counted in characters from 1.
        position: usize,
        /// What stands there.
        found: char,
    },
    /// It ends too early.
    #[error("the token is cut off")]
    Truncated,
    /// Its checksum does not match its content.
    #[error("the token is damaged: its checksum does not match")]
    Checksum,
    /// Its content makes no sense although its checksum matches.
    #[error("the token's content is not valid: {0}")]
    Content(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{VERSION}-{}", URL_SAFE_NO_PAD.encode(self.to_bytes()))
    }
}

impl std::str::FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let rest = text.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        let (version, body) = rest.split_once('-').ok_or(TokenError::Prefix)?;
        let number: u64 = version.parse().map_err(|_| TokenError::Prefix)?;
        if version != number.to_string() {
            return Err(TokenError::Prefix);
        }
        if number != VERSION {
            return Err(TokenError::Version(number));
        }
        let start = text.chars().count() - body.chars().count();
        let alien = |c: &char| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_');
        if let Some((at, found)) = body.chars().enumerate().find(|(_, c)| alien(c)) {
            return Err(TokenError::Character { position: start + at + 1, found });
        }
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|e| match e {
            base64::DecodeError::InvalidLength(_) => TokenError::Truncated,
            _ => TokenError::Checksum,
        })?;
        Self::from_bytes(&bytes)
    }
}

impl Token {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.header.len() as u64);
        out.extend_from_slice(&self.header);
        let mut keys: Vec<u64> = Vec::new();
        for departure in self.decisions.departures() {
            keys.push(departure.place.task.get());
            if departure.place.kind == Kind::Run {
                keys.push(TaskKey::from_bits(departure.value).get());
            }
        }
        keys.sort_unstable();
        keys.dedup();
        put(&mut out, keys.len() as u64);
        for key in &keys {
            out.extend_from_slice(&key.to_le_bytes()[..6]);
        }
        let index = |key: u64| keys.binary_search(&key).unwrap_or(0) as u64;
        put(&mut out, self.decisions.len() as u64);
        for Departure { place, value } in self.decisions.departures() {
            out.push(place.kind as u8);
            put(&mut out, index(place.task.get()));
            if has_site(place.kind) {
                out.extend_from_slice(&place.site.to_le_bytes());
            }
            put(&mut out, u64::from(place.ordinal));
            let run = place.kind == Kind::Run;
            put(&mut out, if run { index(TaskKey::from_bits(*value).get()) } else { *value });
        }
        let check = checksum(&out);
        out.extend_from_slice(&check.to_le_bytes());
        out
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, TokenError> {
        let (body, check) = bytes.split_last_chunk::<CHECK>().ok_or(TokenError::Truncated)?;
        if checksum(body) != u32::from_le_bytes(*check) {
            return Err(TokenError::Checksum);
        }
        let mut reader = Reader(body);
        let length = reader.number()?;
        let header = reader.bytes(length)?.to_vec();
        let count = reader.number()?;
        let mut keys = Vec::new();
        for _ in 0..count {
            let mut key = [0; 8];
            key[..6].copy_from_slice(reader.bytes(6)?);
            keys.push(TaskKey::from_bits(u64::from_le_bytes(key)));
        }
        let count = reader.number()?;
        let mut departures = Vec::new();
        for _ in 0..count {
            let kind = reader.bytes(1)?[0];
            let kind = *Kind::ALL
                .get(usize::from(kind))
                .ok_or(TokenError::Content("an unknown kind of decision"))?;
            let task = reader.key(&keys)?;
            let site = if has_site(kind) {
                u32::from_le_bytes(reader.bytes(4)?.try_into().map_err(|_| TokenError::Truncated)?)
            } else {
                0
            };
            let ordinal = u32::try_from(reader.number()?)
                .map_err(|_| TokenError::Content("an ordinal out of range"))?;
            let value =
                if kind == Kind::Run { reader.key(&keys)?.get() } else { reader.number()? };
            departures.push(Departure { place: Place { kind, task, site, ordinal }, value });
        }
        if !reader.0.is_empty() {
            return Err(TokenError::Content("bytes are left over"));
        }
        Ok(Self { header, decisions: Decisions::new(departures) })
    }
}

fn has_site(kind: Kind) -> bool {
    matches!(kind, Kind::Choice | Kind::Fault)
}

fn checksum(body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(VERSION.to_string().as_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: u64) -> Result<&'a [u8], TokenError> {
        let length =
            usize::try_from(length).map_err(|_| TokenError::Content("a length out of range"))?;
        let (head, tail) = self
            .0
            .split_at_checked(length)
            .ok_or(TokenError::Content("a part reaches past the end"))?;
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self) -> Result<u64, TokenError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes(1)?[0];
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                break;
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(TokenError::Content("a number out of range"))
    }

    fn key(&mut self, keys: &[TaskKey]) -> Result<TaskKey, TokenError> {
        usize::try_from(self.number()?)
            .ok()
            .and_then(|at| keys.get(at).copied())
            .ok_or(TokenError::Content("a task that is not in the table"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn departure() -> impl Strategy<Value = Departure> {
        (0..5_usize, any::<u64>(), any::<u32>(), any::<u32>(), any::<u64>()).prop_map(
            |(kind, task, site, ordinal, value)| {
                let kind = Kind::ALL[kind];
                let site = if has_site(kind) { site } else { 0 };
                let value = if kind == Kind::Run { TaskKey::from_bits(value).get() } else { value };
                Departure {
                    place: Place { kind, task: TaskKey::from_bits(task), site, ordinal },
                    value,
                }
            },
        )
    }

    prop_compose! {
        fn token()(
            header in proptest::collection::vec(any::<u8>(), 0..20),
            departures in proptest::collection::vec(departure(), 0..12),
        ) -> Token {
            Token { header, decisions: Decisions::new(departures) }
        }
    }

    proptest! {
        #[test]
        fn a_token_reads_back(token in token()) {
            let text = token.to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            prop_assert_eq!(text.parse(), Ok(token));
        }

        #[test]
        fn one_changed_character_is_refused(
            token in token(),
            at in any::<prop::sample::Index>(),
            to in prop::char::any(),
        ) {
            let mut text: Vec<char> = token.to_string().chars().collect();
            let at = at.index(text.len());
            // White space at the ends is what a terminal adds, and is not a change.
            prop_assume!(text[at] != to && !to.is_whitespace());
            text[at] = to;
            let text: String = text.into_iter().collect();
            prop_assert!(text.parse::<Token>().is_err(), "{}", text);
        }

        #[test]
        fn one_changed_character_of_the_alphabet_is_refused(
            token in token(),
            at in any::<prop::sample::Index>(),
            to in "[A-Za-z0-9_-]",
        ) {
            let mut text = token.to_string();
            let at = at.index(text.len());
            prop_assume!(text[at..=at] != to);
            text.replace_range(at..=at, &to);
            prop_assert!(text.parse::<Token>().is_err(), "{}", text);
        }

        #[test]
        fn a_truncated_token_is_refused(token in token(), cut in 1..40_usize) {
            let text = token.to_string();
            let text = &text[..text.len().saturating_sub(cut)];
            prop_assert!(text.parse::<Token>().is_err());
        }

        #[test]
        fn no_bytes_with_a_right_checksum_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let check = checksum(&bytes).to_le_bytes();
            bytes.extend_from_slice(&check);
            if let Ok(token) = Token::from_bytes(&bytes) {
                prop_assert_eq!(Token::from_bytes(&token.to_bytes()), Ok(token));
            }
        }

        #[test]
        fn no_text_panics(text in "(ms1-)?\\PC{0,40}") {
            let _ = text.parse::<Token>();
        }
    }

    #[test]
    fn mistakes_are_told_apart() {
        let parse = |text: &str| text.parse::<Token>().unwrap_err();
        assert_eq!(parse(""), TokenError::Prefix);
        assert_eq!(parse("hello"), TokenError::Prefix);
        assert_eq!(parse("ms01-AAAA"), TokenError::Prefix);
        assert_eq!(parse("ms2-AAAA"), TokenError::Version(2));
        assert_eq!(parse("ms1-AA*A"), TokenError::Character { position: 7, found: '*' });
        assert_eq!(parse("ms1-"), TokenError::Truncated);
        assert_eq!(parse("ms1-AAAAA"), TokenError::Truncated);
        assert_eq!(parse("ms1-AAAAAAAA"), TokenError::Checksum);
    }

    #[test]
    fn the_form_is_fixed() {
        let departures = vec![
            Departure {
                place: Place { kind: Kind::Run, task: TaskKey::MAIN, site: 0, ordinal: 2 },
                value: TaskKey::CLOCK.get(),
            },
            Departure {
                place: Place {
                    kind: Kind::Fault,
                    task: TaskKey::MAIN,
                    site: 0x0102_0304,
                    ordinal: 0,
                },
                value: 1,
            },
        ];
        let token = Token { header: b"x".to_vec(), decisions: Decisions::new(departures) };
        assert_eq!(token.to_string(), "ms1-AXgCAAAAAAAAAQAAAAAAAgABAgACAQQDAgEAAZUnUjg");
    }
}
