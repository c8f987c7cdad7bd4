//! `MAPISIB::ulFlags`: what a sync is asked to do.

use std::fmt;
use std::str::FromStr;

bitflags::bitflags! {
    /// What the host asks a sync to do: `MAPISIB::ulFlags`.
    ///
    /// The reference says that the member is "one of" these, yet they are distinct bits. So every
    /// combination is accepted, and bits without a name are kept ([`SyncFlags::unknown`] returns
    /// them).
    ///
    /// ```
    /// use mapi_sync::SyncFlags;
    ///
    /// let flags: SyncFlags = "DOWNLOAD_CONTENTS | ON_DEMAND".parse()?;
    /// assert!(flags.contains(SyncFlags::ON_DEMAND));
    /// let unknown = SyncFlags::from_bits_retain(0x8000_0080);
    /// assert_eq!(unknown.to_string(), "DOWNLOAD_CONTENTS | 0x80000000");
    /// # Ok::<(), mapi_sync::ParseSyncFlagsError>(())
    /// ```
    ///
    /// Source: "MAPISIB" in Microsoft's Outlook MAPI reference.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct SyncFlags: u32 {
        /// Send changes of the folder hierarchy to the server.
        const UPLOAD_HIERARCHY = 0x0000_0001;
        /// Fetch changes of the folder hierarchy from the server.
        const DOWNLOAD_HIERARCHY = 0x0000_0002;
        /// Send changed items to the server.
        const UPLOAD_CONTENTS = 0x0000_0040;
        /// Fetch changed items from the server.
        const DOWNLOAD_CONTENTS = 0x0000_0080;
        /// Send outgoing mail. The reference says that it is not in use.
        const OUTGOING_MAIL = 0x0000_0200;
        /// The sync runs in the background.
        const BACKGROUND = 0x0000_1000;
        /// Only the folders that the session names.
        const THESE_FOLDERS = 0x0002_0000;
        /// Headers only. The reference also calls it `SYNC_HEADERS`.
        const GLOBAL_HEADERS = 0x0200_0000;
        /// The user asked for this sync: it goes before others.
        const ON_DEMAND = 0x2000_0000;

        // Unknown bits are the host's to set and ours to keep.
        const _ = !0;
    }
}

impl SyncFlags {
    /// The other name of [`SyncFlags::GLOBAL_HEADERS`].
    pub const SYNC_HEADERS: Self = Self::GLOBAL_HEADERS;

    /// Every name with its flag: those of the reference in the order of their bits, then the other
    /// name of [`SyncFlags::GLOBAL_HEADERS`].
    ///
    /// ```
    /// use mapi_sync::SyncFlags;
    ///
    /// let mut names = SyncFlags::names();
    /// assert!(names.any(|entry| entry == ("SYNC_HEADERS", SyncFlags::GLOBAL_HEADERS)));
    /// ```
    pub fn names() -> impl Iterator<Item = (&'static str, Self)> {
        Self::all().iter_names().chain([("SYNC_HEADERS", Self::SYNC_HEADERS)])
    }

    /// The bits that have no name here.
    #[must_use]
    pub fn unknown(self) -> u32 {
        self.iter_names().fold(self.bits(), |rest, (_, flag)| rest & !flag.bits())
    }
}

impl fmt::Display for SyncFlags {
    /// The names, joined by ` | `, then the unknown bits in hexadecimal; `0` if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (name, _) in self.iter_names() {
            write!(f, "{between}{name}")?;
            between = " | ";
        }
        match self.unknown() {
            0 if between.is_empty() => f.write_str("0"),
            0 => Ok(()),
            bits => write!(f, "{between}0x{bits:08X}"),
        }
    }
}

/// A text is not a list of flag names and hexadecimal numbers joined by `|`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a sync flag: \
     give names such as DOWNLOAD_CONTENTS, or numbers such as 0x80, joined by `|`"
)]
pub struct ParseSyncFlagsError(String);

impl FromStr for SyncFlags {
    type Err = ParseSyncFlagsError;

    /// Reads names (in any case) and hexadecimal numbers joined by `|` or `,`; `0` and an empty
    /// text are no flags.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text.trim(), "" | "0") {
            return Ok(Self::empty());
        }
        text.split(['|', ','])
            .try_fold(Self::empty(), |flags, part| Ok(flags | parse_part(part.trim())?))
    }
}

fn parse_part(part: &str) -> Result<SyncFlags, ParseSyncFlagsError> {
    let refuse = || ParseSyncFlagsError(part.to_owned());
    if let Some(digits) = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        if digits.starts_with('+') {
            return Err(refuse());
        }
        return u32::from_str_radix(digits, 16)
            .map(SyncFlags::from_bits_retain)
            .map_err(|_| refuse());
    }
    let name = part.to_ascii_uppercase();
    SyncFlags::names().find(|(known, _)| *known == name).map(|(_, flag)| flag).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_bits_are_those_of_the_reference() {
        let facts = [
            ("UPLOAD_HIERARCHY", 0x1),
            ("DOWNLOAD_HIERARCHY", 0x2),
            ("UPLOAD_CONTENTS", 0x40),
            ("DOWNLOAD_CONTENTS", 0x80),
            ("OUTGOING_MAIL", 0x200),
            ("BACKGROUND", 0x1000),
            ("THESE_FOLDERS", 0x20000),
            ("GLOBAL_HEADERS", 0x0200_0000),
            ("SYNC_HEADERS", 0x0200_0000),
            ("ON_DEMAND", 0x2000_0000),
        ];
        for (name, bits) in facts {
            assert_eq!(name.parse(), Ok(SyncFlags::from_bits_retain(bits)), "{name}");
        }
        assert_eq!(SyncFlags::names().count(), facts.len());
    }

    #[test]
    fn wrong_words_are_named() {
        let error = "DOWNLOAD_CONTENTS | DOWNLAOD".parse::<SyncFlags>().unwrap_err();
        assert_eq!(error, ParseSyncFlagsError("DOWNLAOD".to_owned()));
        for text in ["|", "0x", "0x1FFFFFFFF", "12", "0x+1"] {
            assert!(text.parse::<SyncFlags>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_combination_survives_print_and_parse(bits: u32) {
            let flags = SyncFlags::from_bits_retain(bits);
            prop_assert_eq!(flags.bits(), bits);
            prop_assert_eq!(flags.to_string().parse(), Ok(flags));
        }
    }
}
