//! Decisions as a short text that survives a shell, a URL and a bug report.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Decisions, Departure, Kind, Place};
use crate::TaskKey;

const PREFIX: &str = "ms";
/// How many bytes the checksum has.
const CHECK: usize = 4;

/// A schedule to hand on: what to run, its [`Decisions`], and the defect that it shows.
///
/// The text is `ms2-` and then base64url without padding, of these bytes:
///
/// | part | form |
/// |---|---|
/// | header | its length, then that many bytes: what to run, in a form that the caller defines |
/// | defect | its length, then its name in UTF-8; the length 0 is no defect |
/// | keys | their number, then 6 bytes for each: the tasks that the decisions name |
/// | decisions | their number, then for each: kind, key's index in the table, site (4 bytes; choices and faults only), ordinal, value (a key's index, for kind 0) |
/// | prefix | nothing, or a digest of the steps up to the last decision (4 bytes; format 2) |
/// | checksum | CRC-32 of the format's digit and all bytes before, lowest byte first |
///
/// Numbers are LEB128 of at most ten bytes. Any change of a single character is noticed.
///
/// Format 1 (`ms1-`) is the same without the defect. Its tokens are still read, and are written
/// again as they were.
///
/// # Examples
///
/// ```
/// use mapi_sync_engine::decision::{Decisions, Token};
///
/// let token = Token::new(b"first-download".to_vec(), Some("done-once"), Decisions::default());
/// let text = token.to_string();
/// assert!(text.starts_with("ms2-"));
/// assert_eq!(token.defect(), Some("done-once"));
/// assert_eq!(text.parse(), Ok(token));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    format: TokenFormat,
    /// What to run.
    pub header: Vec<u8>,
    /// Never empty, and `None` in format 1.
    defect: Option<String>,
    /// The schedule.
    pub decisions: Decisions,
    /// `None` in format 1.
    prefix: Option<u32>,
}

/// The format of a token's text. What the header means may depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TokenFormat {
    /// `ms1-`: read, but given to no new token.
    V1,
    /// `ms2-`: names the defect.
    V2,
}

/// Why a text is not a token.
///
/// `Debug` prints the same sentence as `Display`: it is what a failed `unwrap` shows.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It does not begin like one.
    #[error("not a schedule token: a token begins with `ms2-` or `ms1-`")]
    Prefix,
    /// It has another version of the format.
    #[error("the token has format {0}; this program reads formats 1 and 2")]
    Version(u64),
    /// It contains a character that no token contains.
    #[error("the token is damaged: character {position} is {found:?}")]
    Character {
        /// Where, counted in characters from 1.
        position: usize,
        /// The character there.
        found: char,
    },
    /// It ends too early.
    #[error("the token is cut off")]
    Truncated,
    /// Its checksum does not match its content.
    #[error("the token is damaged: its checksum does not match")]
    Checksum,
    /// It has a decision of a kind that this version of the program does not know.
    #[error(
        "the token has a decision of the unknown kind {0}: a newer version of the program wrote it"
    )]
    UnknownKind(u8),
    /// Its content makes no sense although its checksum matches.
    #[error("the token's content is not valid: {0}")]
    Content(&'static str),
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TokenFormat {
    /// The number in the text.
    const fn number(self) -> u64 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    fn numbered(number: u64) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|format| format.number() == number)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = URL_SAFE_NO_PAD.encode(self.to_bytes());
        write!(f, "{PREFIX}{}-{text}", self.format.number())
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let rest = text.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        let (version, body) = rest.split_once('-').ok_or(TokenError::Prefix)?;
        let number: u64 = version.parse().map_err(|_| TokenError::Prefix)?;
        if version != number.to_string() {
            return Err(TokenError::Prefix);
        }
        let format = TokenFormat::numbered(number).ok_or(TokenError::Version(number))?;
        let start = text.chars().count() - body.chars().count();
        let alien = |c: &char| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_');
        if let Some((at, found)) = body.chars().enumerate().find(|(_, c)| alien(c)) {
            return Err(TokenError::Character { position: start + at + 1, found });
        }
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|e| match e {
            base64::DecodeError::InvalidLength(_) => TokenError::Truncated,
            _ => TokenError::Checksum,
        })?;
        Self::from_bytes(format, &bytes)
    }
}

impl Token {
    /// The token of these decisions. `defect` is the name of what they show; an empty one counts as
    /// none.
    #[must_use]
    pub fn new(header: Vec<u8>, defect: Option<&str>, decisions: Decisions) -> Self {
        let defect = defect.filter(|name| !name.is_empty()).map(str::to_owned);
        Self { format: TokenFormat::V2, header, defect, decisions, prefix: None }
    }

    /// The same with this [digest](crate::Engine::prefix_digest) of the steps up to the last
    /// decision.
    #[must_use]
    pub fn with_prefix(self, prefix: Option<u32>) -> Self {
        Self { prefix: prefix.filter(|_| self.format >= TokenFormat::V2), ..self }
    }

