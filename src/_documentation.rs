//! The project's pages, for readers of the API documentation. There is no code in here.

// A page's links lead to files, for readers of a checkout. The lines before a page lead them to
// modules instead: the first definition of a link counts. Examples that need the simulation are
// tested by the package of the pages, not here.

#[cfg(not(doctest))]
#[doc = "[Rules of your own]: crate::_documentation::own_rules"]
#[doc = "[its page]: crate::_documentation::tokio#a-dependency-that-still-uses-the-real-tokio"]
#[doc = "[The comparison]: crate::_documentation::comparison"]
#[doc = ""]
#[doc = include_str!("../docs/any-program.md")]
pub mod any_program {}

#[doc = include_str!("../docs/bugs-found.md")]
pub mod bugs_found {}

#[doc = "[the contract]: crate::_documentation::contract"]
#[doc = "[a simulation]: crate::_documentation::guide"]
#[doc = "[every command]: crate"]
#[doc = ""]
#[doc = include_str!("../docs/com-check.md")]
pub mod com_check {}

#[doc = "[The terms]: crate::_documentation::terms"]
#[doc = "[the read-me]: crate"]
#[doc = "[Ten programs on tokio]: crate::_documentation::side_by_side"]
#[doc = "[Published bugs]: crate::_documentation::bugs_found"]
#[doc = "[published crates]: crate::_documentation::real_crates"]
#[doc = ""]
#[doc = include_str!("../docs/comparison.md")]
pub mod comparison {}

#[doc = "[the design]: crate::_documentation::design"]
#[doc = "[the terms]: crate::_documentation::terms"]
#[doc = "[Releasing]: crate::_documentation::releasing"]
#[doc = ""]
#[doc = include_str!("../CONTRIBUTING.md")]
pub mod contributing {}

#[doc = include_str!("../docs/contract.md")]
pub mod contract {}

#[doc = "[the terms]: crate::_documentation::terms"]
#[doc = "[its page]: crate::_documentation::contract"]
#[doc = "[rules of your own]: crate::_documentation::own_rules"]
#[doc = ""]
#[doc = include_str!("../docs/design.md")]
pub mod design {}

#[doc = "[the page for the browser]: crate::_documentation::report"]
#[doc = ""]
#[doc = include_str!("../docs/formats.md")]
pub mod formats {}

#[cfg(not(doctest))]
#[doc = "[any program]: crate::_documentation::any_program"]
#[doc = "[its page]: crate::_documentation::contract"]
#[doc = "[the read-me]: crate"]
#[doc = "[A scenario]: crate::_documentation::scenarios"]
#[doc = "[rule of your own]: crate::_documentation::own_rules"]
#[doc = "[property]: crate::_documentation::any_program#promises-of-your-own"]
#[doc = "[The list]: crate::_documentation::any_program#what-is-controlled-and-what-is-not"]
#[doc = "[the contract]: crate::_documentation::contract"]
#[doc = "[The comparison]: crate::_documentation::comparison"]
#[doc = "[The tutorial]: crate::_documentation::tutorial"]
#[doc = "[does the check work?]: crate::_documentation::missed"]
#[doc = "[a log]: crate::_documentation::trace_import"]
#[doc = "[other formats]: crate::_documentation::formats"]
#[doc = ""]
#[doc = include_str!("../docs/guide.md")]
pub mod guide {}

#[doc = "[test]: crate"]
#[doc = "[goal]: crate::_documentation::any_program#promises-of-your-own"]
#[doc = ""]
#[doc = include_str!("../docs/missed.md")]
pub mod missed {}

#[doc = "[the contract]: crate::_documentation::contract"]
#[doc = "[`RuleCheck`]: crate::contract::RuleCheck"]
#[doc = "[`Policy`]: crate::contract::Policy"]
#[doc = "[property]: crate::_documentation::any_program#promises-of-your-own"]
#[doc = ""]
#[doc = include_str!("../docs/own-rules.md")]
pub mod own_rules {}

#[doc = "[mapi-sync-tokio]: crate::_documentation::tokio"]
#[doc = ""]
#[doc = include_str!("../docs/real-crates.md")]
pub mod real_crates {}

#[doc = include_str!("../docs/releasing.md")]
pub mod releasing {}

#[doc = include_str!("../docs/report.md")]
pub mod report {}

#[doc = include_str!("../docs/scenarios.md")]
pub mod scenarios {}

#[doc = include_str!("../docs/side-by-side.md")]
pub mod side_by_side {}

#[doc = include_str!("../docs/terms.md")]
pub mod terms {}

#[doc = "[published crates]: crate::_documentation::real_crates"]
#[doc = ""]
#[doc = include_str!("../docs/tokio.md")]
pub mod tokio {}

#[doc = include_str!("../docs/trace-import.md")]
pub mod trace_import {}

// Its code is that of an example of mapi-sync-sim, and a test there compares the two.
#[cfg(not(doctest))]
#[doc = "[stand-ins]: crate::_documentation::any_program#standing-in-for-a-server-and-a-disk"]
#[doc = "[Any program]: crate::_documentation::any_program"]
#[doc = ""]
#[doc = include_str!("../docs/tutorial.md")]
pub mod tutorial {}
