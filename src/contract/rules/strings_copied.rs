//! The host copies a text while the call lasts.

use crate::HResult;
use crate::contract::trace::{Step, done, progress};
use crate::contract::{
    Call, CallId, CallKind, CallRecord, Findings, Party, RuleCheck, RuleInfo, SyncState,
};

pub(super) static INFO: RuleInfo = RuleInfo::new(
    "strings-copied",
    "text is copied during the call: the pointer is dead afterwards",
)
.blame(Party::Host)
.source("COM: memory passed in belongs to the caller and is valid for the call")
.needs_start()
.looks_at(&[CallKind::TextRead])
.wrong(&[
    Step::Started,
    Step::Begins(progress(1, 1)),
    Step::Returns(1),
    Step::Made(Call::TextRead { call: CallId(1) }),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
])
.right(&[
    Step::Started,
    Step::Begins(progress(1, 1)),
    Step::Made(Call::TextRead { call: CallId(1) }),
    Step::Returns(1),
    Step::Made(done(HResult::S_OK)),
    Step::Finished,
]);

#[derive(Debug, Default)]
pub(super) struct StringsCopied;

impl RuleCheck for StringsCopied {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>) {
        if let Call::TextRead { call: number } = call.call
            && sync.find_in_flight(number).is_none()
        {
            let CallId(number) = number;
            let message =
                format!("the host read the text of call {number} after that call had ended");
            findings.broken(message).shows(call);
        }
    }

    fn skips_repeat_progress(&self, _: &SyncState) -> bool {
        true
    }
}
