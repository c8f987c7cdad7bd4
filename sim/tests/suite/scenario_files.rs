//! Scenario files: the parser never panics, and what is written reads back.

use mapi_sync::SyncFlags;
use mapi_sync_sim::world::{
    Account, Cost, Folder, Folders, Host, Provider, Scenario, Shutdown, Text, builtins,
};
use proptest::prelude::*;

fn cost() -> impl Strategy<Value = Cost> {
    prop_oneof![
        (0..1000_u64).prop_map(Cost::Fixed),
        (0..1000_u64, 0..1000_u64).prop_map(|(low, more)| Cost::Uniform(low, low + more)),
        prop::collection::vec(0..1000_u64, 1..5).prop_map(Cost::Choice),
    ]
}

fn folders() -> impl Strategy<Value = Folders> {
    let named = ("[a-zA-Z\"\\\\ é]{1,8}", prop::option::of(0..100_u32))
        .prop_map(|(name, messages)| Folder { name, messages });
    prop_oneof![
        (0..50_u32).prop_map(Folders::Count),
        prop::collection::vec(named, 0..4).prop_map(Folders::Named),
    ]
}

fn account() -> impl Strategy<Value = Account> {
    ("[a-z'# ]{1,9}", any::<u32>(), folders(), 0..10_u32).prop_map(
        |(name, flags, folders, more)| Account {
            name,
            flags: SyncFlags::from_bits_retain(flags),
            folders,
            messages: more,
            new_folders: more / 2,
            outgoing: more / 3,
            selected: 0,
        },
    )
}

prop_compose! {
    fn scenario()(
        accounts in prop::collection::vec(account(), 1..4),
        workers in 1..=64_u32,
        body in cost(),
        callback in cost(),
        text in prop::sample::select(vec![Text::Changing, Text::Unchanged, Text::Null]),
        mutant in prop::option::of(prop::sample::select(vec!["done-twice"])),
        shutdown in prop::sample::select(Shutdown::ALL.to_vec()),
    ) -> Scenario {
        let mut scenario = builtins()[0].clone();
        scenario.accounts = accounts;
        scenario.mutant = mutant.map(str::to_owned);
        scenario.provider = Provider { workers, text, ..Provider::default() };
        scenario.provider.cost.body = body;
        scenario.host = Host { callback, shutdown, ..Host::default() };
        scenario
    }
}

proptest! {
    #[test]
    fn written_scenarios_read_back_equal(scenario in scenario()) {
        let text = scenario.to_toml();
        let read = Scenario::parse("written.toml", &text);
        let read = read.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read.digest(), scenario.digest());
        prop_assert_eq!(read, scenario);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        if let Err(error) = Scenario::parse("any.toml", &text) {
            prop_assert!(error.to_string().starts_with("any.toml:"));
        }
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_with_a_place(
        which in 0..builtins().len(),
        cut in any::<prop::sample::Index>(),
        length in 0..12_usize,
        patch in "[\\PC\n\t\r]{0,6}",
    ) {
        let mut text: Vec<char> = builtins()[which].to_toml().chars().collect();
        let start = cut.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, patch.chars());
        let text: String = text.into_iter().collect();
        if let Err(error) = Scenario::parse("damaged.toml", &text) {
            prop_assert!(error.line() <= text.matches('\n').count() + 1);
            let line = text.split('\n').nth(error.line() - 1).unwrap();
            prop_assert!(error.column() <= line.chars().count() + 1, "{}", error);
            let lines = 4 + error.message().matches('\n').count();
            prop_assert_eq!(error.to_string().lines().count(), lines);
        }
    }
}

#[test]
fn built_in_scenarios_read_back_equal() {
    for scenario in builtins() {
        let read = Scenario::parse("again.toml", &scenario.to_toml()).unwrap();
        assert_eq!(read, *scenario);
    }
}
