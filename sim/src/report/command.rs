//! How to see an execution again.

use crate::check::{Subject, SubjectKind};
use crate::decision::Token;

/// The command, or the method call, that replays a token.
pub(super) fn replay_command(subject: &Subject, token: &Token) -> String {
    match subject.kind {
        SubjectKind::Provider | SubjectKind::Program => format!(".replay(\"{token}\")"),
        SubjectKind::Given => format!("mapi-sync replay {token} SCENARIO-FILE"),
        _ => format!("mapi-sync replay {token}"),
    }
}
