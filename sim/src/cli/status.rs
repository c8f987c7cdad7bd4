//! The exit statuses of all commands.

use std::fmt::Write;
use std::process::ExitCode;

/// How a command ended. The help text is made from this table, and the table of the read-me is
/// compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing is broken, and everything that was asked for was done.
    Held,
    /// Something is broken. That stays true whatever was left undone, so it comes before the
    /// statuses below.
    Broken,
    /// The command could not begin.
    Unusable,
    /// Nothing is broken, but too little was done to say that it held.
    Incomplete,
    /// Ctrl-C ended the command. Without a summary of what was run, the system ends it so.
    Interrupted,
    /// The same, by SIGTERM, as a time limit sends it.
    Terminated,
}

impl Status {
    const ALL: [Self; 6] = [
        Self::Held,
        Self::Broken,
        Self::Unusable,
        Self::Incomplete,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number that the process ends with.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Broken => 1,
            Self::Unusable => 2,
            Self::Incomplete => 3,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Held => "the contract held, or the command did what it was asked to",
            Self::Broken => "a violation was found, or a break that no test sees",
            Self::Unusable => "the input or the usage is wrong",
            Self::Incomplete => {
                "no violation was found, but the check is incomplete or met nothing: schedules are \
                 left, a poll that does not return, a warning under --strict, a token that no \
                 longer applies, a recording with gaps or without a sync, a break that timed out"
            }
            Self::Interrupted => "Ctrl-C ended it before a violation was found",
            Self::Terminated => "SIGTERM ended it before a violation was found",
        }
    }

    /// The table for `--help`.
    pub(super) fn help() -> String {
        let mut text = "Exit status:\n".to_owned();
        for status in Self::ALL {
            let _ = writeln!(text, "  {:>3}  {}", status.code(), status.about());
        }
        text
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_me_has_this_table() {
        // A test of the pages finds the file's text in the read-me.
        let table = include_str!("status.md");
        let rows = Status::ALL.map(|status| format!("| {} | {} |", status.code(), status.about()));
        assert_eq!(table.lines().skip(2).collect::<Vec<_>>(), rows);
    }
}
