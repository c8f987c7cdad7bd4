//! The command, as it is run from a shell, and the files that it reads.

mod command;
mod formats;
mod fuzz_corpus;
mod missed;
mod pages;
mod protocols;
mod trace;
mod trace_import;
