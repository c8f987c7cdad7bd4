//! Numbers of a scenario that are set to other values. This is how a scenario is made smaller, and
//! how a token names the result.

use std::collections::BTreeMap;
use std::fmt;

use mapi_sync::SyncFlags;

use super::{Account, Cost, Fault, Folders, Scenario, Shutdown};

/// A number of a scenario that can be changed by itself. Accounts are counted from 0, as the
/// scenario has them.
///
/// They are made smaller in this order: what goes wrong, then what makes tasks, then work, then
/// times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Knob {
    /// The budget of a fault, at most 1,000. The only one that can also be raised.
    Fault(Fault),
    /// How many users may cancel.
    Cancels,
    /// How the host may shut down: 0 not, 1 in full, 2 in a fast way that is refused, 3 in a
    /// fast way.
    Shutdown,
    /// Whether a second sync is started while the first one runs: 0 or 1.
    OverlapStart,
    /// Whether a sync is started from inside Progress: 0 or 1.
    Reentrant,
    /// Whether an account is there: 0 or 1.
    Account(u32),
    /// Syncs of each account, at least 1.
    Syncs,
    /// Folders worked on at the same time, at least 1.
    Workers,
    /// The interval of the signs of life, in virtual milliseconds; 0 is none.
    KeepAlive,
    /// The `ulFlags` of an account; bits can be taken away only.
    Flags(u32),
    /// How many folders of an account have changed, counted from the first.
    Folders(u32),
    /// The most new messages in any folder of an account.
    Messages(u32),
    /// How many folders of an account were made offline.
    NewFolders(u32),
    /// How many messages of an account were changed offline.
    Outgoing(u32),
    /// Attempts after the first.
    Retries,
    /// A cost that is always this one, in virtual milliseconds.
    Time(Time),
    /// The pause before another attempt, in virtual milliseconds.
    RetryDelay,
    /// The additional time of a late answer, in virtual milliseconds.
    Latency,
}

/// A time that a scenario states as a [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Time {
    /// From the start to the user's cancel.
    CancelAfter,
    /// From the start to the host's shutdown.
    ShutdownAfter,
    /// A callback's answer.
    Callback,
    /// Logging on.
    Connect,
    /// Listing or creating a folder.
    Folder,
    /// A message's headers.
    Header,
    /// A message's body.
    Body,
    /// Uploading a message.
    Upload,
}

/// Changes of a scenario. They are written into tokens, so a changed scenario needs no file of its
/// own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Changes(BTreeMap<Knob, u64>);

impl Changes {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each changed number with its new value.
    pub fn iter(&self) -> impl Iterator<Item = (Knob, u64)> + '_ {
        self.0.iter().map(|(knob, value)| (*knob, *value))
    }

    /// The same with one more change.
    #[must_use]
    pub fn with(mut self, knob: Knob, value: u64) -> Self {
        self.0.insert(knob, value);
        self
    }

    /// The same without those that change nothing in `base`.
    pub(crate) fn without_idle(mut self, base: &Scenario) -> Self {
        self.0.retain(|knob, value| knob.value(base) != Some(*value));
        self
    }

    /// The value of a knob in the changed scenario; `None` is a [`Cost`] of several values.
    pub(crate) fn value(&self, knob: Knob, base: &Scenario) -> Option<u64> {
        self.0.get(&knob).copied().or_else(|| knob.value(base))
    }

    /// The scenario with these changes. `None` if no account is left.
    ///
    /// It has the name and the description of `base`. Values that a scenario cannot have are taken
    /// as the nearest that it can.
    #[must_use]
    pub fn apply(&self, base: &Scenario) -> Option<Scenario> {
        let mut changed = base.clone();
        for (knob, value) in &self.0 {
            knob.set(&mut changed, *value);
        }
        let left_out = |number: usize| {
            u32::try_from(number).is_ok_and(|n| self.0.get(&Knob::Account(n)) == Some(&0))
        };
        let mut number = 0;
        changed.accounts.retain(|_| {
            number += 1;
            !left_out(number - 1)
        });
        (!changed.accounts.is_empty()).then_some(changed)
    }

    /// The changes in words: what, from, to.
    pub(crate) fn in_words(&self, base: &Scenario) -> Vec<(String, String, String)> {
        let words = |(knob, to): (Knob, u64)| {
            let name = |account: u32| {
                base.accounts.get(account as usize).map_or("", |account| account.name.as_str())
            };
            let what = match knob {
                Knob::Account(n) => format!("account `{}`", name(n)),
                Knob::Flags(n)
                | Knob::Folders(n)
                | Knob::Messages(n)
                | Knob::NewFolders(n)
                | Knob::Outgoing(n) => {
                    format!("{knob} of `{}`", name(n))
                }
                _ => knob.to_string(),
            };
            let in_form = |value: u64| match knob {
                Knob::Flags(_) => format!("{value:#x}"),
                Knob::Account(_) if value == 0 => "left out".to_owned(),
                Knob::Account(_) => "there".to_owned(),
                Knob::Shutdown => Shutdown::of_place(value).name().to_owned(),
                Knob::OverlapStart | Knob::Reentrant => {
                    (if value == 0 { "no" } else { "yes" }).to_owned()
                }
                _ => value.to_string(),
            };
            let from = knob.value(base).map_or_else(|| "a range".to_owned(), in_form);
            (what, from, in_form(to))
        };
        self.iter().map(words).collect()
    }
}

