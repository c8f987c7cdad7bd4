//! What a token knows a scenario by: a digest of what differs from the defaults.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Value;

use super::faults::Faults;
use super::model::{Account, Contract, Folder, Folders, Host, Provider, Scenario, all_phases};

/// Values by path, such as `host.cancels` or `account[0].folders[2].name`. A value is written with
/// its type, and texts with their length, so that different values never read the same.
type Entries = BTreeMap<String, String>;

impl Scenario {
    /// A digest of the content: FNV-1a with 64 bits over every value that is not its default, with
    /// its path, in the order of the paths.
    ///
    /// Comments, layout, the name and the description do not change it, nor does a default that is
    /// written out. Everything that can change an execution does. A field that is added later
    /// leaves the digest of every older scenario as it is, as long as its default changes nothing.
    /// For that reason a default must never change.
    pub fn digest(&self) -> u64 {
        digest(differing(entries(&nameless(self)), &defaults(self)))
    }
}

/// The scenario without what changes no execution.
pub(super) fn nameless(scenario: &Scenario) -> Scenario {
    Scenario { name: String::new(), about: String::new(), ..scenario.clone() }
}

/// The entries of a scenario of the same shape in which everything is a default. The names of
/// accounts and folders have none, and neither has an empty list of folders.
fn defaults(scenario: &Scenario) -> Entries {
    let account = |account: &Account| Account {
        name: String::new(),
        flags: all_phases(),
        folders: match &account.folders {
            Folders::Count(_) => Folders::default(),
            Folders::Named(folders) => Folders::Named(
                folders.iter().map(|_| Folder { name: String::new(), messages: None }).collect(),
            ),
        },
        messages: 0,
        new_folders: 0,
        outgoing: 0,
        selected: 0,
    };
    let mut entries = entries(&Scenario {
        version: 1,
        name: String::new(),
        about: String::new(),
        mutant: None,
        accounts: scenario.accounts.iter().map(account).collect(),
        provider: Provider::default(),
        protocol: None,
        host: Host::default(),
        faults: Faults::default(),
        contract: Contract::default(),
    });
    entries.retain(|path, value| {
        !(path.ends_with(".name") || path.ends_with(".folders") && value == "[]")
    });
    entries
}

fn entries(value: &impl Serialize) -> Entries {
    let value = Value::try_from(value).expect("every value of a scenario can be written as TOML");
    let mut entries = Entries::new();
    flatten(&value, String::new(), &mut entries);
    entries
}

fn flatten(value: &Value, path: String, entries: &mut Entries) {
    match value {
        Value::Table(table) => {
            let dot = if path.is_empty() { "" } else { "." };
            for (key, value) in table {
                flatten(value, format!("{path}{dot}{key}"), entries);
            }
        }
        Value::Array(array) if array.iter().any(Value::is_table) => {
            for (number, value) in array.iter().enumerate() {
                flatten(value, format!("{path}[{number}]"), entries);
            }
        }
        value => {
            entries.insert(path, canonical(value));
        }
    }
}

/// A value that does not depend on how a TOML library would write it.
fn canonical(value: &Value) -> String {
    match value {
        Value::Integer(number) => format!("i{number}"),
        Value::Boolean(value) => format!("b{value}"),
        Value::String(text) => format!("s{}:{text}", text.len()),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(canonical).collect();
            format!("[{}]", values.join(","))
        }
        // The branches of a step.
        Value::Table(table) => {
            let entries = table.iter().collect::<BTreeMap<_, _>>();
            let entries: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{key}={}", canonical(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        // A scenario has no other values.
        other => other.to_string(),
    }
}

/// The entries that are not the same among the defaults.
fn differing(mut entries: Entries, defaults: &Entries) -> Entries {
    entries.retain(|path, value| defaults.get(path) != Some(value));
    entries
}

fn digest(entries: Entries) -> u64 {
    let lines = entries.into_iter().map(|(path, value)| format!("{path}={value}\n"));
    lines.fold(FNV_START, |hash, line| fnv1a(hash, line.as_bytes()))
}

pub(super) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

