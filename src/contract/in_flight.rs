//! The calls that have begun and not ended.

use std::sync::Arc;

use super::machine::Facts;
use super::plain::{Plain, Progress};
use super::{Call, CallId, KeptCall};

impl Progress {
    /// The whole call, given the text that it has if it has one.
    pub(super) fn kept(self, facts: &Facts, text: Option<&Arc<str>>) -> KeptCall {
        let Self { at_ms, number, has_text, index, index_max } = self;
        let text = text.filter(|_| has_text).cloned();
        facts.kept(at_ms, Some(number), Call::Progress { text, index, index_max })
    }
}

#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// The calls of Progress, but for those whose place another one has.
    plain: Arc<Plain>,
    /// The texts of calls noted there that began before the sync's text changed.
    old_texts: Vec<(CallId, Arc<str>)>,
    /// All other calls.
    kept: Vec<KeptCall>,
    /// The last Progress among them, in flight or not.
    last_kept: Option<Progress>,
}

impl InFlight {
    /// Forgets all calls.
    pub(super) fn clear(&mut self) {
        let Self { plain, old_texts, kept, last_kept } = self;
        plain.clear();
        old_texts.clear();
        kept.clear();
        *last_kept = None;
    }

    pub(super) fn plain(&self) -> &Arc<Plain> {
        &self.plain
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.plain.in_flight().next().is_none()
    }

    pub(super) fn contains(&self, number: CallId) -> bool {
        self.plain.contains(number) || self.kept.iter().any(|call| call.number == Some(number))
    }

    /// The last Progress that began.
    #[inline]
    pub(super) fn last(&self) -> Option<Progress> {
        match (self.plain.last(), self.last_kept) {
            (Some(plain), Some(kept)) if plain.number < kept.number => Some(kept),
            (plain, kept) => plain.or(kept),
        }
    }

    /// Adds a call of Progress that begins. Its text, if any, is `text`.
    pub(super) fn begin(&mut self, facts: &Facts, progress: Progress, text: Option<&Arc<str>>) {
        if !self.plain.note(progress) {
            self.last_kept = Some(progress);
            self.keep(progress.kept(facts, text));
        }
    }

    /// Adds any other call that begins.
    pub(super) fn keep(&mut self, call: KeptCall) {
        self.kept.push(call);
    }

    /// Takes out a call that ends, if it is the last of those that are not plain.
    pub(super) fn drop_last(&mut self, number: CallId) -> bool {
        self.kept.pop_if(|call| call.number == Some(number)).is_some()
    }

    /// Takes out a call that ends.
    pub(super) fn end(
        &mut self,
        facts: &Facts,
        number: CallId,
        text: Option<&Arc<str>>,
    ) -> Option<KeptCall> {
        if let Some(place) = self.kept.iter().rposition(|call| call.number == Some(number)) {
            return Some(self.kept.swap_remove(place));
        }
        let progress = self.plain.take(number)?;
        Some(self.kept_plain(facts, progress, text))
    }

    /// The call that has been in flight for the longest time. `text` is the sync's current one.
    pub(super) fn first(&self, facts: &Facts, text: Option<&Arc<str>>) -> Option<KeptCall> {
        let plain = self.plain.in_flight().min_by_key(|progress| progress.number);
        let plain = plain.map(|progress| self.kept_plain(facts, progress, text));
        plain.into_iter().chain(self.kept.iter().cloned()).min_by_key(|call| call.number)
    }

    /// Notes that the sync's text is about to change from `old`.
    pub(super) fn text_changes(&mut self, old: Option<&Arc<str>>) {
        let Some(old) = old else { return };
        let Self { plain, old_texts, .. } = self;
        old_texts.retain(|(number, _)| plain.contains(*number));
        for Progress { number, .. } in plain.in_flight() {
            if !old_texts.iter().any(|(known, _)| *known == number) {
                old_texts.push((number, Arc::clone(old)));
            }
        }
    }

    fn kept_plain(&self, facts: &Facts, plain: Progress, text: Option<&Arc<str>>) -> KeptCall {
        let old = self.old_texts.iter().find(|(number, _)| *number == plain.number);
        plain.kept(facts, old.map(|(_, text)| text).or(text))
    }
}
