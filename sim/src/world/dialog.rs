//! The Send/Receive dialog: what the user sees of one account.

use mapi_sync::HResult;

/// The state of one account's line in the dialog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Dialog {
    /// The current step. A report without a text leaves it as it is.
    text: String,
    position: (u32, u32),
    errors: Vec<(HResult, String)>,
    /// The final status of the last sync that ended.
    done: Option<HResult>,
}

impl Dialog {
    pub(super) fn progress(&mut self, text: Option<&str>, index: u32, index_max: u32) {
        if let Some(text) = text {
            // Copied into the room that is there: the caller's text is dead after the call.
            self.text.clear();
            self.text.push_str(text);
        }
        self.position = (index, index_max);
    }

    pub(super) fn error(&mut self, result: HResult, text: Option<&str>) {
        self.errors.push((result, text.unwrap_or_default().to_owned()));
    }

    pub(super) fn done(&mut self, status: HResult) {
        self.done = Some(status);
    }
}
