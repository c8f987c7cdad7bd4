//! `rules`: the table of the contract.

use mapi_sync::contract::Rule;
use mapi_sync_sim::report::{json, write_rule, write_rules};

use super::args::RulesArgs;
use super::failure::Failure;
use super::{Verdict, output};

pub(super) fn run(args: &RulesArgs) -> Result<Verdict, Failure> {
    let rules = args.rule.as_ref().map_or(Rule::ALL, std::slice::from_ref);
    output::write(
        args.output.format,
        || json::Rules::new(rules),
        |out, palette| match args.rule {
            Some(rule) => write_rule(out, rule, palette),
            None => write_rules(out, rules, palette),
        },
    )?;
    Ok(Verdict::Held)
}
