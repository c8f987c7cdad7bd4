//! What `scripts/rename-tokio` does to manifests.

use std::process::Command;
use std::{env, fs};

use crates::folder;

/// Renames in a manifest, twice, and returns what it is then.
fn renamed(name: &str, manifest: &str) -> String {
    let file = env::temp_dir().join(format!("rename-{name}-{}.toml", std::process::id()));
    fs::write(&file, manifest).unwrap();
    for _ in 0..2 {
        let script = folder().join("../scripts/rename-tokio");
        let status = Command::new(script).args(["--path", "../t"]).arg(&file).status().unwrap();
        assert!(status.success());
    }
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    text
}

#[test]
fn each_form_of_a_dependency_is_renamed() {
    let before = "\
[dependencies]
tokio = \"1\"
tokio-util = \"0.7\"

[dev-dependencies.tokio]
version = \"1.5\"
features = [
    \"rt\",
]

[target.\"cfg(unix)\".dependencies]
tokio = { version = \"1\", features = [\"net\"] } # sockets
";
    let after = "\
[dependencies]
tokio = { package = \"mapi-sync-tokio\", path = \"../t\" }
tokio-util = \"0.7\"

[dev-dependencies.tokio]
package = \"mapi-sync-tokio\"
path = \"../t\"
features = [
    \"rt\",
]

[target.\"cfg(unix)\".dependencies]
tokio = { package = \"mapi-sync-tokio\", path = \"../t\", features = [\"net\"] } # sockets
";
    assert_eq!(renamed("forms", before), after);
}

#[test]
fn tokio_under_another_name_is_renamed() {
    let before = "\
[dependencies]
tokio_1 = { package = \"tokio\", version = \"1\", optional = true }

[dependencies.tokio_1_again]
version = \"1.0\"
optional = true
package = \"tokio\"
";
    let after = "\
[dependencies]
tokio_1 = { package = \"mapi-sync-tokio\", path = \"../t\", optional = true }

[dependencies.tokio_1_again]
package = \"mapi-sync-tokio\"
path = \"../t\"
optional = true
";
    assert_eq!(renamed("names", before), after);
}

#[test]
fn nothing_else_changes() {
    let manifest = "\
[package]
name = \"tokio\"

[features]
tokio = [\"dep:tokio\"]

[dependencies.tokio-util]
version = \"0.7\"
";
    assert_eq!(renamed("else", manifest), manifest);
}
