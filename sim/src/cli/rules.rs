//! `rules`: the table of the contract.

use mapi_sync::contract::Rule;
use mapi_sync_sim::report::Document;

use super::args::RulesArgs;
use super::failure::Failure;
use super::{Verdict, output};

pub(super) fn run(args: &RulesArgs) -> Result<Verdict, Failure> {
    let document = args.rule.map_or(Document::Rules(Rule::ALL), Document::Rule);
    output::write(args.output.format, document)?;
    Ok(Verdict::Held)
}
