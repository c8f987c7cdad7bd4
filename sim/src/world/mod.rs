//! The simulated world: scenarios, provider, host, network and faults.

mod scenario;

pub use scenario::{
    Account, CancelStyle, Contract, Cost, Costs, ErrorStyle, Faults, Flags, Folder, Folders, Host,
    Maximum, NextSync, OverlapStyle, Provider, Published, Returns, Scenario, ScenarioError, Step,
    Text, WaitFor, builtin, builtins,
};
