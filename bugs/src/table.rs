//! The bugs, with the versions that have them.

/// A published bug.
#[derive(Debug)]
pub struct Bug {
    /// The program, a file of `programs/`, which says what goes wrong.
    pub program: &'static str,
    /// What the bug is, in a few words.
    pub about: &'static str,
    /// The crate.
    pub name: &'static str,
    /// The version with the bug, and the set that has it.
    pub buggy: Version,
    /// The version without it, and the set that has it.
    pub fixed: Version,
    /// Where it was reported or mended.
    pub link: &'static str,
}

/// A version of the crate, in a folder of `sets/`.
#[derive(Debug)]
pub struct Version {
    /// As its manifest has it.
    pub version: &'static str,
    /// The folder.
    pub set: &'static str,
}

impl Version {
    const fn new(version: &'static str, set: &'static str) -> Self {
        Self { version, set }
    }
}

/// All of them, by crate and then by version.
pub const BUGS: &[Bug] = &[
    Bug {
        program: "tokio_notify_dropped",
        about: "a dropped `Notified` takes a permit with it",
        name: "tokio",
        buggy: Version::new("1.4.0", "tokio-1.4.0"),
        fixed: Version::new("1.5.0", "tokio-1.5.0"),
        link: "https://github.com/tokio-rs/tokio/pull/3652",
    },
    Bug {
        program: "tokio_broadcast_resubscribe",
        about: "`resubscribe` to a closed channel waits for ever",
        name: "tokio",
        buggy: Version::new("1.20.6", "tokio-1.20.6"),
        fixed: Version::new("1.21.0", "tokio-1.21.0"),
        link: "https://github.com/tokio-rs/tokio/pull/4867",
    },
    Bug {
        program: "tokio_mpsc_is_empty",
        about: "`is_empty` is wrong at the end of a block",
        name: "tokio",
        buggy: Version::new("1.37.0", "tokio-1.37.0"),
        fixed: Version::new("1.38.0", "tokio-1.38.0"),
        link: "https://github.com/tokio-rs/tokio/pull/6603",
    },
    Bug {
        program: "tokio_mpsc_try_recv_closed",
        about: "`try_recv` says `Empty` after `close`",
        name: "tokio",
        buggy: Version::new("1.48.0", "tokio-1.48.0"),
        fixed: Version::new("1.49.0", "tokio-1.49.0"),
        link: "https://github.com/tokio-rs/tokio/pull/7686",
    },
    Bug {
        program: "tokio_notify_priority",
        about: "a wait that `notify_waiters` ended takes a permit",
        name: "tokio",
        buggy: Version::new("1.50.0", "tokio-1.50.0"),
        fixed: Version::new("1.51.1", "tokio-1.51.1"),
        link: "https://github.com/tokio-rs/tokio/pull/7996",
    },
    Bug {
        program: "tokio_mpsc_recv_many",
        about: "`recv_many` panics at the end of a closed channel",
        name: "tokio",
        buggy: Version::new("1.50.0", "tokio-1.50.0"),
        fixed: Version::new("1.51.1", "tokio-1.51.1"),
        link: "https://github.com/tokio-rs/tokio/pull/7991",
    },
    Bug {
        program: "tokio_semaphore_reopens",
        about: "`forget_permits` opens a closed semaphore",
        name: "tokio",
        buggy: Version::new("1.50.0", "tokio-1.50.0"),
        fixed: Version::new("1.51.1", "tokio-1.51.1"),
        link: "https://github.com/tokio-rs/tokio/pull/8021",
    },
    Bug {
        program: "tokio_mpsc_release",
        about: "`OwnedPermit::release` does not wake the receiver",
        name: "tokio",
        buggy: Version::new("1.50.0", "tokio-1.50.0"),
        fixed: Version::new("1.52.3", "tokio-1.52.3"),
        link: "https://github.com/tokio-rs/tokio/pull/8075",
    },
    Bug {
        program: "tokio_mpsc_outstanding",
        about: "`try_recv` says `Disconnected` while a permit is out",
        name: "tokio",
        buggy: Version::new("1.50.0", "tokio-1.50.0"),
        fixed: Version::new("1.52.3", "tokio-1.52.3"),
        link: "https://github.com/tokio-rs/tokio/pull/8074",
    },
    Bug {
        program: "tokio_mpsc_reserve_many",
        about: "a dropped `reserve_many` does not wake the receiver",
        name: "tokio",
        buggy: Version::new("1.52.3", "tokio-1.52.3"),
        fixed: Version::new("1.53.0", "tokio-1.53.0"),
        link: "https://github.com/tokio-rs/tokio/pull/8260",
    },
    Bug {
        program: "event_listener_insert",
        about: "an entry that is used again is linked wrongly",
        name: "event-listener",
        buggy: Version::new("2.3.2", "tokio-1.4.0"),
        fixed: Version::new("2.3.3", "tokio-1.5.0"),
        link: "https://github.com/smol-rs/event-listener/blob/master/CHANGELOG.md",
    },
    Bug {
        program: "flume_order",
        about: "a waiter that is polled once more gets messages out of order",
        name: "flume",
        buggy: Version::new("0.10.10", "tokio-1.4.0"),
        fixed: Version::new("0.10.11", "tokio-1.5.0"),
        link: "https://github.com/zesterer/flume/issues/98",
    },
    Bug {
        program: "tokio_util_cancellation",
        about: "`cancelled` keeps the waker of its first poll",
        name: "tokio-util",
        buggy: Version::new("0.7.0", "tokio-1.20.6"),
        fixed: Version::new("0.7.1", "tokio-1.21.0"),
        link: "https://github.com/tokio-rs/tokio/pull/4497",
    },
    Bug {
        program: "deadpool_recycle",
        about: "a failed `recycle` makes the pool larger",
        name: "deadpool",
        buggy: Version::new("0.9.4", "tokio-1.20.6"),
        fixed: Version::new("0.9.5", "tokio-1.21.0"),
        link: "https://github.com/deadpool-rs/deadpool/blob/main/crates/deadpool/CHANGELOG.md",
    },
    Bug {
        program: "async_channel_held",
        about: "two messages wake one receiver, which does not look",
        name: "async-channel",
        buggy: Version::new("1.7.1", "tokio-1.20.6"),
        fixed: Version::new("1.8.0", "tokio-1.21.0"),
        link: "https://github.com/smol-rs/async-channel/issues/45",
    },
    Bug {
        program: "deadpool_resize",
        about: "`resize` down and up panics while objects are out",
        name: "deadpool",
        buggy: Version::new("0.12.1", "tokio-1.37.0"),
        fixed: Version::new("0.12.2", "tokio-1.38.0"),
        link: "https://github.com/deadpool-rs/deadpool/issues/380",
    },
    Bug {
        program: "embassy_sync_clear",
        about: "`Channel::clear` does not wake the sender",
        name: "embassy-sync",
        buggy: Version::new("0.6.2", "tokio-1.37.0"),
        fixed: Version::new("0.7.2", "tokio-1.38.0"),
        link: "https://github.com/embassy-rs/embassy/pull/3807",
    },
    Bug {
        program: "embassy_sync_reset",
        about: "`Signal::reset` throws the waker away",
        name: "embassy-sync",
        buggy: Version::new("0.7.2", "tokio-1.38.0"),
        fixed: Version::new("0.8.0", "tokio-1.48.0"),
        link: "https://github.com/embassy-rs/embassy/pull/4598",
    },
];
