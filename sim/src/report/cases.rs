//! A document as a list of cases, one for each thing that was to hold: what dashboards, scanners
//! and annotations have in common.

use mapi_sync::contract::{Level, Party};

use super::Document;
use super::command::replay_command;
use crate::Counterexample;
use crate::check::{
    Breach, Defect, Execution, MutantVerdict, ReplayOutcome, Replayed, Report, SubjectKind,
    VariantVerdict,
};

/// What a document says, case by case.
pub(super) struct Suite<'a> {
    /// What was checked.
    pub(super) name: &'a str,
    /// Real time, in seconds; `None` if it is not known.
    pub(super) seconds: Option<f64>,
    pub(super) cases: Vec<Case<'a>>,
    /// Reasons why the result proves less than it seems to.
    pub(super) warnings: Vec<String>,
}

/// Something that was to hold.
pub(super) struct Case<'a> {
    /// A rule's id, a defect's, the name of a mutant, or of the document's command.
    pub(super) name: &'a str,
    pub(super) verdict: Verdict<'a>,
}

pub(super) enum Verdict<'a> {
    Held,
    /// It was not found out, for this reason.
    Skipped(String),
    Broken(Box<Finding<'a>>),
    /// The check did not come to its end, for this reason.
    Incomplete(String),
}

/// Something that is broken.
pub(super) struct Finding<'a> {
    /// How binding it is.
    pub(super) level: Level,
    pub(super) blame: Option<Party>,
    /// What went wrong, in one sentence.
    pub(super) sentence: String,
    /// What the rule found.
    pub(super) message: &'a str,
    /// What was to hold.
    pub(super) statement: &'a str,
    /// Where the statement comes from; empty if from nowhere.
    pub(super) source: &'a str,
    /// How to see it again; empty if it cannot be.
    pub(super) command: String,
    /// Names it from one run to the next; empty if nothing does.
    pub(super) token: String,
    pub(super) shown: Shown<'a>,
}

/// What shows a finding.
pub(super) enum Shown<'a> {
    /// An execution, and the counterexample that it is of.
    Execution(&'a Execution, &'a Breach, Option<&'a Counterexample>),
    /// Calls in words.
    Calls(Vec<String>),
}

impl<'a> Suite<'a> {
    /// `None` for a document that is no verdict.
    pub(super) fn of(document: Document<'a>) -> Option<Self> {
        match document {
            Document::Check(report) => Some(Self::of_check(report)),
            Document::Replay(replayed) => Some(Self::of_replay(replayed)),
            Document::Mutants(report) => {
                let mutants = report.mutants.iter().map(Case::of_mutant);
                let variants = report.variants.iter().map(Case::of_variant);
                let interrupted = report.interrupted.then(Case::interrupted);
                Some(Self {
                    name: "mutants",
                    seconds: None,
                    cases: mutants.chain(variants).chain(interrupted).collect(),
                    warnings: Vec::new(),
                })
            }
            Document::Trace(report) => {
                let broken = report.violations.iter().map(Case::of_violation);
                let held = report.held.iter().map(|rule| Case::held(rule.id()));
                let skipped = report
                    .not_judged
                    .iter()
                    .map(|not| Case::new(not.rule.id(), Verdict::Skipped(not.why.to_string())));
                let mut warnings = Vec::new();
                if report.more_violations > 0 {
                    warnings
                        .push(format!("{} more violations are not listed", report.more_violations));
                }
                if report.dropped > 0 {
                    warnings.push(format!("{} records were dropped", report.dropped));
                }
                if report.cut_off {
                    warnings.push("the last line is cut off".to_owned());
                }
                if report.syncs == 0 {
                    warnings.push("the recording has no sync".to_owned());
                }
                let cases = broken.chain(held).chain(skipped).collect();
                Some(Self { name: "trace", seconds: None, cases, warnings })
            }
            _ => None,
        }
    }

    fn of_check(report: &'a Report) -> Self {
        let broken = report.counterexamples.iter().flat_map(|shown| {
            let of = |defect: &Defect| Case::of_counterexample(shown, *defect);
            shown.defects.iter().filter_map(of)
        });
        let held = report.held.iter().map(|rule| Case::held(rule.id()));
        let needs = |rule: &mapi_sync::contract::Rule| {
            let why = rule.needs().map(|needs| needs.to_string()).unwrap_or_default();
            Case::new(rule.id(), Verdict::Skipped(why))
        };
        let skipped = report.vacuous.iter().filter(|rule| !report.broke(**rule)).map(needs);
        let mut cases: Vec<Case<'_>> = broken.chain(held).chain(skipped).collect();
        if report.kind == SubjectKind::Program && cases.is_empty() {
            cases.push(Case::held("program"));
        }
        if let Some(hang) = &report.hang {
            cases.push(Case::new("hang", Verdict::Incomplete(hang.to_string())));
        } else if report.interrupted {
            cases.push(Case::interrupted());
        } else if !(report.is_broken() || report.complete && report.passes()) {
            let why = "schedules are left, or a warning counts as a failure".to_owned();
            cases.push(Case::new("complete", Verdict::Incomplete(why)));
        }
        let warnings = report.warnings.iter().map(|warning| warning.in_words(report.kind));
        Self {
            name: &report.scenario,
            seconds: Some(report.elapsed.as_secs_f64()),
            cases,
            warnings: warnings.collect(),
        }
    }

