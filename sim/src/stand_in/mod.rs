//! Stand-ins for what a provider or a program has outside of its process: a [`Network`] with a
//! server behind it, and a [`Storage`] whose content survives a crash.
//!
//! Both take virtual time and go wrong in the ways in which the real thing does. Whether something
//! goes wrong, and how, is a decision of the strategy like any other: by default nothing does, so
//! a counterexample shrinks to the faults that matter, and its token replays them. Each decision
//! has the name that you gave the request or the storage, and stands under it in time lines and
//! reports: `fetch: answer lost`, `disk: crash`.
//!
//! # Behind your own trait
//!
//! A stand-in is no part of production. Let your code know a trait of yours. In production it is a
//! socket or a database; in a check it is a few lines on a stand-in:
//!
//! ```
//! use mapi_sync::async_trait;
//! use mapi_sync_sim::engine::sync::Register;
//! use mapi_sync_sim::stand_in::{Network, NetworkError, NetworkFault};
//!
//! /// What the program needs of its server.
//! #[async_trait]
//! trait Server: Send + Sync {
//!     async fn send(&self, message: &str) -> std::io::Result<()>;
//! }
//!
//! /// The server of a check: a mailbox in memory, behind a network.
//! struct Simulated {
//!     network: Network,
//!     outbox: Register<Vec<String>>,
//! }
//!
//! #[async_trait]
//! impl Server for Simulated {
//!     async fn send(&self, message: &str) -> std::io::Result<()> {
//!         let deliver = || self.outbox.update(|outbox| outbox.push(message.to_owned()));
//!         Ok(self.network.request("send", deliver).await?)
//!     }
//! }
//!
//! /// Wrong: an answer that was lost does not mean that the message was.
//! async fn send_until_answered(server: &dyn Server) {
//!     for _ in 0..3 {
//!         if server.send("hello").await.is_ok() {
//!             return;
//!         }
//!     }
//! }
//!
//! let report = mapi_sync_sim::explore(|| async {
//!     let network = Network::new("smtp").latency(20).faults([NetworkFault::AnswerLost]);
//!     let outbox = Register::new("outbox", Vec::new());
//!     let server = Simulated { network, outbox: outbox.clone() };
//!     send_until_answered(&server).await;
//!     outbox.with(|outbox| assert!(outbox.len() <= 1, "sent {} times", outbox.len()));
//! })
//! .schedules(200)
//! .run();
//! let text = report.to_string();
//! assert!(text.contains("the fault send: answer lost strikes `main`"), "{text}");
//! ```
//!
//! # What survives a crash
//!
//! Each [`Storage`] has an oracle, and a check has it without asking: what was acknowledged as
//! stored survives a crash. See [there](Storage#the-oracle).
//!
//! # Limits
//!
//! Up to three faults strike in an execution of a [program](crate::explore), and in a check of a
//! provider as many as its scenario allows in all; [`calm`](crate::engine::calm) ends them. The
//! values that are drawn, such as a latency, are choices, which have no budget. An exhaustive
//! search tries all of them, so give it few.
//!
//! Make a stand-in where you make the provider or the program: it must keep nothing from one
//! execution to the next. Outside of an execution every operation returns an error that says so.

mod disk;
mod latency;
mod network;
mod site;
mod storage;

pub use self::latency::Latency;
pub(crate) use self::network::is_network_fault;
pub use self::network::{Network, NetworkError, NetworkFault};
pub use self::storage::{Crashed, Storage, StorageError, StorageFault};