    /// The digest of the steps up to the last decision, if it has one. An execution that takes
    /// the same decisions with another digest is one of another program.
    #[must_use]
    pub fn prefix(&self) -> Option<u32> {
        self.prefix
    }

    /// The format that it was read from, and is written in.
    #[must_use]
    pub fn format(&self) -> TokenFormat {
        self.format
    }

    /// The name of the defect that it shows. `None` if it names none; a token of format 1 never
    /// does.
    #[must_use]
    pub fn defect(&self) -> Option<&str> {
        self.defect.as_deref()
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_number(&mut out, self.header.len() as u64);
        out.extend_from_slice(&self.header);
        if self.format >= TokenFormat::V2 {
            let name = self.defect().unwrap_or_default();
            write_number(&mut out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
        }
        let mut keys: Vec<u64> = Vec::new();
        for departure in self.decisions.departures() {
            keys.push(departure.place.task.get());
            if departure.place.kind == Kind::Run {
                keys.push(TaskKey::from_bits(departure.value).get());
            }
        }
        keys.sort_unstable();
        keys.dedup();
        write_number(&mut out, keys.len() as u64);
        for key in &keys {
            out.extend_from_slice(&key.to_le_bytes()[..6]);
        }
        let index = |key: u64| keys.binary_search(&key).unwrap_or(0) as u64;
        write_number(&mut out, self.decisions.len() as u64);
        for Departure { place, value } in self.decisions.departures() {
            out.push(place.kind as u8);
            write_number(&mut out, index(place.task.get()));
            if has_site(place.kind) {
                out.extend_from_slice(&place.site.to_le_bytes());
            }
            write_number(&mut out, u64::from(place.ordinal));
            let run = place.kind == Kind::Run;
            let value = if run { index(TaskKey::from_bits(*value).get()) } else { *value };
            write_number(&mut out, value);
        }
        out.extend(self.prefix.iter().flat_map(|prefix| prefix.to_le_bytes()));
        let check = checksum(self.format, &out);
        out.extend_from_slice(&check.to_le_bytes());
        out
    }

    fn from_bytes(format: TokenFormat, bytes: &[u8]) -> Result<Self, TokenError> {
        let (body, check) = bytes.split_last_chunk::<CHECK>().ok_or(TokenError::Truncated)?;
        if checksum(format, body) != u32::from_le_bytes(*check) {
            return Err(TokenError::Checksum);
        }
        let mut reader = TokenReader::new(body);
        let length = reader.number()?;
        let header = reader.bytes(length)?.to_vec();
        let mut defect = None;
        if format >= TokenFormat::V2 {
            let length = reader.number()?;
            let name = str::from_utf8(reader.bytes(length)?)
                .map_err(|_| TokenError::Content("the defect's name is not UTF-8"))?;
            defect = (!name.is_empty()).then(|| name.to_owned());
        }
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
            let code = reader.byte()?;
            let kind = *Kind::ALL.get(usize::from(code)).ok_or(TokenError::UnknownKind(code))?;
            let task = read_key(&mut reader, &keys)?;
            let site = if has_site(kind) {
                u32::from_le_bytes(reader.bytes(4)?.try_into().map_err(|_| TokenError::Truncated)?)
            } else {
                0
            };
            let ordinal = u32::try_from(reader.number()?)
                .map_err(|_| TokenError::Content("an ordinal out of range"))?;
            let value = if kind == Kind::Run {
                read_key(&mut reader, &keys)?.get()
            } else {
                reader.number()?
            };
            departures.push(Departure { place: Place { kind, task, site, ordinal }, value });
        }
        let prefix = match *reader.rest() {
            [] => None,
            [a, b, c, d] if format >= TokenFormat::V2 => Some(u32::from_le_bytes([a, b, c, d])),
            _ => return Err(TokenError::Content("bytes are left over")),
        };
        Ok(Self { format, header, defect, decisions: Decisions::new(departures), prefix })
    }
}

fn has_site(kind: Kind) -> bool {
    matches!(kind, Kind::Choice | Kind::Fault)
}