    fn of_replay(replayed: &'a Replayed) -> Self {
        let Replayed { subject, execution, token, .. } = replayed;
        let command = replay_command(subject, token);
        let token = token.to_string();
        let mut cases: Vec<Case<'_>> = execution
            .breaches
            .iter()
            .map(|breach| Case::of_breach(execution, breach, None, command.clone(), token.clone()))
            .collect();
        match replayed.outcome() {
            ReplayOutcome::Broken => {}
            ReplayOutcome::Mended => cases.push(Case::held("replay")),
            ReplayOutcome::NoLongerApplies => cases.push(Case::new(
                "replay",
                Verdict::Incomplete("the token no longer applies".to_owned()),
            )),
            ReplayOutcome::OutsideThread => cases.push(Case::new(
                "replay",
                Verdict::Incomplete("a thread is not under control".to_owned()),
            )),
        }
        Self { name: &subject.name, seconds: None, cases, warnings: Vec::new() }
    }

    /// What is broken, with the name of its case.
    pub(super) fn findings(&self) -> impl Iterator<Item = (&'a str, &Finding<'a>)> {
        self.cases.iter().filter_map(|case| match &case.verdict {
            Verdict::Broken(finding) => Some((case.name, &**finding)),
            _ => None,
        })
    }
}

impl<'a> Case<'a> {
    fn new(name: &'a str, verdict: Verdict<'a>) -> Self {
        Self { name, verdict }
    }

    fn held(name: &'a str) -> Self {
        Self::new(name, Verdict::Held)
    }

    fn interrupted() -> Self {
        Self::new("complete", Verdict::Incomplete("it was interrupted".to_owned()))
    }

    fn of_counterexample(shown: &'a Counterexample, defect: Defect) -> Option<Self> {
        let breach = shown.execution.breach(defect)?;
        let token = shown.token_of(defect);
        let command = replay_command(&shown.subject, &token);
        let token = token.to_string();
        Some(Self::of_breach(&shown.execution, breach, Some(shown), command, token))
    }

    fn of_breach(
        execution: &'a Execution,
        breach: &'a Breach,
        shown: Option<&'a Counterexample>,
        command: String,
        token: String,
    ) -> Self {
        let defect = breach.defect;
        let sentence = match shown {
            Some(shown) => shown.sentence_of(defect),
            None => execution.sentence(defect).unwrap_or_default(),
        };
        let finding = Finding {
            level: execution.level(defect),
            blame: defect.blame().filter(|_| !execution.is_of_program),
            sentence,
            message: &breach.message,
            statement: defect.statement(),
            source: if let Defect::Rule(rule) = defect { rule.source() } else { "" },
            command,
            token,
            shown: Shown::Execution(execution, breach, shown),
        };
        Self::new(defect.id(), Verdict::Broken(Box::new(finding)))
    }

    fn of_mutant(verdict: &'a MutantVerdict) -> Self {
        let name = verdict.info.name;
        if verdict.found {
            return Self::held(name);
        }
        let rule = verdict.info.rule;
        let found = verdict.found_rule.map_or("nothing", Defect::id);
        Self::table_row(
            name,
            format!("{rule} was not found broken in {} schedules, but {found}", verdict.schedules),
            "every mutant is found with its rule",
            verdict.token.clone(),
        )
    }

    fn of_variant(verdict: &'a VariantVerdict) -> Self {
        let name = verdict.info.name;
        let Some((defect, token)) = verdict.accused.first() else { return Self::held(name) };
        Self::table_row(
            name,
            format!("it is correct, and is accused of {defect}"),
            "no correct variant is accused",
            Some(token.clone()),
        )
    }

    fn table_row(
        name: &'a str,
        sentence: String,
        statement: &'a str,
        token: Option<String>,
    ) -> Self {
        let command =
            token.as_ref().map_or_else(String::new, |token| format!("mapi-sync replay {token}"));
        let finding = Finding {
            level: Level::Must,
            blame: None,
            sentence,
            message: "",
            statement,
            source: "",
            command,
            token: token.unwrap_or_default(),
            shown: Shown::Calls(Vec::new()),
        };
        Self::new(name, Verdict::Broken(Box::new(finding)))
    }

    fn of_violation(violation: &'a mapi_sync::contract::Violation) -> Self {
        let rule = violation.rule;
        let finding = Finding {
            level: rule.level(),
            blame: Some(rule.blame()),
            sentence: format!("in sync {}, {}", violation.sync.0, violation.message),
            message: &violation.message,
            statement: rule.statement(),
            source: rule.source(),
            command: String::new(),
            token: String::new(),
            shown: Shown::Calls(violation.calls.iter().map(ToString::to_string).collect()),
        };
        Self::new(rule.id(), Verdict::Broken(Box::new(finding)))
    }
}
