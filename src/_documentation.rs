//! The project's pages, for readers of the API documentation. There is no code in here.

// A page's links lead to files, for readers of a checkout. The lines before a page lead them to
// modules instead: the first definition of a link counts.

#[doc = "[the design]: crate::_documentation::design"]
#[doc = "[the terms]: crate::_documentation::terms"]
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

#[doc = "[the contract]: crate::_documentation::contract"]
#[doc = "[`Policy`]: crate::contract::Policy"]
#[doc = "[`RuleCheck`]: crate::contract::RuleCheck"]
#[doc = ""]
#[doc = include_str!("../docs/own-rules.md")]
pub mod own_rules {}

#[doc = include_str!("../docs/scenarios.md")]
pub mod scenarios {}

#[doc = include_str!("../docs/terms.md")]
pub mod terms {}
