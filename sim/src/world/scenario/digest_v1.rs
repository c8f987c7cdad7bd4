//! The digest in tokens of format 1: over the whole text of a scenario, defaults included.
//!
//! It is frozen. The fields that it covers are listed here, in the order of the text then; a field
//! that a scenario gets later does not belong here, since no token of format 1 knows it.

use serde::Serialize;

use super::digest::{FNV_START, fnv1a, nameless};
use super::faults::Faults;
use super::model::{
    Account, CancelBy, CancelStyle, Contract, Costs, ErrorStyle, Folders, Host, Maximum, NextSync,
    OverlapStyle, Provider, Published, Returns, Scenario, Step, Text, WaitFor,
};
use super::values::{Cost, flags};

/// A copy of a scenario's section with the fields that it had in format 1.
macro_rules! frozen {
    ($name:ident of $section:ident {
        $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)?
    }) => {
        #[derive(Serialize)]
        struct $name {
            $($(#[$attribute])* $field: $type,)*
        }

        impl From<$section> for $name {
            fn from(section: $section) -> Self {
                let $section { $($field,)* .. } = section;
                Self { $($field: $field.into(),)* }
            }
        }
    };
}

/// The top of the text.
#[derive(Serialize)]
struct ScenarioV1 {
    version: u32,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutant: Option<String>,
    account: Vec<AccountV1>,
    provider: ProviderV1,
    host: HostV1,
    faults: FaultsV1,
    contract: ContractV1,
}

frozen! { AccountV1 of Account {
    name: String,
    #[serde(with = "flags")]
    flags: mapi_sync::SyncFlags,
    folders: Folders,
    messages: u32,
    new_folders: u32,
    outgoing: u32,
    selected: u32,
} }

frozen! { ProviderV1 of Provider {
    workers: u32,
    cost: CostsV1,
    retries: u32,
    retry_delay_ms: u64,
    progress: Step,
    text: Text,
    maximum: Maximum,
    on_cancel: CancelStyle,
    on_error: ErrorStyle,
    done_handle: bool,
    event: Published,
    returns: Returns,
    overlap: OverlapStyle,
    keep_alive_ms: u64,
} }

frozen! { CostsV1 of Costs {
    connect: Cost,
    folder: Cost,
    header: Cost,
    body: Cost,
    upload: Cost,
} }

frozen! { HostV1 of Host {
    syncs: u32,
    next_sync: NextSync,
    callback: Cost,
    wait: WaitFor,
    overlap_start: bool,
    cancels: u32,
    cancel_after: Cost,
    cancel_by: CancelBy,
    shutdown: bool,
    shutdown_after: Cost,
    reentrant: bool,
} }

frozen! { FaultsV1 of Faults {
    network_loss: u32,
    network_latency: u32,
    latency_ms: u64,
    offline: u32,
    callback_failure: u32,
    callback_panic: u32,
    query_interface_refused: u32,
    event_creation: u32,
    task_creation: u32,
    task_dropped: u32,
    spurious_wake: u32,
} }

frozen! { ContractV1 of Contract {
    cancel_within_ms: u64,
    bounded_silence_ms: u64,
    serial_calls: bool,
    overlap: bool,
} }

impl Scenario {
    /// The digest by which tokens of format 1 know the scenario.
    pub(crate) fn digest_v1(&self) -> u64 {
        let Self { version, name, mutant, accounts, provider, host, faults, contract, .. } =
            nameless(self);
        let text = ScenarioV1 {
            version,
            name,
            mutant,
            account: accounts.into_iter().map(AccountV1::from).collect(),
            provider: provider.into(),
            host: host.into(),
            faults: faults.into(),
            contract: contract.into(),
        };
        let text =
            toml::to_string(&text).expect("every value of a scenario can be written as TOML");
        fnv1a(FNV_START, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::builtins;
    use super::*;

    #[test]
    fn old_digests_never_change() {
        let smallest = "version = 1\nname = \"x\"\n[[account]]\nname = \"a\"\n";
        let smallest = Scenario::parse("t", smallest).unwrap();
        assert_eq!(smallest.digest_v1(), 1_427_634_640_173_859_609);
        // The later ones have no token of that format.
        let digests: Vec<String> = builtins()
            .iter()
            .take(10)
            .map(|scenario| format!("{} {:016x}", scenario.name, scenario.digest_v1()))
            .collect();
        let pinned = [
            "default 4eca1defd23ec311",
            "first-download 4cb11187c5802440",
            "upload-and-download f2bce96d3cc4e452",
            "flaky-network 2ac427ec359fa986",
            "user-cancels 5f15185aa7091ab4",
            "offline-start 3dd44feba0f8e448",
            "two-accounts c7fd780052d6a28b",
            "headers-only 035984335c9931f4",
            "tiny-sync 6e7cfc440342252c",
            "tiny-cancel 35cfc23ef32060b7",
        ];
        assert_eq!(digests, pinned);
    }
}