impl Knob {
    /// All those of a scenario, in their order.
    pub(crate) fn all(scenario: &Scenario) -> impl Iterator<Item = Self> + use<> {
        let accounts = u32::try_from(scenario.accounts.len()).unwrap_or(u32::MAX);
        let first = [Self::Cancels, Self::Shutdown, Self::OverlapStart, Self::Reentrant];
        let tasks = [Self::Syncs, Self::Workers, Self::KeepAlive];
        let of = move |knob: fn(u32) -> Self| (0..accounts).map(knob);
        Fault::ALL
            .into_iter()
            .map(Self::Fault)
            .chain(first)
            .chain(of(Self::Account))
            .chain(tasks)
            .chain(of(Self::Flags))
            .chain(of(Self::Folders))
            .chain(of(Self::Messages))
            .chain(of(Self::NewFolders))
            .chain(of(Self::Outgoing))
            .chain([Self::Retries])
            .chain(Time::ALL.into_iter().map(Self::Time))
            .chain([Self::RetryDelay, Self::Latency])
    }

    /// All those of a scenario that have a single value, and their values.
    pub fn all_of(scenario: &Scenario) -> impl Iterator<Item = (Self, u64)> + '_ {
        Self::all(scenario).filter_map(|knob| Some((knob, knob.value(scenario)?)))
    }

    /// The smallest value that it can have.
    #[must_use]
    pub const fn least(self) -> u64 {
        match self {
            Self::Syncs | Self::Workers => 1,
            _ => 0,
        }
    }

    /// Its value in a scenario; `None` is a [`Cost`] of several values, or an account that is not
    /// there.
    pub(crate) fn value(self, scenario: &Scenario) -> Option<u64> {
        let Scenario { accounts, provider, host, faults, .. } = scenario;
        let of = |account: u32, value: fn(&Account) -> u32| {
            accounts.get(account as usize).map(value).map(u64::from)
        };
        match self {
            Self::Fault(fault) => Some(fault.budget(faults).into()),
            Self::Cancels => Some(host.cancels.into()),
            Self::Shutdown => Some(host.shutdown as u64),
            Self::OverlapStart => Some(host.overlap_start.into()),
            Self::Reentrant => Some(host.reentrant.into()),
            Self::Account(n) => of(n, |_| 1),
            Self::Syncs => Some(host.syncs.into()),
            Self::Workers => Some(provider.workers.into()),
            Self::KeepAlive => Some(provider.keep_alive_ms),
            Self::Flags(n) => of(n, |account| account.flags.bits()),
            Self::Folders(n) => of(n, Account::folder_count),
            Self::Messages(n) => of(n, |account| {
                (0..account.folder_count()).map(|n| account.messages_in(n)).max().unwrap_or(0)
            }),
            Self::NewFolders(n) => of(n, |account| account.new_folders),
            Self::Outgoing(n) => of(n, |account| account.outgoing),
            Self::Retries => Some(provider.retries.into()),
            Self::RetryDelay => Some(provider.retry_delay_ms),
            Self::Latency => Some(faults.latency_ms),
            Self::Time(time) => match time.cost(scenario) {
                Cost::Fixed(ms) => Some(*ms),
                _ => None,
            },
        }
    }

    /// The values that are smaller than what the changed scenario has, the smallest first.
    pub(crate) fn smaller(self, base: &Scenario, changes: &Changes) -> Vec<u64> {
        let Some(now) = changes.value(self, base) else {
            let Self::Time(time) = self else { return Vec::new() };
            return time.values(base);
        };
        if let Self::Flags(_) = self {
            return (0..32)
                .map(|bit| 1 << bit)
                .filter(|bit| now & bit != 0)
                .map(|bit| now & !bit)
                .collect();
        }
        // Down to the least at once, then half of the way, a quarter of it, ….
        let way = now.saturating_sub(self.least());
        (0..64)
            .map(|halvings| way >> halvings)
            .take_while(|step| *step > 0)
            .map(|step| now - step)
            .collect()
    }

    fn set(self, scenario: &mut Scenario, value: u64) {
        let Scenario { accounts, provider, host, faults, .. } = scenario;
        let number = u32::try_from(value).unwrap_or(u32::MAX);
        let lower = |old: &mut u32, least: u32| *old = number.min(*old).max(least);
        let turn_off = |old: &mut bool| *old &= value != 0;
        match self {
            Self::Fault(fault) => *fault.budget_mut(faults) = number.min(1_000),
            Self::Cancels => lower(&mut host.cancels, 0),
            Self::Shutdown => host.shutdown = host.shutdown.min(Shutdown::of_place(value)),
            Self::OverlapStart => turn_off(&mut host.overlap_start),
            Self::Reentrant => turn_off(&mut host.reentrant),
            // Taken out when all else is done, so that the others keep their numbers.
            Self::Account(_) => {}
            Self::Syncs => lower(&mut host.syncs, 1),
            Self::Workers => lower(&mut provider.workers, 1),
            Self::KeepAlive => provider.keep_alive_ms = provider.keep_alive_ms.min(value),
            Self::Retries => lower(&mut provider.retries, 0),
            Self::RetryDelay => provider.retry_delay_ms = provider.retry_delay_ms.min(value),
            Self::Latency => faults.latency_ms = faults.latency_ms.min(value),
            Self::Time(time) => {
                let cost = time.cost_mut(scenario);
                *cost = Cost::Fixed(value.min(cost.max()));
            }
            Self::Flags(n)
            | Self::Folders(n)
            | Self::Messages(n)
            | Self::NewFolders(n)
            | Self::Outgoing(n) => {
                let Some(account) = accounts.get_mut(n as usize) else { return };
                match self {
                    Self::Flags(_) => account.flags &= SyncFlags::from_bits_retain(number),
                    Self::NewFolders(_) => lower(&mut account.new_folders, 0),
                    Self::Outgoing(_) => lower(&mut account.outgoing, 0),
                    Self::Messages(_) => {
                        lower(&mut account.messages, 0);
                        if let Folders::Named(folders) = &mut account.folders {
                            folders
                                .iter_mut()
                                .filter_map(|folder| folder.messages.as_mut())
                                .for_each(|n| lower(n, 0));
                        }
                    }
                    _ => match &mut account.folders {
                        Folders::Count(count) => lower(count, 0),
                        Folders::Named(folders) => folders.truncate(number as usize),
                    },
                }
            }
        }
    }

    /// The number in a token, and the account's if there is one.
    ///
    /// Append only: tokens keep these numbers for ever. 16 to 31 are times, 32 and above are
    /// faults.
    pub(crate) const fn code(self) -> (u64, Option<u32>) {
        match self {
            Self::Cancels => (0, None),
            Self::Shutdown => (1, None),
            Self::OverlapStart => (2, None),
            Self::Reentrant => (3, None),
            Self::Account(n) => (4, Some(n)),
            Self::Syncs => (5, None),
            Self::Workers => (6, None),
            Self::KeepAlive => (7, None),
            Self::Flags(n) => (8, Some(n)),
            Self::Folders(n) => (9, Some(n)),
            Self::Messages(n) => (10, Some(n)),
            Self::NewFolders(n) => (11, Some(n)),
            Self::Outgoing(n) => (12, Some(n)),
            Self::Retries => (13, None),
            Self::RetryDelay => (14, None),
            Self::Latency => (15, None),
            Self::Time(time) => (time.code(), None),
            Self::Fault(fault) => (32 + fault.code(), None),
        }
    }

    /// The reverse of [`code`](Self::code). `account` is asked for an account where there is one.
    ///
    /// # Errors
    ///
    /// Those of `account`. A number without a meaning is `Ok(None)`.
    pub(crate) fn from_code<E>(
        code: u64,
        account: impl FnOnce() -> Result<u32, E>,
    ) -> Result<Option<Self>, E> {
        Ok(Some(match code {
            0 => Self::Cancels,
            1 => Self::Shutdown,
            2 => Self::OverlapStart,
            3 => Self::Reentrant,
            4 => Self::Account(account()?),
            5 => Self::Syncs,
            6 => Self::Workers,
            7 => Self::KeepAlive,
            8 => Self::Flags(account()?),
            9 => Self::Folders(account()?),
            10 => Self::Messages(account()?),
            11 => Self::NewFolders(account()?),
            12 => Self::Outgoing(account()?),
            13 => Self::Retries,
            14 => Self::RetryDelay,
            15 => Self::Latency,
            16..32 => return Ok(Time::from_code(code).map(Self::Time)),
            _ => return Ok(Fault::from_code(code - 32).map(Self::Fault)),
        }))
    }

    /// What a number without a meaning stands for, in a word.
    pub(crate) const fn code_group(code: u64) -> &'static str {
        match code {
            0..16 => "number",
            16..32 => "time",
            _ => "fault",
        }
    }
}

