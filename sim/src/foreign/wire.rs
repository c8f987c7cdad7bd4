//! What the process of the provider tells the one that checks it: one JSON object per line, on a
//! pipe of its own. The provider's output goes elsewhere, so it can neither disturb nor forge it.
//!
//! Each finding and each count is told when it is known, so a crash costs none of them.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::report::{ForeignReport, ForeignViolation, HostAction};

/// No message is longer than this. A finding is cut before it is told.
const LONGEST_LINE: usize = 1 << 16;

/// How many findings a report keeps. A check makes at most one of each rule.
const MOST_FINDINGS: usize = 200;

/// How many characters of a message, or of a call, are kept.
const LONGEST_TEXT: usize = 500;

/// How many calls of a finding are kept.
const MOST_CALLS: usize = 20;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Said {
    /// The check goes on: the provider has called back, or is still within its time.
    Alive,
    /// What is asked of the provider from now on, for example `in the start of sync 3`.
    Phase(String),
    /// The counts so far.
    Counts(Counts),
    /// The host did this again, and how often.
    Did(String, u64),
    /// A rule is broken, for the first time.
    Found(ForeignViolation),
    /// This rule was broken this many times more.
    More(String, u64),
    /// The provider cannot be used, or no further.
    Unusable(String),
    /// The check is over.
    Over {
        /// How long it took, in seconds.
        elapsed_s: f64,
        /// Whether the process now unloads the provider and ends by itself.
        unloads: bool,
    },
}

/// The counts of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Syncs that were started.
    pub syncs: u32,
    /// Starts that answered a failure.
    pub failed_starts: u32,
    /// Syncs that ended with a Done.
    pub dones: u64,
    /// Callbacks of all syncs.
    pub calls: u64,
}

impl Said {
    /// Writes it as one line, and flushes.
    ///
    /// # Errors
    ///
    /// The errors of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        // In one call: the end of the process then leaves a whole line or none.
        out.write_all(&line)?;
        out.flush()
    }

    /// A finding, cut to what a report keeps.
    pub(super) fn found(mut violation: ForeignViolation) -> Self {
        cut(&mut violation.message);
        violation.calls.truncate(MOST_CALLS);
        violation.calls.iter_mut().for_each(cut);
        Self::Found(violation)
    }
}

/// Cuts a text that is too long, and marks that.
fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(at);
        text.push('…');
    }
}

/// The messages in a stream of bytes. Lines that are no messages are passed over.
#[derive(Debug, Default)]
pub struct Messages {
    line: Vec<u8>,
    /// Until the next line, nothing is kept: this one is too long.
    skips: bool,
}

impl Messages {
    /// Takes the next bytes, and hands each message that they complete to `said`.
    pub fn push(&mut self, bytes: &[u8], mut said: impl FnMut(Said)) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (piece, ends) = match piece.split_last() {
                Some((b'\n', piece)) => (piece, true),
                _ => (piece, false),
            };
            self.skips |= self.line.len() + piece.len() > LONGEST_LINE;
            if !self.skips {
                self.line.extend_from_slice(piece);
            }
            if ends {
                if !self.skips
                    && let Ok(message) = serde_json::from_slice(&self.line)
                {
                    said(message);
                }
                self.line.clear();
                self.skips = false;
            }
        }
    }
}

/// A report that grows with each message.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Assembly {
    report: ForeignReport,
    phase: Option<String>,
    more: Vec<(String, u64)>,
}

impl Assembly {
    /// Takes a message.
    pub fn take(&mut self, said: Said) {
        let report = &mut self.report;
        match said {
            Said::Alive => {}
            Said::Phase(phase) => self.phase = Some(phase),
            Said::Counts(Counts { syncs, failed_starts, dones, calls }) => {
                report.syncs = syncs;
                report.failed_starts = failed_starts;
                report.dones = dones;
                report.calls = calls;
            }
            Said::Did(what, times) => {
                let exercised = &mut report.exercised;
                if let Some(did) = exercised.iter_mut().find(|did| did.what == what) {
                    did.times += times;
                } else if exercised.len() < MOST_FINDINGS {
                    exercised.push(HostAction { what, times });
                }
            }
            Said::Found(violation) => {
                if report.violations.len() < MOST_FINDINGS {
                    report.violations.push(violation);
                }
            }
            Said::More(rule, times) => {
                if self.more.len() < MOST_FINDINGS {
                    self.more.push((rule, times));
                }
            }
            Said::Unusable(why) => report.unusable = Some(why),
            Said::Over { elapsed_s, .. } => report.elapsed_s = elapsed_s,
        }
    }

