//! The benchmarks are beside what they measure; `Cargo.toml` names them. There is no code in here.
