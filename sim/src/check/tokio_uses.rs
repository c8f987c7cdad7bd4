//! Who asks for the real tokio, and what a search did not explore for that.

use mapi_sync_engine::Gap;

use super::search::SearchSummary;
use super::watchdog::Watch;
use super::{Check, TokioUse};

impl Check {
    /// Says of a search that used the real tokio where, and that it is not exhaustive if tasks of
    /// it ran.
    pub(super) fn say_tokio(&self, summary: &mut SearchSummary, watch: &Watch) {
        let Some(seen) = &summary.tokio else { return };
        if seen.used.tasks
            && let Some(proof) = &mut summary.proof
        {
            proof.complete = false;
            proof.gap = proof.gap.or(Some(Gap::Guest));
        }
        summary.tokio_uses = self.tokio_uses(&seen.decisions, watch);
    }

    #[cfg(not(feature = "real-tokio"))]
    fn tokio_uses(&self, _: &crate::decision::Decisions, _: &Watch) -> Vec<TokioUse> {
        Vec::new()
    }

    /// Finds out who asks for the real tokio in an execution: it is run again, and tokio is hidden
    /// from one step on. Whoever misses it first panics. Then it is shown up to that step.
    #[cfg(feature = "real-tokio")]
    fn tokio_uses(&self, decisions: &crate::decision::Decisions, watch: &Watch) -> Vec<TokioUse> {
        use super::watchdog::Work;
        use crate::real_tokio::take_found;
        use crate::world::RealTokioUse;

        /// How many are looked for.
        const MOST: usize = 8;

        let world = self.world();
        let mut engine = self.strategy_engine(self.engine_limits(&world));
        watch.engine(&mut engine, Work::Search { numbered: false });
        let mut uses: Vec<TokioUse> = Vec::new();
        let mut shown = 0;
        // One that asks again and again is the same.
        for _ in 0..4 * MOST {
            let world = world.clone().with_real_tokio(RealTokioUse::Before(shown));
            world.replay(&mut engine, decisions);
            let Some(found) = take_found() else { break };
            shown = found.step + 1;
            let found = TokioUse { task: found.task, place: found.place };
            if !uses.contains(&found) {
                uses.push(found);
            }
            if uses.len() == MOST {
                break;
            }
        }
        uses
    }
}
