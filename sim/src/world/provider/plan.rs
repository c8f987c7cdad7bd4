//! What one sync of an account has to do, worked out once for all executions of a scenario.

use mapi_sync::SyncFlags;

use crate::world::scenario::{Account, Scenario};

/// The work of one sync.
#[derive(Debug)]
pub(in crate::world) struct Plan {
    pub(in crate::world) phases: Vec<Phase>,
    /// The steps of all phases.
    pub(in crate::world) total: u32,
}

/// One phase: units that may be worked on at the same time.
#[derive(Debug)]
pub(in crate::world) struct Phase {
    pub(in crate::world) kind: PhaseKind,
    pub(in crate::world) units: Vec<Unit>,
    /// The steps of this phase and of those before it.
    pub(in crate::world) total_so_far: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::world) enum PhaseKind {
    UploadHierarchy,
    UploadContents,
    DownloadHierarchy,
    DownloadContents,
}

/// A folder, or a queue: steps that follow one another.
#[derive(Debug)]
pub(in crate::world) struct Unit {
    /// What the dialog shows.
    pub(in crate::world) text: String,
    /// What the error list shows if it fails.
    pub(in crate::world) error: String,
    /// Steps, at least 1.
    pub(in crate::world) steps: u32,
}

impl Plan {
    pub(in crate::world) fn new(account: &Account) -> Self {
        let flags = account.flags;
        let folders = if flags.contains(SyncFlags::THESE_FOLDERS) {
            account.selected.min(account.folder_count())
        } else {
            account.folder_count()
        };
        let mut plan = Self { phases: Vec::new(), total: 0 };
        if flags.contains(SyncFlags::UPLOAD_HIERARCHY) {
            plan.add(PhaseKind::UploadHierarchy, [unit("new folders", account.new_folders)]);
        }
        if flags.contains(SyncFlags::UPLOAD_CONTENTS) {
            plan.add(PhaseKind::UploadContents, [unit("outgoing messages", account.outgoing)]);
        }
        if flags.contains(SyncFlags::DOWNLOAD_HIERARCHY) {
            plan.add(PhaseKind::DownloadHierarchy, [unit("the folder list", folders)]);
        }
        if flags.contains(SyncFlags::DOWNLOAD_CONTENTS) {
            let units = (0..folders)
                .map(|index| unit(&account.folder_name(index), account.messages_in(index)));
            plan.add(PhaseKind::DownloadContents, units);
        }
        plan
    }

    /// One plan for each account of a scenario.
    pub(in crate::world) fn all(scenario: &Scenario) -> Vec<Self> {
        scenario.accounts.iter().map(Self::new).collect()
    }

    /// Appends a phase, unless there is nothing to do in it.
    fn add(&mut self, kind: PhaseKind, units: impl IntoIterator<Item = Unit>) {
        let units: Vec<Unit> = units.into_iter().filter(|unit| unit.steps > 0).collect();
        if units.is_empty() {
            return;
        }
        self.total += units.iter().map(|unit| unit.steps).sum::<u32>();
        self.phases.push(Phase { kind, units, total_so_far: self.total });
    }
}

fn unit(name: &str, steps: u32) -> Unit {
    Unit {
        text: format!("Synchronizing {name}"),
        error: format!("Cannot synchronize {name}: the server does not answer"),
        steps,
    }
}

/// Whether only headers are asked for.
pub(in crate::world) fn headers_only(flags: SyncFlags) -> bool {
    flags.contains(SyncFlags::GLOBAL_HEADERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(toml: &str) -> Vec<(PhaseKind, Vec<u32>)> {
        let source = format!("version = 1\nname = \"x\"\n[[account]]\nname = \"a\"\n{toml}");
        let scenario = Scenario::parse("t", &source).unwrap();
        let plan = Plan::new(&scenario.accounts[0]);
        assert_eq!(plan.total, plan.phases.last().map_or(0, |phase| phase.total_so_far));
        plan.phases
            .iter()
            .map(|phase| (phase.kind, phase.units.iter().map(|unit| unit.steps).collect()))
            .collect()
    }

    #[test]
    fn phases_follow_the_flags() {
        use PhaseKind::*;
        let work = "folders = [{ name = \"A\", messages = 2 }, { name = \"B\" }]\n\
                    messages = 3\nnew_folders = 1\noutgoing = 4";
        assert_eq!(
            steps(work),
            [
                (UploadHierarchy, vec![1]),
                (UploadContents, vec![4]),
                (DownloadHierarchy, vec![2]),
                (DownloadContents, vec![2, 3])
            ]
        );
        let selected =
            format!("{work}\nselected = 1\nflags = [\"DOWNLOAD_CONTENTS\", \"THESE_FOLDERS\"]");
        assert_eq!(steps(&selected), [(DownloadContents, vec![2])]);
        assert_eq!(steps("flags = [\"ON_DEMAND\"]\nfolders = 3\nmessages = 3"), []);
    }

    #[test]
    fn what_is_empty_is_no_phase() {
        assert_eq!(steps(""), []);
        assert_eq!(steps("folders = 2\nmessages = 0"), [(PhaseKind::DownloadHierarchy, vec![2])]);
    }
}
