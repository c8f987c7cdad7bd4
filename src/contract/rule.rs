//! What a rule is: its facts, and the code that judges the calls of a sync by it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::monitor::CurrentTask;
use super::trace::Step;
use super::{CallKind, CallRecord, Policy, SyncId, SyncState, Violation};

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Documented, or COM's own rule.
    Must,
    /// A convention of the interface's family.
    Should,
    /// The documentation is silent and this is a choice: see [`Policy`].
    Policy,
}

/// One of the two sides of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// The store provider.
    Provider,
    /// The host: Outlook, or whoever plays it.
    Host,
}

/// Something without which a rule cannot be broken: where it never happened, the rule had no
/// chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Situation {
    /// Progress was called.
    Progress,
    /// Error was called.
    Error,
    /// The host failed a Progress or an Error, or panicked in it.
    HostFailure,
    /// A cancel was requested.
    Cancel,
    /// A start failed.
    FailedStart,
    /// The store was released while a sync ran.
    Release,
    /// A sync was started while another one ran.
    Overlap,
    /// The provider was told that its host's process ends, in a fast shutdown.
    FastShutdown,
}

impl fmt::Display for Situation {
    /// That it did not happen, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Progress => "Progress was never called",
            Self::Error => "Error was never called",
            Self::HostFailure => "the host failed no call",
            Self::Cancel => "no cancel was requested",
            Self::FailedStart => "no start failed",
            Self::Release => "no store was seen to be released",
            Self::Overlap => "no two syncs overlapped",
            Self::FastShutdown => "no provider was notified of a fast shutdown",
        })
    }
}

/// Which calls one [`RuleCheck`] judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// The calls of one sync. Each sync has a check of its own.
    OneSync,
    /// The calls of all syncs of a store, in the order in which they were made. One check judges
    /// them all.
    AllSyncs,
}

/// The facts of a rule, as data.
///
/// # Examples
///
/// ```
/// use mapi_sync::contract::{Level, Party, RuleInfo};
///
/// static INFO: RuleInfo = RuleInfo::new("named-once", "a folder is named in one Progress at most")
///     .level(Level::Policy)
///     .blame(Party::Provider)
///     .source("our support team: users take a second one for a second download");
/// assert_eq!(INFO.id(), "named-once");
/// ```
#[derive(Debug)]
pub struct RuleInfo {
    id: &'static str,
    level: Level,
    blame: Party,
    statement: &'static str,
    source: &'static str,
    span: Span,
    judges_parts: bool,
    needs_start: bool,
    needs_ends: bool,
    bounds_time: bool,
    looks_at: &'static [CallKind],
    follows_from: &'static [&'static RuleInfo],
    needs: Option<Situation>,
    wrong: &'static [Step],
    right: &'static [Step],
}

impl RuleInfo {
    /// A rule with this id, for example `done-once`, and this statement: what holds where the rule
    /// is kept.
    ///
    /// By default it is a [must](Level::Must) for the [provider](Party::Provider), judges [one
    /// sync](Span::OneSync) and needs all calls of it, and has no source and no traces.
    #[must_use]
    pub const fn new(id: &'static str, statement: &'static str) -> Self {
        Self {
            id,
            level: Level::Must,
            blame: Party::Provider,
            statement,
            source: "",
            span: Span::OneSync,
            judges_parts: false,
            needs_start: false,
            needs_ends: false,
            bounds_time: false,
            looks_at: CallKind::ALL,
            follows_from: &[],
            needs: None,
            wrong: &[],
            right: &[],
        }
    }

    /// Says how binding the rule is.
    #[must_use]
    pub const fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Says who breaks the rule when it is broken.
    #[must_use]
    pub const fn blame(self, blame: Party) -> Self {
        Self { blame, ..self }
    }

    /// Says where the rule comes from: a page of a reference, or the reason for a choice.
    #[must_use]
    pub const fn source(self, source: &'static str) -> Self {
        Self { source, ..self }
    }

