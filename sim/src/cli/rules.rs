//! `rules`: the table of the contract, or one rule by example.

use mapi_sync::contract::Rule;
use mapi_sync_sim::Lesson;
use mapi_sync_sim::report::{Document, Format};

use super::args::RulesArgs;
use super::failure::Failure;
use super::output;
use super::status::Status;

pub(super) fn run(args: &RulesArgs) -> Result<Status, Failure> {
    let format = args.output.format;
    match args.rule {
        None => output::write(format, Document::Rules(Rule::ALL))?,
        Some(rule) if format == Format::Human => {
            output::write(format, Document::Lesson(&Lesson::of(rule)))?;
        }
        Some(rule) => output::write(format, Document::Rule(rule))?,
    }
    Ok(Status::Held)
}