impl fmt::Display for Knob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Fault(fault) => return f.write_str(&fault.name().replace('_', " ")),
            Self::Time(time) => return write!(f, "{} ms", time.name()),
            Self::Cancels => "cancels",
            Self::Shutdown => "shutdown",
            Self::OverlapStart => "overlapping start",
            Self::Reentrant => "start inside Progress",
            Self::Account(_) => "account",
            Self::Syncs => "syncs",
            Self::Workers => "workers",
            Self::KeepAlive => "sign of life ms",
            Self::Flags(_) => "flags",
            Self::Folders(_) => "folders",
            Self::Messages(_) => "messages",
            Self::NewFolders(_) => "new folders",
            Self::Outgoing(_) => "outgoing messages",
            Self::Retries => "retries",
            Self::RetryDelay => "retry delay ms",
            Self::Latency => "latency ms",
        };
        f.write_str(text)
    }
}

impl Time {
    /// All of them, in their order.
    pub const ALL: [Self; 8] = [
        Self::CancelAfter,
        Self::ShutdownAfter,
        Self::Callback,
        Self::Connect,
        Self::Folder,
        Self::Header,
        Self::Body,
        Self::Upload,
    ];

    /// The number in a token, from 16 to 31. Append only: tokens keep these numbers for ever.
    const fn code(self) -> u64 {
        match self {
            Self::CancelAfter => 16,
            Self::ShutdownAfter => 17,
            Self::Callback => 18,
            Self::Connect => 19,
            Self::Folder => 20,
            Self::Header => 21,
            Self::Body => 22,
            Self::Upload => 23,
        }
    }

