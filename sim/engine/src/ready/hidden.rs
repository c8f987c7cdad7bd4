//! Tasks that can run are hidden while a segment runs, where its footprint is kept: a wake of one
//! that was ready already is seen then too.

use std::mem;

use super::{ReadySet, bits};
use crate::id::TaskId;

/// The tasks that are hidden.
#[derive(Default)]
pub(super) struct Hidden {
    /// The first word, if that was all there was.
    word: u64,
    /// Else the list.
    list: Vec<TaskId>,
}

impl ReadySet {
    /// Takes every task out, until [`reveal`](Self::reveal).
    #[inline]
    pub(in super::super) fn hide(&mut self) {
        if self.is_small() {
            self.hidden.word = self.first_word();
            self.set_first_word(0);
        } else {
            self.gather_list();
            self.hidden.list.clear();
            mem::swap(&mut self.hidden.list, &mut self.list);
        }
    }

    /// Brings those back that are hidden, but for those that have finished meanwhile.
    #[inline]
    pub(in super::super) fn reveal(&mut self) {
        let word = mem::take(&mut self.hidden.word);
        if word != 0 {
            self.first.wake(0, word);
        }
        if !self.hidden.list.is_empty() {
            self.reveal_list();
        }
    }

    #[cold]
    fn reveal_list(&mut self) {
        let mut list = mem::take(&mut self.hidden.list);
        for id in list.drain(..) {
            self.wake(id);
        }
        self.hidden.list = list;
    }

    /// Those that are hidden, by ascending number.
    pub(in super::super) fn hidden(&self) -> Vec<TaskId> {
        bits(self.hidden.word).map(TaskId).chain(self.hidden.list.iter().copied()).collect()
    }

    /// Nobody is hidden any more.
    #[inline]
    pub(super) fn forget_hidden(&mut self) {
        self.hidden.word = 0;
        self.hidden.list.clear();
    }
}