pub(super) fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::super::builtins;
    use super::*;

    const SMALLEST: &str = "version = 1\nname = \"x\"\n[[account]]\nname = \"a\"\n";

    fn smallest(rest: &str) -> Scenario {
        Scenario::parse("t", &format!("{SMALLEST}{rest}")).unwrap()
    }

    #[test]
    fn the_digest_covers_content_only() {
        let plain = smallest("");
        let dressed =
            format!("# a comment\n{SMALLEST}\n[host]\nsyncs = 1\n").replace("\"x\"", "\"y\"");
        assert_eq!(plain.digest(), Scenario::parse("t", &dressed).unwrap().digest());
        for rest in [
            "flags = []",
            "folders = 1",
            "folders = []",
            "folders = [{ name = \"f\" }]",
            "folders = [{ name = \"f\", messages = 0 }]",
            "[host]\nsyncs = 2",
            "[host]\ncancel_after = 60",
            "[host]\ncancel_after = { choice = [0, 60] }",
            "[provider]\ntext = \"null\"",
            "[[account]]\nname = \"b\"",
            "[faults]\nlatency_ms = 499",
        ] {
            assert_ne!(smallest(rest).digest(), plain.digest(), "{rest}");
        }
    }

    /// Tokens carry the digest: it must not change from build to build.
    #[test]
    fn digests_never_change() {
        let digests: Vec<String> = builtins()
            .iter()
            .map(|scenario| format!("{} {:016x}", scenario.name, scenario.digest()))
            .collect();
        let pinned = [
            "default bf94cc1c176223c3",
            "first-download 69cce8f0ed558497",
            "upload-and-download af268bffe8a92111",
            "flaky-network 4e15d956153fc1b1",
            "user-cancels 2a783f8eaa5c77db",
            "offline-start 32c988fd9fe9554a",
            "two-accounts b23833a6a5bc4dda",
            "headers-only 86041e4d5938a239",
            "tiny-sync 67e22eead63d332b",
            "tiny-cancel 14b17cb5749013b9",
            "fast-shutdown 75b84d8e104f600f",
        ];
        assert_eq!(digests, pinned);
    }

    #[test]
    fn new_field_with_its_default_changes_no_digest() {
        for scenario in builtins() {
            let (mut now, mut before) = (entries(&nameless(scenario)), defaults(scenario));
            for path in ["faults.a_new_one", "host.zzz", "account[0].new", "new_section.x"] {
                now.insert(path.to_owned(), "i3".to_owned());
                before.insert(path.to_owned(), "i3".to_owned());
            }
            assert_eq!(digest(differing(now.clone(), &before)), scenario.digest());
            now.insert("host.zzz".to_owned(), "i4".to_owned());
            assert_ne!(digest(differing(now, &before)), scenario.digest());
        }
    }

    /// If a default changed, the token of an older scenario that relies on it would replay another
    /// execution, and no digest would say so. The default of a new field may be added here.
    #[test]
    fn defaults_never_change() {
        let shape = smallest("folders = [{ name = \"f\" }]");
        let found: Vec<String> =
            defaults(&shape).into_iter().map(|(path, value)| format!("{path}={value}")).collect();
        let pinned = [
            "account[0].flags=[s16:UPLOAD_HIERARCHY,s18:DOWNLOAD_HIERARCHY,\
             s15:UPLOAD_CONTENTS,s17:DOWNLOAD_CONTENTS]",
            "account[0].messages=i0",
            "account[0].new_folders=i0",
            "account[0].outgoing=i0",
            "account[0].selected=i0",
            "contract.bounded_silence_ms=i60000",
            "contract.cancel_within_ms=i30000",
            "contract.overlap=btrue",
            "contract.serial_calls=bfalse",
            "faults.callback_failure=i0",
            "faults.callback_panic=i0",
            "faults.event_creation=i0",
            "faults.handle_duplication=i0",
            "faults.latency_ms=i500",
            "faults.network_latency=i0",
            "faults.network_loss=i0",
            "faults.offline=i0",
            "faults.query_interface_refused=i0",
            "faults.spurious_wake=i0",
            "faults.task_creation=i0",
            "faults.task_dropped=i0",
            "host.callback=i0",
            "host.cancel_after.uniform=[i0,i60]",
            "host.cancel_by=s6:either",
            "host.cancels=i0",
            "host.next_sync=s10:after_done",
            "host.overlap_start=bfalse",
            "host.reentrant=bfalse",
            "host.shutdown=bfalse",
            "host.shutdown_after.uniform=[i0,i60]",
            "host.swarm=bfalse",
            "host.syncs=i1",
            "host.wait=s5:event",
            "name=s0:",
            "provider.cost.body=i5",
            "provider.cost.connect=i20",
            "provider.cost.folder=i10",
            "provider.cost.header=i1",
            "provider.cost.upload=i5",
            "provider.done_handle=btrue",
            "provider.event=s5:event",
            "provider.keep_alive_ms=i0",
            "provider.maximum=s5:known",
            "provider.on_cancel=s10:after_step",
            "provider.on_error=s8:continue",
            "provider.overlap=s4:busy",
            "provider.progress=s7:message",
            "provider.retries=i1",
            "provider.retry_delay_ms=i50",
            "provider.returns=s7:at_once",
            "provider.text=s8:changing",
            "provider.workers=i2",
            "version=i1",
        ];
        for line in pinned {
            assert!(found.iter().any(|found| found == line), "{line}: {found:#?}");
        }
    }
}
