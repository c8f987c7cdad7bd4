//! Blocks of executions, in which a strategy learns from one for the next.

/// Executions whose numbers agree but for the last five bits: a strategy may learn from one for the
/// next.
///
/// Within a block it must be run from the first on and in order for an execution to depend on the
/// seed and its number only. [`run_chunks`](crate::parallel::run_chunks) does so if its chunks are
/// multiples of [`SIZE`](Self::SIZE).
#[derive(Clone, Debug, Default)]
pub struct LearningBlock {
    last: Option<u64>,
}

impl LearningBlock {
    /// How many executions make a block.
    pub const SIZE: u64 = 32;

    /// Moves on to an execution. Returns whether earlier findings hold for it.
    pub(super) fn goes_on(&mut self, index: u64) -> bool {
        let last = self.last.replace(index);
        !index.is_multiple_of(Self::SIZE) && last == index.checked_sub(1)
    }
}
