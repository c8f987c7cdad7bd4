//! The interface of the real crate, as its sources have it, against ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of the real crate that hold what is stable and public in these modules.
const REAL: &[&str] = &[
    "runtime/builder.rs",
    "runtime/handle.rs",
    "runtime/local_runtime/runtime.rs",
    "runtime/mod.rs",
    "runtime/runtime.rs",
    "runtime/task/abort.rs",
    "runtime/task/error.rs",
    "runtime/task/id.rs",
    "runtime/task/join.rs",
    "sync/barrier.rs",
    "sync/broadcast.rs",
    "sync/mpsc/bounded.rs",
    "sync/mpsc/unbounded.rs",
    "sync/mutex.rs",
    "sync/notify.rs",
    "sync/once_cell.rs",
    "sync/oneshot.rs",
    "sync/rwlock.rs",
    "sync/rwlock/owned_read_guard.rs",
    "sync/rwlock/owned_write_guard.rs",
    "sync/rwlock/owned_write_guard_mapped.rs",
    "sync/rwlock/read_guard.rs",
    "sync/rwlock/write_guard.rs",
    "sync/rwlock/write_guard_mapped.rs",
    "sync/semaphore.rs",
    "sync/set_once.rs",
    "sync/watch.rs",
    "task/blocking.rs",
    "task/coop/consume_budget.rs",
    "task/coop/mod.rs",
    "task/coop/unconstrained.rs",
    "task/join_set.rs",
    "task/local.rs",
    "task/spawn.rs",
    "task/yield_now.rs",
    "time/clock.rs",
    "time/instant.rs",
    "time/interval.rs",
    "time/sleep.rs",
    "time/timeout.rs",
];

/// What the test does not compare, and why.
const OTHERWISE: &[(&str, &str, Why)] = &[
    ("runtime", "is_rt_shutdown_err", Why::Real),
    ("runtime", "worker_index", Why::Real),
    ("runtime Builder", "enable_alt_timer", Why::Unstable),
    ("runtime Builder", "enable_all", Why::Generated),
    ("runtime Builder", "enable_time", Why::Generated),
    ("runtime Builder", "event_interval", Why::Generated),
    ("runtime Builder", "global_queue_interval", Why::Generated),
    ("runtime Builder", "max_blocking_threads", Why::Generated),
    ("runtime Builder", "name", Why::Generated),
    ("runtime Builder", "on_thread_park", Why::Generated),
    ("runtime Builder", "on_thread_start", Why::Generated),
    ("runtime Builder", "on_thread_stop", Why::Generated),
    ("runtime Builder", "on_thread_unpark", Why::Generated),
    ("runtime Builder", "thread_keep_alive", Why::Generated),
    ("runtime Builder", "thread_name", Why::Generated),
    ("runtime Builder", "thread_stack_size", Why::Generated),
    ("runtime Builder", "worker_threads", Why::Generated),
    ("runtime Builder", "enable_metrics_schedule_latency_histogram", Why::Unstable),
    ("runtime Builder", "metrics_schedule_latency_histogram_configuration", Why::Unstable),
    ("runtime Builder", "track_task_schedule_latency", Why::Unstable),
    ("sync BarrierWaitResult", "is_leader", Why::Real),
    ("sync OwnedMappedMutexGuard", "map", Why::Missing),
    ("sync OwnedMappedMutexGuard", "try_map", Why::Missing),
    ("sync OwnedRwLockMappedWriteGuard", "map", Why::Missing),
    ("sync OwnedRwLockMappedWriteGuard", "try_map", Why::Missing),
    ("sync OwnedRwLockReadGuard", "map", Why::Missing),
    ("sync OwnedRwLockReadGuard", "try_map", Why::Missing),
    ("sync OwnedRwLockWriteGuard", "downgrade_map", Why::Missing),
    ("sync OwnedRwLockWriteGuard", "try_downgrade_map", Why::Missing),
    ("sync SetError", "is_already_init_err", Why::Real),
    ("sync SetError", "is_initializing_err", Why::Real),
    ("task", "cooperative", Why::Real),
    ("task", "poll_proceed", Why::Real),
    ("task", "unconstrained", Why::Real),
    ("task Builder", "spawn", Why::Unstable),
    ("task Builder", "spawn_blocking", Why::Unstable),
    ("task Builder", "spawn_blocking_on", Why::Unstable),
    ("task Builder", "spawn_local", Why::Unstable),
    ("task Builder", "spawn_local_on", Why::Unstable),
    ("task Builder", "spawn_on", Why::Unstable),
    ("task RestoreOnPending", "made_progress", Why::Real),
    ("watch Ref", "has_changed", Why::Real),
];