    fn from_code(code: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|time| time.code() == code)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::CancelAfter => "cancel after",
            Self::ShutdownAfter => "shutdown after",
            Self::Callback => "callback",
            Self::Connect => "connect",
            Self::Folder => "folder",
            Self::Header => "header",
            Self::Body => "body",
            Self::Upload => "upload",
        }
    }

    pub(crate) fn cost(self, scenario: &Scenario) -> &Cost {
        let Scenario { provider, host, .. } = scenario;
        match self {
            Self::CancelAfter => &host.cancel_after,
            Self::ShutdownAfter => &host.shutdown_after,
            Self::Callback => &host.callback,
            Self::Connect => &provider.cost.connect,
            Self::Folder => &provider.cost.folder,
            Self::Header => &provider.cost.header,
            Self::Body => &provider.cost.body,
            Self::Upload => &provider.cost.upload,
        }
    }

    fn cost_mut(self, scenario: &mut Scenario) -> &mut Cost {
        let Scenario { provider, host, .. } = scenario;
        match self {
            Self::CancelAfter => &mut host.cancel_after,
            Self::ShutdownAfter => &mut host.shutdown_after,
            Self::Callback => &mut host.callback,
            Self::Connect => &mut provider.cost.connect,
            Self::Folder => &mut provider.cost.folder,
            Self::Header => &mut provider.cost.header,
            Self::Body => &mut provider.cost.body,
            Self::Upload => &mut provider.cost.upload,
        }
    }

    /// Up to nine of its values, spread over all of them, the smallest first, and 0.
    fn values(self, scenario: &Scenario) -> Vec<u64> {
        let cost = self.cost(scenario);
        let last = cost.count() - 1;
        let parts = last.min(8);
        let mut values = vec![0];
        values.extend((0..=parts).map(|part| cost.value(last * part / parts.max(1))));
        values.sort_unstable();
        values.dedup();
        values
    }
}

#[cfg(test)]
mod tests;
