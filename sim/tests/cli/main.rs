//! The command, as it is run from a shell, and the files that it reads.

mod command;
mod fuzz_corpus;
mod trace;
mod trace_import;
