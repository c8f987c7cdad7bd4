//! What the manifests state about the published crates is true.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The crates that are published, each after those that it needs.
const PUBLISHED: [&str; 6] = [
    "mapi-sync",
    "mapi-sync-engine",
    "mapi-sync-macros",
    "mapi-sync-probe",
    "mapi-sync-sim",
    "mapi-sync-tokio",
];

/// What `cargo metadata` says of the workspace and its dependencies.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--all-features"])
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The members of the workspace that may be published, by name.
fn published(metadata: &Value) -> BTreeMap<&str, &Value> {
    let members = list(&metadata["workspace_members"]);
    let packages = list(&metadata["packages"]).iter();
    packages
        .filter(|package| members.contains(&package["id"]) && package["publish"].is_null())
        .map(|package| (text(&package["name"]), package))
        .collect()
}

/// The version that `text` names, such as `1.95` or `1.95.0`.
fn version(text: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    parts.resize(3, 0);
    parts
}

#[test]
fn six_crates_are_published_and_no_other() {
    let metadata = metadata();
    let names: Vec<&str> = published(&metadata).into_keys().collect();
    assert_eq!(names, PUBLISHED);
}

#[test]
fn each_package_has_what_its_page_needs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let licences = ["LICENSE-APACHE", "LICENSE-MIT"];
    let licences = licences.map(|name| (name, fs::read_to_string(root.join(name)).unwrap()));
    for (name, package) in published(&metadata()) {
        let folder = Path::new(text(&package["manifest_path"])).parent().unwrap();
        for (file, text) in &licences {
            let copy = fs::read_to_string(folder.join(file)).unwrap_or_default();
            assert!(copy == *text, "{name}: its {file} is not that of the project");
        }
        assert_eq!(text(&package["license"]), "MIT OR Apache-2.0", "{name}");
        assert!(!text(&package["description"]).is_empty(), "{name} has no description");
        assert!(folder.join(text(&package["readme"])).is_file(), "{name} has no read-me");
        // The registry takes five of each.
        for lists in ["keywords", "categories"] {
            assert!((1..=5).contains(&list(&package[lists]).len()), "{name}: its {lists}");
        }
        // The only address that is known: docs.rs makes it of the name.
        assert_eq!(text(&package["documentation"]), format!("https://docs.rs/{name}"));
        for address in ["homepage", "repository"] {
            assert!(package[address].is_null(), "{name}: is its {address} there?");
        }
        assert!(package["metadata"]["docs"]["rs"].is_object(), "{name} says nothing to docs.rs");
    }
}

#[test]
fn crates_of_one_release_ask_for_each_other() {
    let metadata = metadata();
    let published = published(&metadata);
    let ours = text(&published["mapi-sync"]["version"]);
    for (name, package) in &published {
        assert_eq!(text(&package["version"]), ours, "{name}");
        for dependency in list(&package["dependencies"]) {
            let on = text(&dependency["name"]);
            if published.contains_key(on) && dependency["kind"].is_null() {
                assert_eq!(text(&dependency["req"]), format!("^{ours}"), "{name} on {on}");
            }
        }
    }
}

#[test]
fn no_dependency_needs_a_later_compiler_than_the_crates_say() {
    let metadata = metadata();
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
    let ours = text(&published(&metadata)["mapi-sync"]["rust_version"]).to_owned();
    assert!(!ours.is_empty());
    let mut seen: Vec<&str> = Vec::new();
    let mut open: Vec<&str> =
        published(&metadata).values().map(|package| text(&package["id"])).collect();
    let id_of = |id: &str| nodes.keys().copied().find(|known| *known == id).unwrap();
    let mut later = Vec::new();
    while let Some(id) = open.pop() {
        let id = id_of(id);
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let package = packages[id];
        if version(text(&package["rust_version"])) > version(&ours) {
            let of = (text(&package["name"]), text(&package["version"]));
            later.push(format!("{} {}: {}", of.0, of.1, package["rust_version"]));
        }
        for dependency in list(&nodes[id]["deps"]) {
            // What only tests need is no user's.
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev") {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    assert!(seen.len() > 50, "only {} packages were looked at", seen.len());
    assert!(later.is_empty(), "they need a later Rust than {ours}: {later:?}");
}

#[test]
fn a_plain_test_needs_no_c_compiler() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none", "--format", "{p}", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(output.stdout).expect("names of packages");
    let names = || tree.lines().filter_map(|line| line.split(' ').next());
    assert!(names().any(|name| name == "trybuild"), "the tests' own dependencies are among them");
    let compilers = ["cc", "cmake", "bindgen", "criterion"];
    let found: Vec<&str> = names().filter(|name| compilers.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn few_features_are_on_by_default() {
    let defaults = [
        // A provider inside of Outlook runs on it.
        ("mapi-sync", &["tokio"][..]),
        // The command that `cargo install` is for.
        ("mapi-sync-sim", &["cli"]),
    ];
    for (name, package) in published(&metadata()) {
        let found: Vec<&str> = list(&package["features"]["default"]).iter().map(text).collect();
        let expected = defaults.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, on)| on);
        assert_eq!(found, expected, "{name}");
    }
}