    /// What was asked of the provider last, in words.
    #[must_use]
    pub fn phase(&self) -> &str {
        self.phase.as_deref().unwrap_or("before it was loaded")
    }

    /// The report as it stands, to be added to.
    pub fn report(&mut self) -> &mut ForeignReport {
        &mut self.report
    }

    /// The whole report.
    #[must_use]
    pub fn finish(self) -> ForeignReport {
        let Self { mut report, more, .. } = self;
        for (rule, times) in more {
            let broken = report.violations.iter_mut().find(|violation| violation.rule == rule);
            if let Some(violation) = broken {
                violation.message.push_str(&format!(" (and {times} times more)"));
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign::ProcessRule;

    fn lines(said: &[Said]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for said in said {
            said.write(&mut bytes).expect("memory");
        }
        bytes
    }

    fn read(bytes: &[u8], at_once: usize) -> Vec<Said> {
        let mut messages = Messages::default();
        let mut said = Vec::new();
        for chunk in bytes.chunks(at_once) {
            messages.push(chunk, |message| said.push(message));
        }
        said
    }

    fn finding(message: &str) -> Said {
        Said::found(ForeignViolation::of(ProcessRule::Ends, message.into()))
    }

    #[test]
    fn messages_come_through_in_pieces_of_any_size() {
        let counts = Counts { syncs: 3, failed_starts: 1, dones: 2, calls: 40 };
        let said = [
            Said::Phase("in the start of sync 1".into()),
            Said::Counts(counts),
            finding("Grüße,\nin two lines"),
            Said::More("sync-ends".into(), 4),
            Said::Over { elapsed_s: 0.5, unloads: true },
        ];
        let bytes = lines(&said);
        for at_once in [1, 2, 7, bytes.len()] {
            assert_eq!(read(&bytes, at_once), said);
        }
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let mut bytes = b"\xff\xfe garbage\n\n{\"Unknown\":1}\n".to_vec();
        bytes.extend(vec![b'['; 3 * LONGEST_LINE]);
        bytes.push(b'\n');
        bytes.extend(lines(&[Said::Alive]));
        // The process ends in the middle of a line.
        bytes.extend_from_slice(b"{\"Phase\":\"cut o");
        for at_once in [1, 1000, bytes.len()] {
            assert_eq!(read(&bytes, at_once), [Said::Alive]);
        }
    }

    #[test]
    fn long_findings_are_cut_and_fit_on_a_line() {
        let mut violation = ForeignViolation::of(ProcessRule::Ends, "ü".repeat(1_000_000));
        violation.calls = vec!["\u{1}".repeat(10_000); 1000];
        let said = Said::found(violation);
        let bytes = lines(std::slice::from_ref(&said));
        assert!(bytes.len() < LONGEST_LINE, "{}", bytes.len());
        assert_eq!(read(&bytes, 512), [said]);
    }

    #[test]
    fn a_report_has_what_was_told_before_the_end() {
        let mut assembly = Assembly::default();
        assembly.take(Said::Phase("in sync 2".into()));
        assembly.take(Said::Counts(Counts { syncs: 2, dones: 1, ..Counts::default() }));
        assembly.take(Said::Did("session".into(), 1));
        assembly.take(Said::Did("session".into(), 1));
        assembly.take(finding("no Done"));
        assembly.take(Said::More("sync-ends".into(), 2));
        assert_eq!(assembly.phase(), "in sync 2");
        let report = assembly.finish();
        assert_eq!((report.syncs, report.dones), (2, 1));
        assert_eq!(report.exercised, [HostAction { what: "session".into(), times: 2 }]);
        assert_eq!(report.violations[0].message, "no Done (and 2 times more)");
    }

    #[test]
    fn a_flood_of_findings_is_bounded() {
        let mut assembly = Assembly::default();
        for number in 0..10_000 {
            assembly.take(finding("again"));
            assembly.take(Said::Did(number.to_string(), 1));
            assembly.take(Said::More("sync-ends".into(), 1));
        }
        let report = assembly.finish();
        assert_eq!(report.violations.len(), MOST_FINDINGS);
        assert_eq!(report.exercised.len(), MOST_FINDINGS);
    }
}
