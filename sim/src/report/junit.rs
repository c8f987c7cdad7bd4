//! JUnit XML: a test case for each rule, in a suite for each scenario.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::cases::{Case, Suite, Verdict};
use super::{Document, Format, human, unsupported};

/// Writes a document that is a verdict as JUnit XML.
pub(super) fn write(out: &mut dyn Write, document: Document<'_>) -> io::Result<()> {
    let suite = Suite::of(document).ok_or_else(|| unsupported(Format::Junit, document))?;
    let mut test_suite = TestSuite::new(suite.name);
    let mut report = Report::new("mapi-sync");
    if let Some(seconds) = suite.seconds {
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        test_suite.set_time(time);
        report.set_time(time);
    }
    test_suite.add_test_cases(suite.cases.iter().map(|case| test_case(suite.name, case)));
    if !suite.warnings.is_empty() {
        test_suite.set_system_err(suite.warnings.join("\n"));
    }
    report.add_test_suite(test_suite);
    report.serialize(&mut *out).map_err(io::Error::other)
}

fn test_case(suite: &str, case: &Case<'_>) -> TestCase {
    let status = match &case.verdict {
        Verdict::Held => TestCaseStatus::success(),
        Verdict::Skipped(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why.as_str());
            status
        }
        Verdict::Broken(finding) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(finding.sentence.as_str());
            status.set_type(finding.level.to_string());
            let details = human::details(&finding.shown);
            let text = if details.is_empty() { &finding.command } else { &details };
            status.set_description(text.as_str());
            status
        }
        Verdict::Incomplete(why) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(why.as_str());
            status.set_type("incomplete");
            status
        }
    };
    let mut test_case = TestCase::new(case.name, status);
    test_case.set_classname(suite);
    test_case
}
