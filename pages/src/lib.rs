//! The pages' examples, which run as tests of documentation. There is no code in here.

/// The guide for programs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/any-program.md")]
struct AnyProgram;

/// The guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
struct Guide;

/// The read-me of the engine.
#[cfg(doctest)]
#[doc = include_str!("../../sim/engine/README.md")]
struct Engine;

/// The read-me.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadMe;
