//! The Send/Receive dialog of the host, as its user sees it after each call.

use mapi_sync::HResult;
use mapi_sync::contract::Call;

use crate::world::SeenCall;

/// How many errors of one account are kept. A user reads no more, and a report has bounds.
const ERRORS: usize = 100;

/// What the dialog shows, one line for each account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialog {
    pub(super) accounts: Vec<AccountLine>,
}

/// The line of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AccountLine {
    pub(super) name: String,
    pub(super) state: State,
    /// The text beside the bar.
    pub(super) text: Option<String>,
    pub(super) index: u32,
    pub(super) index_max: u32,
    /// The errors of this sync, the latest last.
    pub(super) errors: Vec<String>,
}

/// How far the sync of an account is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// None has begun.
    #[default]
    Idle,
    /// SynchronizeInBackground was called.
    Running,
    /// The user, or the host, has asked it to stop.
    Cancelling,
    /// The start failed.
    NotStarted(HResult),
    /// Done was called.
    Done(HResult),
}

impl State {
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Idle => "not started".to_owned(),
            Self::Running => "running".to_owned(),
            Self::Cancelling => "cancelling".to_owned(),
            Self::NotStarted(result) => format!("start failed: {result}"),
            Self::Done(status) => format!("done: {status}"),
        }
    }
}

impl Dialog {
    pub(super) fn new(accounts: &[String]) -> Self {
        let line = |name: &String| AccountLine { name: name.clone(), ..AccountLine::default() };
        Self { accounts: accounts.iter().map(line).collect() }
    }

    /// Takes the next call; the number of the account whose line it changed, if it did.
    pub(super) fn take(&mut self, seen: &SeenCall) -> Option<usize> {
        let line = self.accounts.get_mut(seen.account)?;
        match &seen.call.call {
            Call::Start { .. } => {
                let name = std::mem::take(&mut line.name);
                *line = AccountLine { name, state: State::Running, ..AccountLine::default() };
            }
            Call::StartReturned { result, .. } if result.is_failure() => {
                line.state = State::NotStarted(*result);
            }
            Call::CancelRequested if line.state == State::Running => line.state = State::Cancelling,
            Call::Progress { text, index, index_max } => {
                line.text = text.as_ref().map(ToString::to_string);
                (line.index, line.index_max) = (*index, *index_max);
            }
            Call::Error { result, text } => {
                let text = text.as_ref().map_or(String::new(), |text| format!(": {text}"));
                if line.errors.len() < ERRORS {
                    line.errors.push(format!("{result}{text}"));
                }
            }
            Call::Done { status, .. } => line.state = State::Done(*status),
            _ => return None,
        }
        Some(seen.account)
    }
}
