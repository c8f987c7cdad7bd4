//! What the executions of a search showed, put together from its chunks and parts.

use std::collections::BTreeMap;

use mapi_sync_engine::Proof;

use super::{ALL_LIVELOCK_STEPS, Candidate, OutsideTask, TokioSeen};
use crate::check::real_time::RealTimeWait;
use crate::check::{Defect, Durations, TokioUse};
use crate::engine::Property;
use crate::strategy::{Dfs, Findings};
use crate::world::{Coverage, Observed};

/// What the executions of a search, or of a part of it, showed.
#[derive(Clone, Debug, Default)]
pub(in crate::check) struct SearchSummary {
    pub(in crate::check) schedules: u64,
    pub(in crate::check) steps: u64,
    /// The strategy had nothing left.
    pub(in crate::check) exhausted: bool,
    /// It ended early, as was asked.
    pub(in crate::check) stopped: bool,
    /// It ended early, because as many as were asked for had been run.
    pub(super) enough: bool,
    /// Of an exhaustive strategy: how far it came.
    pub(in crate::check) proof: Option<Proof>,
    /// Of a depth-first search whose executions are one sequence: where it is.
    pub(super) reached: Option<Dfs>,
    pub(in crate::check) coverage: Coverage,
    pub(in crate::check) durations: Durations,
    /// The first of the executions that were compared, by its fingerprint.
    pub(super) first: Option<u64>,
    /// Whether two executions differed.
    pub(in crate::check) several: bool,
    /// Whether in one of the executions that were compared, two steps were in conflict and could
    /// have come in the other order.
    pub(in crate::check) raced: bool,
    /// One for each defect, in the order of the executions.
    pub(in crate::check) found: Vec<Candidate>,
    /// How many executions were run again and compared.
    pub(in crate::check) repeated: u64,
    /// The first execution in which a thread outside took part.
    pub(in crate::check) outside: Option<OutsideTask>,
    /// How many executions waited for one at their end.
    pub(super) outside_ends: u64,
    /// How many executions used up their budget of steps, and how many steps these took.
    pub(in crate::check) livelocks: u64,
    pub(super) livelock_steps: u64,
    /// It ended early, because these are enough.
    pub(in crate::check) ended_at_livelocks: bool,
    /// The first execution in which a poll waited in real time.
    pub(in crate::check) real_time: Option<(u64, RealTimeWait)>,
    pub(in crate::check) tokio: Option<TokioSeen>,
    /// Who asked for it there.
    pub(in crate::check) tokio_uses: Vec<TokioUse>,
    /// An execution asked for the real tokio, which it could have.
    pub(in crate::check) asks_for_tokio: bool,
    /// It ended early, because its time was over.
    pub(in crate::check) out_of_time: bool,
    /// In how many executions each of the author's goals was met that was come by.
    pub(in crate::check) goals: BTreeMap<&'static str, u64>,
    /// The first property that looks at what is not tracked, if footprints were kept.
    pub(in crate::check) untracked: Option<Property>,
}

impl SearchSummary {
    pub(in crate::check) fn has(&self, defect: Defect) -> bool {
        self.found.iter().any(|candidate| candidate.defect == defect)
    }

    /// Adds what every execution counts for.
    pub(super) fn count(&mut self, observed: &Observed) {
        self.schedules += 1;
        self.steps += observed.outcome.steps;
        self.coverage.merge(&observed.coverage);
        self.durations.add(observed.outcome.virtual_ms);
        for (goal, met) in &observed.goals {
            *self.goals.entry(goal).or_default() += u64::from(*met);
        }
        self.untracked = self.untracked.or(observed.untracked);
    }

    /// Adds an execution, and the candidates of its part of the search.
    pub(in crate::check) fn note(&mut self, observed: &Observed, of_part: &[Candidate]) {
        self.count(observed);
        for candidate in of_part {
            if !self.has(candidate.defect) {
                self.found.push(candidate.clone());
            }
        }
    }

    /// Adds what another thread has run meanwhile.
    pub(in crate::check) fn add_unordered(&mut self, mut other: Self) {
        self.found.append(&mut other.found);
        self.merge(other);
        // Of several with one defect, the first is kept.
        self.found.sort_by_key(|candidate| candidate.index);
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in self.found.drain(..) {
            if kept.iter().all(|before| before.defect != candidate.defect) {
                kept.push(candidate);
            }
        }
        self.found = kept;
    }

    /// Adds a later execution that used the real tokio.
    pub(super) fn add_tokio(&mut self, seen: TokioSeen) {
        if self.tokio.as_ref().is_none_or(|known| seen.used.tasks && !known.used.tasks) {
            self.tokio = Some(seen);
        }
    }

    /// Notes whether an execution differs from the first one.
    pub(super) fn compare(&mut self, fingerprint: u64) {
        let first = *self.first.get_or_insert(fingerprint);
        self.several |= first != fingerprint;
    }

    /// Adds the summary of the next chunk.
    pub(super) fn merge(&mut self, chunk: Self) {
        self.schedules += chunk.schedules;
        self.steps += chunk.steps;
        self.exhausted |= chunk.exhausted;
        self.stopped |= chunk.stopped;
        self.out_of_time |= chunk.out_of_time;
        self.enough |= chunk.enough;
        self.proof = chunk.proof.or(self.proof.take());
        self.reached = chunk.reached.or(self.reached.take());
        self.several |= chunk.several;
        self.raced |= chunk.raced;
        self.repeated += chunk.repeated;
        self.outside_ends += chunk.outside_ends;
        self.livelocks += chunk.livelocks;
        self.livelock_steps += chunk.livelock_steps;
        self.ended_at_livelocks |= chunk.ended_at_livelocks;
        if self.livelock_steps >= ALL_LIVELOCK_STEPS && !self.exhausted {
            self.stopped = true;
            self.ended_at_livelocks = true;
        }
        if self.outside.as_ref().is_none_or(|known| known.waits.is_empty()) {
            let said = |outside: &OutsideTask| !outside.waits.is_empty();
            let new = chunk.outside.filter(|new| self.outside.is_none() || said(new));
            self.outside = new.or(self.outside.take());
        }
        self.real_time = self.real_time.take().or(chunk.real_time);
        self.asks_for_tokio |= chunk.asks_for_tokio;
        if let Some(seen) = chunk.tokio {
            self.add_tokio(seen);
        }
        if let Some(first) = chunk.first {
            self.compare(first);
        }
        self.coverage.merge(&chunk.coverage);
        self.durations.merge(&chunk.durations);
        for (goal, met) in chunk.goals {
            *self.goals.entry(goal).or_default() += met;
        }
        self.untracked = self.untracked.or(chunk.untracked);
        for candidate in chunk.found {
            if !self.has(candidate.defect) {
                self.found.push(candidate);
            }
        }
    }
}

impl Findings for SearchSummary {
    fn append(&mut self, mut later: Self) {
        for candidate in &mut later.found {
            candidate.index += self.schedules;
        }
        if let Some(outside) = &mut later.outside {
            outside.index += self.schedules;
        }
        if let Some((index, _)) = &mut later.real_time {
            *index += self.schedules;
        }
        if let Some(seen) = &mut later.tokio {
            seen.index += self.schedules;
        }
        self.merge(later);
    }

    fn ends(&self) -> bool {
        self.stopped || self.enough
    }
}
