//! `rules`: the table of the contract.

use mapi_sync::contract::Rule;
use mapi_sync_sim::report::Document;

use super::args::RulesArgs;
use super::failure::Failure;
use super::output;
use super::status::Status;

pub(super) fn run(args: &RulesArgs) -> Result<Status, Failure> {
    let document = args.rule.map_or(Document::Rules(Rule::ALL), Document::Rule);
    output::write(args.output.format, document)?;
    Ok(Status::Held)
}