    /// Says that one check judges the calls of all syncs of a store.
    ///
    /// A search that runs one schedule of each class must then keep the order of the calls of
    /// different syncs. The simulation orders all calls of one store, whatever rules there are.
    #[must_use]
    pub const fn over_all_syncs(self) -> Self {
        Self { span: Span::AllSyncs, ..self }
    }

    /// Says that the rule can be applied to a recording from which calls are missing: the calls at
    /// hand break it by themselves. A rule that does not say so is not applied there.
    #[must_use]
    pub const fn judges_parts(self) -> Self {
        Self { judges_parts: true, ..self }
    }

    /// Says that the rule cannot be broken where only the callback of a sync is seen, as in a
    /// recording: no start, no reference, no event. It is not asked there.
    #[must_use]
    pub const fn needs_start(self) -> Self {
        Self { needs_start: true, ..self }
    }

    /// Says that the rule depends on when calls end, or how: it is not applied to a recording that
    /// has only their beginnings.
    #[must_use]
    pub const fn needs_ends(self) -> Self {
        Self { needs_ends: true, ..self }
    }

    /// Says that the rule sets a bound in time: it is broken because something took too long.
    ///
    /// The simulation lets work take longer than it should. It reports such a rule only where it is
    /// broken without that.
    #[must_use]
    pub const fn bounds_time(self) -> Self {
        Self { bounds_time: true, ..self }
    }

    /// Says at which calls the rule looks. It is not asked for any other; a rule that does not say
    /// so is asked for every call.
    #[must_use]
    pub const fn looks_at(self, kinds: &'static [CallKind]) -> Self {
        Self { looks_at: kinds, ..self }
    }

    /// Says without what the rule cannot be broken. A check in which that never happened says that
    /// the rule had no chance. A rule that needs a [fast shutdown](Situation::FastShutdown) is not
    /// asked before there is one.
    #[must_use]
    pub const fn needs(self, situation: Situation) -> Self {
        Self { needs: Some(situation), ..self }
    }

    /// Says that what this rule misses when the observation ends is missing because of what
    /// `causes` miss then: beside one of them it is not reported.
    #[must_use]
    pub const fn follows_from(self, causes: &'static [&'static Self]) -> Self {
        Self { follows_from: causes, ..self }
    }

    /// Gives a trace that breaks this rule, and no other but what follows from it.
    #[must_use]
    pub const fn wrong(self, wrong: &'static [Step]) -> Self {
        Self { wrong, ..self }
    }

    /// Gives a trace that comes near and breaks no rule.
    #[must_use]
    pub const fn right(self, right: &'static [Step]) -> Self {
        Self { right, ..self }
    }

    /// The rule's name, for example `done-once`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.id
    }
}

/// A rule, by its facts. Two rules are equal if they have the same id.
///
/// The rules of this crate are constants of this type, such as [`Rule::DONE_ONCE`]. The order of
/// rules is that of the table, then that of the ids.
#[derive(Clone, Copy)]
pub struct Rule(&'static RuleInfo);

impl Rule {
    /// The rule with these facts.
    #[must_use]
    pub const fn new(info: &'static RuleInfo) -> Self {
        Self(info)
    }

    /// The rule's name, for example `done-once`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.0.id
    }

    /// How binding the rule is.
    #[must_use]
    pub const fn level(self) -> Level {
        self.0.level
    }

    /// Who breaks it when it is broken.
    #[must_use]
    pub const fn blame(self) -> Party {
        self.0.blame
    }

    /// What holds where the rule is kept.
    #[must_use]
    pub const fn statement(self) -> &'static str {
        self.0.statement
    }

    /// Where it comes from: a page of a reference, or the reason for a choice.
    #[must_use]
    pub const fn source(self) -> &'static str {
        self.0.source
    }

    /// Which calls one check of it judges.
    #[must_use]
    pub const fn span(self) -> Span {
        self.0.span
    }

    /// Whether it can be applied to a recording from which calls are missing.
    #[must_use]
    pub const fn judges_parts(self) -> bool {
        self.0.judges_parts
    }

    /// Whether it cannot be broken where only the callback of a sync is seen.
    #[must_use]
    pub const fn needs_start(self) -> bool {
        self.0.needs_start
    }

    /// Whether it is not applied to a recording that has only the beginnings of calls.
    #[must_use]
    pub const fn needs_ends(self) -> bool {
        self.0.needs_ends
    }

    /// Whether it sets a bound in time.
    #[must_use]
    pub const fn bounds_time(self) -> bool {
        self.0.bounds_time
    }

    /// The calls at which it looks.
    #[must_use]
    pub const fn looks_at(self) -> &'static [CallKind] {
        self.0.looks_at
    }

    /// Without what it cannot be broken; `None` if nothing but a sync is needed.
    #[must_use]
    pub const fn needs(self) -> Option<Situation> {
        self.0.needs
    }

    /// The rules that report in its place what it misses when the observation ends.
    pub fn follows_from(self) -> impl Iterator<Item = Self> {
        self.0.follows_from.iter().copied().map(Self)
    }

    /// A trace that breaks this rule, and no other but what follows from it; empty if the rule
    /// gives none.
    #[must_use]
    pub const fn wrong(self) -> &'static [Step] {
        self.0.wrong
    }

    /// A trace that comes near and breaks no rule; empty if the rule gives none.
    #[must_use]
    pub const fn right(self) -> &'static [Step] {
        self.0.right
    }

    /// Its place in the table; `None` for a rule that is not one of this crate's.
    pub(super) fn place(self) -> Option<usize> {
        Self::ALL.iter().position(|rule| *rule == self)
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.id() == other.id()
    }
}

