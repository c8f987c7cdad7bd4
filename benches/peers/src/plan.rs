//! What to run, as the command line says.

use crate::USAGE;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    pub(crate) turns: u32,
    pub(crate) seeds: u32,
    pub(crate) most: u64,
    pub(crate) millis: u64,
    pub(crate) json: bool,
    pub(crate) only: Option<Part>,
}

/// One of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Search,
    Rate,
    Bugs,
}

impl Plan {
    /// Reads the arguments after the command's name.
    pub(crate) fn from_arguments(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, String> {
        let mut plan = Self {
            rounds: 5,
            turns: 75,
            seeds: 20,
            most: 10_000,
            millis: 20,
            json: false,
            only: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => plan.json = true,
                "--rounds" => plan.rounds = number(&argument, arguments.next())?,
                "--turns" => plan.turns = number(&argument, arguments.next())?,
                "--seeds" => plan.seeds = number(&argument, arguments.next())?,
                "--most" => plan.most = number(&argument, arguments.next())?,
                "--millis" => plan.millis = number(&argument, arguments.next())?,
                "--only" => {
                    plan.only = Some(match arguments.next().as_deref() {
                        Some("search") => Part::Search,
                        Some("rate") => Part::Rate,
                        Some("bugs") => Part::Bugs,
                        _ => return Err(USAGE.to_owned()),
                    });
                }
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(plan)
    }

    /// Whether this table is wanted.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

fn number<N: std::str::FromStr + Default + PartialEq>(
    name: &str,
    value: Option<String>,
) -> Result<N, String> {
    value
        .and_then(|value| value.parse().ok())
        .filter(|number| *number != N::default())
        .ok_or_else(|| format!("{name} takes a number above 0\n\n{USAGE}"))
}
