//! The stand-in for a network and the server behind it.

use std::future::pending;
use std::io;

use super::latency::{Latency, pass};
use super::site::site;
use crate::engine::sync::Register;
use crate::engine::{self};

/// Stands in for the network to a server: requests take time, get lost, and come back short.
///
/// The server is yours: what a request does there is the closure that you pass, which runs in one
/// step, halfway through the latency. Keep the server's state in a
/// [`Register`](crate::engine::sync::Register), so that an exhaustive search can reduce.
///
/// ```
/// use mapi_sync_sim::engine::sync::Register;
/// use mapi_sync_sim::stand_in::{Network, NetworkError};
/// use mapi_sync_sim::{explore, sometimes};
///
/// let report = explore(|| async {
///     let imap = Network::new("imap").latency(10..=12).refuses("fetch", ["throttled"]);
///     let mailbox = Register::new("mailbox", vec!["a", "b", "c"]);
///     match imap.receive("fetch", || mailbox.get()).await {
///         Ok(messages) => sometimes!("fewer than asked", messages.len() < 3),
///         Err(NetworkError::Refused(_)) => sometimes!("throttled"),
///         Err(error) => sometimes!("broken", error == NetworkError::Broken),
///     }
/// })
/// .goals(["fewer than asked", "throttled", "broken"])
/// .schedules(500)
/// .run();
/// report.assert_holds();
/// assert!(report.goals.iter().all(|goal| goal.met > 0), "{report}");
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    name: &'static str,
    latency: Latency,
    faults: Vec<NetworkFault>,
    refusals: Vec<(&'static str, &'static str)>,
    is_connected: Register<bool>,
}

/// What may go wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NetworkFault {
    /// It does not reach the server, and the caller gets [`NetworkError::Lost`].
    RequestLost,
    /// The server has done it, and the caller gets [`NetworkError::Lost`] all the same.
    AnswerLost,
    /// The server has done it, and the connection breaks: this request fails, and so does every
    /// other one until [`connect`](Network::connect).
    Broken,
    /// [`receive`](Network::receive) returns fewer items than there are, and at least one.
    Short,
    /// It does not reach the server, and nobody ever says so: the caller needs a timeout. Not
    /// among the faults of a [new](Network::new) network.
    Silent,
}

/// What the sites of these faults are called, behind the name of the network or of the request.
const FAULT_SITES: [&str; 6] = [
    "not connected",
    "silence",
    "request lost",
    "answer lost",
    "connection breaks",
    "short result",
];

/// Whether the site of a fault is one of a network's.
pub(crate) fn is_network_fault(site: &str) -> bool {
    site.rsplit_once(": ").is_some_and(|(_, what)| FAULT_SITES.contains(&what))
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// No answer came. Whether the server has done what it was asked for is open.
    #[error("no answer came")]
    Lost,
    /// The connection is broken. Whether the server has done it is open.
    #[error("the connection is broken")]
    Broken,
    /// The server answered that it did not do it, for this reason.
    #[error("the server refused: {0}")]
    Refused(&'static str),
    /// Nothing was sent: no check runs here. The name is the network's.
    #[error(
        "the network `{0}` is a stand-in and works only inside of a check: in production, put a \
         real connection behind the same trait"
    )]
    OutsideOfCheck(&'static str),
}

impl From<NetworkError> for io::Error {
    fn from(error: NetworkError) -> Self {
        let kind = match error {
            NetworkError::Lost => io::ErrorKind::TimedOut,
            NetworkError::Broken => io::ErrorKind::ConnectionReset,
            NetworkError::Refused(_) => io::ErrorKind::Other,
            NetworkError::OutsideOfCheck(_) => io::ErrorKind::Unsupported,
        };
        Self::new(kind, error)
    }
}