/// The types that macros of ours write an `impl` for, by their names there.
const EXPANDED: &[(&str, &[&str])] = &[
    ("mpsc $Receiver", &["mpsc Receiver", "mpsc UnboundedReceiver"]),
    ("mpsc $Sender", &["mpsc Sender", "mpsc UnboundedSender"]),
    ("mpsc $WeakSender", &["mpsc WeakSender", "mpsc WeakUnboundedSender"]),
    ("runtime $Runtime", &["runtime LocalRuntime", "runtime Runtime"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The real one is re-exported.
    Real,
    /// A macro of ours makes it; the compiler checks the real one's arguments.
    Generated,
    /// Only there with `tokio_unstable`.
    Unstable,
    /// Not there. The page names it.
    Missing,
}

/// A type and a function of it (no type for a free function), with the types of its parameters and
/// of what it returns.
type Functions = BTreeMap<(String, String), String>;

#[test]
fn every_function_of_tokio_is_here_with_its_signature() {
    let real_root = real_root();
    let mut real = Functions::new();
    for file in REAL {
        let path = real_root.join("src").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        collect(&text, &module(Path::new(file)), &mut real);
    }
    assert!(real.len() > 300, "{}", real.len());
    let mut ours = Functions::new();
    let root = stand_in().join("src");
    for folder in ["runtime", "sync", "task", "time"] {
        read(&root, &root.join(folder), &mut ours);
    }
    for ((of, name), signature) in std::mem::take(&mut ours) {
        let expanded = EXPANDED.iter().find(|(by, _)| *by == of);
        let types = expanded.map_or_else(|| vec![of.as_str()], |(_, types)| types.to_vec());
        for of in types {
            // The other types of the macro have other names too.
            let named = EXPANDED.iter().fold(signature.clone(), |text, (by, types)| {
                let place = expanded.and_then(|(_, own)| own.iter().position(|own| *own == of));
                text.replace(last(by), last(types[place.unwrap_or(0)]))
            });
            ours.insert((of.to_owned(), name.clone()), named);
        }
    }
    let page = stand_in().join("../../docs/tokio.md");
    let page = fs::read_to_string(page).unwrap();
    let mut wrong = Vec::new();
    for ((of, name), signature) in &real {
        let otherwise = OTHERWISE.iter().find(|other| (other.0, other.1) == (of, name));
        let own = ours.get(&(of.clone(), name.clone()));
        match otherwise {
            None if own != Some(signature) => {
                wrong.push(format!("{of}::{name}: {signature}, not {own:?}"));
            }
            Some(_) if own.is_some() => wrong.push(format!("{of}::{name} is there")),
            Some((.., Why::Missing)) if !page.contains(&format!("`{}::{name}`", last(of))) => {
                wrong.push(format!("{of}::{name} is missing, and docs/tokio.md does not say so"));
            }
            _ => {}
        }
        // Each type, and each function without one, has its place on the page.
        let item = if last(of) == *of { name } else { last(of) };
        let is_stable = otherwise.is_none_or(|other| other.2 != Why::Unstable);
        if is_stable && !page.contains(&format!("`{item}`")) {
            wrong.push(format!("docs/tokio.md does not say what happens to {item}"));
        }
    }
    for (of, name, _) in OTHERWISE {
        if !real.contains_key(&((*of).to_owned(), (*name).to_owned())) {
            wrong.push(format!("tokio has no {of}::{name}"));
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The type of a key; a module that has none.
fn last(of: &str) -> &str {
    of.split_once(' ').map_or(of, |(_, name)| name)
}

/// The folder of our crate.
fn stand_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sim/tokio")
}

/// The folder of the real crate, as cargo has it.
fn real_root() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(stand_in().join("Cargo.toml"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let tokio = packages.iter().find(|package| package["name"] == "tokio").unwrap();
    Path::new(tokio["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// `sync::mpsc` for what lies in `sync/mpsc/`: types of one name are told apart by it.
fn module(file: &Path) -> String {
    let file = file.with_extension("");
    let text = file.to_str().unwrap();
    if text.starts_with("runtime/task/") {
        return "task".to_owned();
    }
    let channel =
        ["broadcast", "mpsc", "oneshot", "watch"].iter().find(|name| text.contains(**name));
    channel.map_or_else(|| text.split('/').next().unwrap().to_owned(), |name| (*name).to_owned())
}

fn read(root: &Path, folder: &Path, functions: &mut Functions) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, functions);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            collect(&text, &module(path.strip_prefix(root).unwrap()), functions);
        }
    }
}

/// Adds the public functions of a source.
fn collect(text: &str, module: &str, functions: &mut Functions) {
    let mut lines = text.lines();
    // The type whose `impl` is open, and the line that closes it.
    let mut of: Option<(String, String)> = None;
    let mut is_unstable = false;
    while let Some(line) = lines.next() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        if ["cfg_unstable", "cfg_trace", "cfg_taskdump", "cfg_io_uring"]
            .iter()
            .any(|name| code.starts_with(name) && code.ends_with('{'))
        {
            let close = format!("{indent}}}");
            lines.by_ref().find(|line| *line == close);
        } else if code.starts_with("impl") && !code.contains(" for ") {
            of = Some((type_of(code), format!("{indent}}}")));
        } else if of.as_ref().is_some_and(|(_, close)| line == close) {
            of = None;
        } else if code.starts_with("#[cfg(") && !code.contains("not(tokio_unstable)") {
            is_unstable |= code.contains("tokio_unstable");
        } else if code.starts_with("pub ") && code.contains("fn ") {
            let mut signature = code.to_owned();
            while !signature.contains('{') && !signature.ends_with(';') {
                signature.push_str(lines.next().unwrap());
            }
            let name = of.as_ref().map_or("", |(name, _)| name.as_str());
            let (function, types) = types(&signature, name);
            if !std::mem::take(&mut is_unstable) {
                let of = format!("{module} {name}").trim().to_owned();
                functions.insert((of, function), types);
            }
        } else if !code.starts_with(['#', '/']) && !code.is_empty() {
            is_unstable = false;
        }
    }
}

/// The type of an `impl`, without its parameters.
fn type_of(code: &str) -> String {
    let rest = code.strip_prefix("impl").unwrap();
    let rest = if rest.starts_with('<') { &rest[closing(rest) + 1..] } else { rest };
    let end = rest.find(['<', '{']).unwrap_or(rest.len());
    rest[..end].trim().to_owned()
}

/// Where the bracket at the beginning is closed.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' => depth += 1,
            '>' if text[..at].ends_with('-') => {}
            '>' | ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("an open bracket in {text}");
}

/// The name of a function, and its types.
fn types(signature: &str, of: &str) -> (String, String) {
    let (before, rest) = signature.split_once("fn ").unwrap();
    let end = rest.find(['<', '(']).unwrap();
    let (name, rest) = rest.split_at(end);
    let rest = if rest.starts_with('<') { &rest[closing(rest) + 1..] } else { rest };
    let (parameters, returned) = rest.split_at(closing(rest));
    let returned = returned[1..].split(" where ").next().unwrap();
    let returned = returned.split(['{', ';']).next().unwrap();
    let returned = returned.split("where").next().unwrap().trim().trim_start_matches("->");
    let mut types: Vec<String> = vec![before.trim().to_owned()];
    for parameter in split(&parameters[1..]) {
        let of_parameter = parameter.split_once(": ").map_or(parameter, |(_, of)| of);
        types.push(plain(of_parameter.trim_start_matches("mut "), of));
    }
    types.push(format!("-> {}", plain(returned, of)));
    (name.to_owned(), types.join(", "))
}

/// The parts between commas that are in no bracket.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' => depth += 1,
            '>' if text[..at].ends_with('-') => {}
            '>' | ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// A type without paths, lifetimes and blanks, and with `Self` for the type itself.
fn plain(text: &str, of: &str) -> String {
    let mut text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    for path in ["std::", "crate::", "super::", "io::", "runtime::", "error::", "time::", "task::"]
    {
        text = text.replace(path, "");
    }
    for lifetime in ["'static", "'a", "'_"] {
        text = text.replace(&format!("{lifetime},"), "").replace(&format!("<{lifetime}>"), "");
        text = text.replace(lifetime, "");
    }
    if !of.is_empty() {
        for own in [format!("{of}<T>"), format!("{of}<T,U>"), of.to_owned()] {
            if text == own
                || text.contains(&format!("<{own}>"))
                || text.contains(&format!("<{own},"))
                || text.contains(&format!(",{own}>"))
                || text == format!("&{own}")
            {
                text = text.replace(&own, "Self");
            }
        }
    }
    text
}