impl Eq for Rule {}

impl Hash for Rule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl PartialOrd for Rule {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rule {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |rule: &Self| (rule.place().unwrap_or(usize::MAX), rule.id());
        if self == other { Ordering::Equal } else { place(self).cmp(&place(other)) }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.id()).finish()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Policy => "policy",
        })
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Provider => "provider",
            Self::Host => "host",
        })
    }
}

/// A text is not the id of a rule of the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rule of the contract")]
pub struct UnknownRule(String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|rule| rule.id() == id)
            .ok_or_else(|| UnknownRule(id.to_owned()))
    }
}

/// How a rule judges calls, and what it remembers of them.
///
/// A check is made for each sync, before its first call; a rule [over all
/// syncs](RuleInfo::over_all_syncs) has one check for a store. The check keeps the rule's own
/// state. What several rules need to know, whether the sync is started or which calls are in
/// flight, is in the [`SyncState`].
///
/// The checks of the contract's rules are in `src/contract/rules`, one in each file.
/// [`Policy::with_rule`] adds one of your own; [rules of your
/// own](crate::_documentation::own_rules) explains each step.
///
/// # Examples
///
/// ```
/// use mapi_sync::contract::{
///     Call, CallRecord, Findings, Monitor, MonitorConfig, Policy, RuleCheck, RuleInfo, SyncState,
/// };
///
/// /// The last thing that a user reads is not a folder's name.
/// #[derive(Debug, Default)]
/// struct SaysGoodbye {
///     last: Option<CallRecord>,
/// }
///
/// static SAYS_GOODBYE: RuleInfo =
///     RuleInfo::new("says-goodbye", "the last text before Done is \"Finished\"");
///
/// impl RuleCheck for SaysGoodbye {
///     fn info(&self) -> &'static RuleInfo {
///         &SAYS_GOODBYE
///     }
///
///     fn observe(&mut self, call: &CallRecord, _: &SyncState, findings: &mut Findings<'_>) {
///         match &call.call {
///             Call::Progress { .. } => self.last = Some(call.clone()),
///             Call::Done { .. } => {
///                 if let Some(last) = &self.last
///                     && let Call::Progress { text: Some(text), .. } = &last.call
///                     && **text != *"Finished"
///                 {
///                     let message = format!("Done came after {text:?}");
///                     findings.broken(message).shows(last).shows(call);
///                 }
///             }
///             _ => {}
///         }
///     }
/// }
///
/// let policy = Policy::default().with_rule(SaysGoodbye::default);
/// let monitor = Monitor::new(MonitorConfig::default().with_policy(policy), || 0);
/// let sync = monitor.callback_sync();
/// for call in [
///     Call::Progress { text: Some("Inbox"), index: 1, index_max: 1 },
///     Call::Done { event: mapi_sync::RawEvent::NULL, status: mapi_sync::HResult::S_OK },
/// ] {
///     sync.begin(call).end(mapi_sync::HResult::S_OK);
/// }
/// let violations = monitor.finish();
/// assert_eq!(violations.len(), 1);
/// assert_eq!(violations[0].rule.id(), "says-goodbye");
/// assert_eq!(violations[0].message, "Done came after \"Inbox\"");
/// ```
pub trait RuleCheck: Send {
    /// The rule's facts.
    fn info(&self) -> &'static RuleInfo;