impl Network {
    /// A network of this name that takes no time and has every fault but
    /// [`Silent`](NetworkFault::Silent). It is connected.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        use NetworkFault::{AnswerLost, Broken, RequestLost, Short};
        Self {
            name,
            latency: Latency::default(),
            faults: vec![RequestLost, AnswerLost, Broken, Short],
            refusals: Vec::new(),
            is_connected: Register::new(name, true),
        }
    }

    /// This network with another latency of its requests and of `connect`, there and back
    /// together, in virtual milliseconds.
    #[must_use]
    pub fn latency(mut self, latency: impl Into<Latency>) -> Self {
        self.latency = latency.into();
        self
    }

    /// This network with these faults instead.
    #[must_use]
    pub fn faults(mut self, faults: impl IntoIterator<Item = NetworkFault>) -> Self {
        self.faults = faults.into_iter().collect();
        self
    }

    /// This network with a server that may refuse the requests of this name, for these reasons.
    #[must_use]
    pub fn refuses(
        mut self,
        request: &'static str,
        reasons: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        self.refusals.extend(reasons.into_iter().map(|reason| (request, reason)));
        self
    }

    /// Connects, anew if the connection is broken or not.
    ///
    /// # Errors
    ///
    /// [`Lost`](NetworkError::Lost) if the server does not answer, and
    /// [`OutsideOfCheck`](NetworkError::OutsideOfCheck).
    pub async fn connect(&self) -> Result<(), NetworkError> {
        self.is_in_check()?;
        self.is_connected.read().await;
        let is_lost = self.strikes(NetworkFault::RequestLost, self.name, "not connected");
        pass(self.latency.draw(|| site(self.name, "latency"))).await;
        if is_lost {
            return Err(NetworkError::Lost);
        }
        self.is_connected.set(true);
        Ok(())
    }

    /// Sends a request of this name; `serve` is what the server does when it gets it. Returns the
    /// server's answer.
    ///
    /// # Errors
    ///
    /// A [`NetworkError`], by the network's faults.
    pub async fn request<T>(
        &self,
        name: &'static str,
        serve: impl FnOnce() -> T,
    ) -> Result<T, NetworkError> {
        self.is_in_check()?;
        if !self.is_connected.read().await {
            return Err(NetworkError::Broken);
        }
        if self.strikes(NetworkFault::Silent, name, "silence") {
            pending::<()>().await;
        }
        let ms = self.latency.draw(|| site(name, "latency"));
        if self.strikes(NetworkFault::RequestLost, name, "request lost") {
            pass(ms).await;
            return Err(NetworkError::Lost);
        }
        pass(ms / 2).await;
        let of_name = self.refusals.iter().filter(|(request, _)| *request == name);
        let refusal = of_name.map(|(_, why)| *why).find(|why| engine::fault(site(name, why)));
        let answer = match refusal {
            Some(why) => Err(NetworkError::Refused(why)),
            None => Ok(serve()),
        };
        let is_lost = self.strikes(NetworkFault::AnswerLost, name, "answer lost");
        if !is_lost && self.strikes(NetworkFault::Broken, name, "connection breaks") {
            self.is_connected.set(false);
        }
        pass(ms - ms / 2).await;
        if !self.is_connected.get() {
            return Err(NetworkError::Broken);
        }
        if is_lost { Err(NetworkError::Lost) } else { answer }
    }

    /// Sends a request whose answer has items, or bytes: fewer may come than the server sent, from
    /// its first on, and at least one.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn receive<T>(
        &self,
        name: &'static str,
        serve: impl FnOnce() -> Vec<T>,
    ) -> Result<Vec<T>, NetworkError> {
        let mut items = self.request(name, serve).await?;
        if items.len() > 1 && self.strikes(NetworkFault::Short, name, "short result") {
            let most = u32::try_from(items.len() - 1).unwrap_or(u32::MAX);
            // By default, one is missing.
            let missing = 1 + engine::choose(site(name, "items missing"), most);
            items.truncate(items.len() - missing as usize);
        }
        Ok(items)
    }

    fn is_in_check(&self) -> Result<(), NetworkError> {
        if engine::is_simulated() { Ok(()) } else { Err(NetworkError::OutsideOfCheck(self.name)) }
    }

    fn strikes(&self, fault: NetworkFault, whose: &'static str, what: &'static str) -> bool {
        self.faults.contains(&fault) && engine::fault(site(whose, what))
    }
}
