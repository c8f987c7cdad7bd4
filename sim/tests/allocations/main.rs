//! What is allocated. The allocator of this program counts.

mod assignments;
mod scale;