    /// Judges a call that begins, or a callback that [ends](super::Call::Ended). `sync` is as it
    /// was before the call.
    ///
    /// This is called with the sync locked: it must not call the monitor.
    fn observe(&mut self, call: &CallRecord, sync: &SyncState, findings: &mut Findings<'_>);

    /// Reports what is missing, if anything is: the observation of `sync` ends.
    ///
    /// This is called with the sync locked: it must not call the monitor.
    fn finish(&mut self, sync: &SyncState, findings: &mut Findings<'_>) {
        let _ = (sync, findings);
    }

    /// Whether repeat Progress calls may pass this rule by for as long as only they are made.
    ///
    /// A *repeat Progress* has the text and the maximum of the Progress before it, its position is
    /// no further back and not beyond the maximum, it begins within the policy's
    /// [bound](Policy::with_bounded_silence) after the last callback ended, and it returns `S_OK`.
    /// `sync` is as it is now. `true` means: neither the beginning nor the end of such a call can
    /// break the rule, or change anything that it remembers. With `false`, the default, the monitor
    /// asks the rule about every call.
    fn skips_repeat_progress(&self, sync: &SyncState) -> bool {
        let _ = sync;
        false
    }
}

/// Where a [`RuleCheck`] reports that its rule is broken.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The rule that is asked; before the first is, any.
    pub(super) rule: Rule,
    pub(super) policy: &'a Policy,
    pub(super) tasks: Option<&'a CurrentTask>,
    pub(super) sync: SyncId,
    pub(super) at_ms: u64,
    pub(super) position: u32,
    /// The observation ends: what is found did not come.
    pub(super) ends: bool,
    /// The rules that this sync has broken so far.
    pub(super) reported: &'a mut Vec<Rule>,
    /// The violations that nobody has taken yet.
    pub(super) found: &'a mut Vec<Violation>,
}

impl Findings<'_> {
    /// Reports that the rule is broken, now, with what happened in a sentence. What is returned
    /// takes the calls that show it. A sync breaks a rule once: later reports are dropped.
    #[cold]
    pub fn broken(&mut self, message: impl Into<String>) -> Broken<'_> {
        let Self { rule, sync, at_ms, position, ends: never_came, .. } = *self;
        if self.reported.contains(&rule) {
            return Broken(None);
        }
        self.reported.push(rule);
        let (message, calls) = (message.into(), Vec::new());
        self.found.push(Violation { rule, sync, at_ms, position, message, calls, never_came });
        Broken(self.found.last_mut())
    }

    /// The policy of the sync, with the bounds of the rules that have one.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.policy
    }

    /// The task that makes the call, where the monitor [knows](super::MonitorConfig::with_tasks).
    #[must_use]
    pub fn task(&self) -> Option<u64> {
        self.tasks.and_then(CurrentTask::get)
    }

    /// When it is, in (virtual) milliseconds since the monitor's epoch.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }
}

/// A violation that was just reported, to which calls can be added.
#[derive(Debug)]
pub struct Broken<'a>(Option<&'a mut Violation>);

impl Broken<'_> {
    /// Adds a call that shows the violation, if there is one. Calls are added in the order in which
    /// they happened; the call that broke the rule comes last.
    pub fn shows<'c>(mut self, call: impl Into<Option<&'c CallRecord>>) -> Self {
        if let (Some(violation), Some(call)) = (&mut self.0, call.into()) {
            violation.calls.push(call.clone());
        }
        self
    }
}
