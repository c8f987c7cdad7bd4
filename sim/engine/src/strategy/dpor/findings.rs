//! The findings of a part of a search, which are merged in order.

/// What the executions of a part have shown.
pub trait Findings: Default + Send + 'static {
    /// Adds the findings of later executions.
    fn append(&mut self, later: Self);

    /// Whether nothing that comes after these executions is of interest.
    fn ends(&self) -> bool {
        false
    }
}

impl Findings for () {
    fn append(&mut self, (): ()) {}
}
