//! The simulated world: a store provider, the host that drives it, the network between the provider
//! and its server, and the faults.
//!
//! A [`Scenario`] says what there is. A [`World`] runs it: each [`run`](World::run) is one
//! execution of the engine, in which the engine's strategy decides everything that is open: order,
//! times, faults, the user. A monitor checks all calls between the two sides against the contract.
//! The result says which rules were broken and what was exercised.
//!
//! ```
//! use mapi_sync_sim::engine::Engine;
//! use mapi_sync_sim::strategy::Random;
//! use mapi_sync_sim::world::{World, builtin};
//!
//! let world = World::new(builtin("tiny-sync").unwrap().clone());
//! let mut engine = Engine::new(world.limits(), Random::new(1));
//! for index in 0..100 {
//!     let observed = world.run(&mut engine, index).unwrap();
//!     assert!(observed.holds() && observed.is_complete());
//! }
//! ```
//!
//! A provider of your own goes into the same world with [`World::with_provider`].

mod catalogue;
mod coverage;
mod execution;
mod faults;
mod host;
mod mutant;
mod observed;
mod provider;
mod questions;
mod run;
mod runtime;
mod scenario;
mod sites;
mod steps;
mod time;

pub use catalogue::scenario_named;
pub use coverage::Coverage;
pub(crate) use execution::{Code, RealTokioUse};
pub use execution::{ProviderFactory, World};
pub use mutant::{MUTANTS, Mutant, MutantInfo, Needs, VARIANTS, VariantInfo};
pub use observed::{Finding, Happened, Happening, Observed, SeenCall, SeenStep, Use};
pub(crate) use provider::goals;
pub(crate) use questions::{Question, Sort};
pub use scenario::{
    Account, CancelBy, CancelStyle, Changes, Contract, Cost, Costs, ErrorStyle, Fault, Faults,
    Folder, Folders, Handlers, Host, Knob, Maximum, NextSync, OverlapStyle, Promise, Protocol,
    ProtocolStep, Provider, Published, Returns, Scenario, ScenarioError, Shutdown, Step, Swarm,
    Text, Time, Variation, WaitFor, builtin, builtins,
};
pub(crate) use sites::{is_cancel, is_cancel_time, site_name, undocumented_acts, variation_at};

use crate::engine::Blocked;

/// Whether it is the host that waits, or what stands for the world around it, and no provider.
pub(crate) fn is_wait_of_host(blocked: &Blocked) -> bool {
    let here = file!().trim_end_matches("mod.rs");
    let within = blocked.place.as_deref().and_then(|place| place.strip_prefix(here));
    within.is_some_and(|rest| !rest.starts_with("provider"))
}
