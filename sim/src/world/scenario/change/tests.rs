use super::super::builtins;
use super::*;

#[test]
fn codes_read_back_and_are_different() {
    let mut codes = BTreeMap::new();
    for scenario in builtins() {
        for knob in Knob::all(scenario) {
            let (code, account) = knob.code();
            assert_eq!(Knob::from_code(code, || account.ok_or(())), Ok(Some(knob)));
            assert_eq!(*codes.entry((code, account)).or_insert(knob), knob);
        }
    }
}

/// The whole table of numbers in tokens. A change here makes old tokens replay something else.
#[test]
fn codes_never_change() {
    let table: Vec<String> = (0..64)
        .filter_map(|code| {
            let knob = Knob::from_code(code, || Ok::<_, ()>(7)).unwrap()?;
            assert_eq!(knob.code().0, code);
            let account = if knob.code().1 == Some(7) { " (account)" } else { "" };
            Some(format!("{code} {knob}{account}"))
        })
        .collect();
    let pinned = [
        "0 cancels",
        "1 shutdown",
        "2 overlapping start",
        "3 start inside Progress",
        "4 account (account)",
        "5 syncs",
        "6 workers",
        "7 sign of life ms",
        "8 flags (account)",
        "9 folders (account)",
        "10 messages (account)",
        "11 new folders (account)",
        "12 outgoing messages (account)",
        "13 retries",
        "14 retry delay ms",
        "15 latency ms",
        "16 cancel after ms",
        "17 shutdown after ms",
        "18 callback ms",
        "19 connect ms",
        "20 folder ms",
        "21 header ms",
        "22 body ms",
        "23 upload ms",
        "32 network loss",
        "33 network latency",
        "34 offline",
        "35 callback failure",
        "36 callback panic",
        "37 query interface refused",
        "38 event creation",
        "39 task creation",
        "40 task dropped",
        "41 spurious wake",
        "42 handle duplication",
    ];
    // New ones are appended, so the old table is a part of the new one.
    for line in pinned {
        assert!(table.iter().any(|found| found == line), "{line}: {table:#?}");
    }
}

#[test]
fn what_is_set_is_read_back_and_reads_as_a_scenario() {
    for base in builtins() {
        for knob in Knob::all(base) {
            for value in knob.smaller(base, &Changes::default()) {
                let changes = Changes::default().with(knob, value);
                let Some(changed) = changes.apply(base) else {
                    assert!(base.accounts.len() == 1 && matches!(knob, Knob::Account(0)));
                    continue;
                };
                assert_eq!(Scenario::parse("changed", &changed.to_toml()).as_ref(), Ok(&changed));
                match knob {
                    Knob::Account(_) => {
                        assert_eq!(changed.accounts.len() + 1, base.accounts.len());
                    }
                    _ => assert_eq!(knob.value(&changed), Some(value), "{knob:?} of {}", base.name),
                }
                assert!(changes.value(knob, base) == Some(value));
            }
        }
        let idle = Knob::all(base).filter_map(|knob| Some((knob, knob.value(base)?)));
        let idle =
            idle.fold(Changes::default(), |changes, (knob, value)| changes.with(knob, value));
        assert_eq!(idle.apply(base).as_ref(), Some(base));
        assert!(idle.without_idle(base).is_empty());
    }
}

#[test]
fn nothing_but_faults_can_be_raised() {
    for base in builtins() {
        for knob in Knob::all(base) {
            let changed = Changes::default().with(knob, u64::MAX).apply(base).unwrap();
            assert!(Scenario::parse("changed", &changed.to_toml()).is_ok(), "{knob:?}");
            if !matches!(knob, Knob::Fault(_) | Knob::Time(_)) {
                assert_eq!(&changed, base, "{knob:?}");
            }
        }
    }
}
