//! Mutants and correct variants, by name.

mod table;
mod variants;

pub use table::{MUTANTS, Mutant, MutantInfo, Needs};
pub use variants::{VARIANTS, VariantInfo};
