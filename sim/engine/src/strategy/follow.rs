//! Goes the way that another execution went.

use crate::beacon::Way;
use crate::{ChoicePoint, Decision, Strategy, TaskId};

/// Runs one execution in the steps, and with the answers, of another, as far as these are known.
/// What comes then takes the default.
#[derive(Clone, Debug)]
pub struct Follow {
    way: Way,
    asked: usize,
}

impl Follow {
    /// The strategy that goes this way.
    #[must_use]
    pub fn new(way: Way) -> Self {
        Self { way, asked: 0 }
    }
}

impl Strategy for Follow {
    fn begin(&mut self, _index: u64) -> bool {
        self.asked = 0;
        true
    }

    fn pick(&mut self, at: &Decision<'_>) -> TaskId {
        let step = usize::try_from(at.step()).unwrap_or(usize::MAX);
        self.way.tasks.get(step).copied().unwrap_or_else(|| at.default_task())
    }

    fn choose(&mut self, _at: &ChoicePoint) -> u32 {
        let value = self.way.answers.get(self.asked).copied().unwrap_or(0);
        self.asked += 1;
        value
    }
}