fn checksum(format: TokenFormat, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(format.number().to_string().as_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn read_key(reader: &mut TokenReader<'_>, keys: &[TaskKey]) -> Result<TaskKey, TokenError> {
    usize::try_from(reader.number()?)
        .ok()
        .and_then(|at| keys.get(at).copied())
        .ok_or(TokenError::Content("a task that is not in the table"))
}

/// Appends a number as a token and its header have it: LEB128, the lowest seven bits first.
pub fn write_number(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// Reads the bytes of a token, or of its header, from the first to the last.
#[derive(Clone, Debug)]
pub struct TokenReader<'a>(&'a [u8]);

impl<'a> TokenReader<'a> {
    /// A reader of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that are not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Reads one byte.
    ///
    /// # Errors
    ///
    /// If none is left.
    pub fn byte(&mut self) -> Result<u8, TokenError> {
        Ok(self.bytes(1)?[0])
    }

    /// Reads this many bytes.
    ///
    /// # Errors
    ///
    /// If fewer are left.
    pub fn bytes(&mut self, length: u64) -> Result<&'a [u8], TokenError> {
        let length =
            usize::try_from(length).map_err(|_| TokenError::Content("a length out of range"))?;
        let (head, tail) = self
            .0
            .split_at_checked(length)
            .ok_or(TokenError::Content("a part reaches past the end"))?;
        self.0 = tail;
        Ok(head)
    }

    /// Reads a number that [`write_number`] wrote.
    ///
    /// # Errors
    ///
    /// If the bytes end in it, or it does not fit into 64 bits.
    pub fn number(&mut self) -> Result<u64, TokenError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
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
        /// A token of either format.
        fn token()(
            old in any::<bool>(),
            header in proptest::collection::vec(any::<u8>(), 0..20),
            defect in "[a-zé-]{0,12}",
            departures in proptest::collection::vec(departure(), 0..12),
            prefix in any::<Option<u32>>(),
        ) -> Token {
            let decisions = Decisions::new(departures);
            if old {
                Token { format: TokenFormat::V1, header, defect: None, decisions, prefix: None }
            } else {
                Token::new(header, Some(&defect), decisions).with_prefix(prefix)
            }
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
        fn no_bytes_with_a_right_checksum_panic(
            format in prop::sample::select(vec![TokenFormat::V1, TokenFormat::V2]),
            mut bytes in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let check = checksum(format, &bytes).to_le_bytes();
            bytes.extend_from_slice(&check);
            if let Ok(token) = Token::from_bytes(format, &bytes) {
                prop_assert_eq!(Token::from_bytes(format, &token.to_bytes()), Ok(token));
            }
        }

        #[test]
        fn no_text_panics(text in "(ms[12]-)?\\PC{0,40}") {
            let _ = text.parse::<Token>();
        }
    }

    #[test]
    fn mistakes_are_distinguished() {
        let parse = |text: &str| text.parse::<Token>().unwrap_err();
        assert_eq!(parse(""), TokenError::Prefix);
        assert_eq!(parse("hello"), TokenError::Prefix);
        assert_eq!(parse("ms01-AAAA"), TokenError::Prefix);
        assert_eq!(parse("ms3-AAAA"), TokenError::Version(3));
        assert_eq!(parse("ms0-AAAA"), TokenError::Version(0));
        for prefix in ["ms1-", "ms2-"] {
            let parse = |body: &str| parse(&format!("{prefix}{body}"));
            assert_eq!(parse("AA*A"), TokenError::Character { position: 7, found: '*' });
            assert_eq!(parse(""), TokenError::Truncated);
            assert_eq!(parse("AAAAA"), TokenError::Truncated);
            assert_eq!(parse("AAAAAAAA"), TokenError::Checksum);
        }
    }

    #[test]
    fn unknown_kind_of_decision_is_named() {
        // No header, no defect, one key, one decision of kind 9.
        let mut bytes = vec![0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 9, 0, 0, 0];
        bytes.extend_from_slice(&checksum(TokenFormat::V2, &bytes).to_le_bytes());
        let error = Token::from_bytes(TokenFormat::V2, &bytes).unwrap_err();
        assert_eq!(error, TokenError::UnknownKind(9));
    }

    #[test]
    fn a_changed_format_digit_is_refused() {
        let token = Token::new(b"x".to_vec(), None, Decisions::default());
        let text = token.to_string().replace("ms2-", "ms1-");
        assert_eq!(text.parse::<Token>(), Err(TokenError::Checksum));
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
        let decisions = Decisions::new(departures);
        let token = Token::new(b"x".to_vec(), Some("late"), decisions.clone());
        assert_eq!(token.to_string(), "ms2-AXgEbGF0ZQIAAAAAAAABAAAAAAACAAECAAIBBAMCAQABUJcN_Q");
        let old = "ms1-AXgCAAAAAAAAAQAAAAAAAgABAgACAQQDAgEAAZUnUjg";
        let read: Token = old.parse().unwrap();
        assert_eq!((read.format(), read.defect()), (TokenFormat::V1, None));
        assert_eq!((&read.header[..], &read.decisions), (&b"x"[..], &decisions));
        assert_eq!(read.to_string(), old);
    }

    #[test]
    fn a_failed_unwrap_prints_a_sentence() {
        for text in ["", "ms2-", "ms2-AAAA", "ms7-AAAA", "ms2-AA AA", "nonsense"] {
            let Err(error) = text.parse::<Token>() else { panic!("{text} is a token") };
            assert_eq!(format!("{error:?}"), error.to_string());
            assert!(error.to_string().contains("token"), "{error}");
        }
    }
}
