//! Synchronization: `tokio::sync`.
