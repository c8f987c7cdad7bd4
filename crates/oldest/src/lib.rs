//! What old versions have to do beside ours: see `tests/beside.rs`.
