//! Screens, drawn without a terminal.

use std::time::Duration;

use mapi_sync_sim::Check;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;

use super::explore::Explorer;
use super::play::Player;
use super::{Screen, Then, draw};

/// What is on a screen of this size.
fn drawn(screen: &mut impl Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(screen, frame)).unwrap();
    terminal.backend().to_string()
}

fn press(screen: &mut impl Screen, keys: &str) {
    for key in keys.chars() {
        assert_eq!(screen.key(KeyCode::Char(key)), Then::GoOn);
    }
}

/// The first counterexample of a mutant, shrunk.
fn explorer(mutant: &str) -> Explorer {
    let check = Check::named(mutant).unwrap().schedules(2_000).fail_fast(true).jobs(1);
    let token = check.run().counterexamples[0].token().to_string();
    Explorer::new(check.walk(&token).unwrap())
}

#[test]
fn explorer_begins_where_the_rule_breaks() {
    let mut explorer = explorer("late-ticker");
    for (width, height) in [(60, 16), (80, 24), (200, 50)] {
        let screen = drawn(&mut explorer, width, height);
        assert!(screen.contains("<- "), "{screen}");
        assert!(screen.contains("done-last breaks: "), "{screen}");
        assert!(screen.contains("What happened"), "{screen}");
        assert!(screen.contains("q quit"), "{screen}");
    }
    let screen = drawn(&mut explorer, 80, 24);
    assert!(screen.contains("could have run: "), "{screen}");
    assert!(screen.contains("token: ms2-"), "{screen}");
}

#[test]
fn an_alternative_leads_elsewhere_and_back() {
    let mut explorer = explorer("late-ticker");
    let before = drawn(&mut explorer, 80, 24);
    let farewell = explorer.farewell();
    explorer.key(KeyCode::Home);
    // To a step at which something else could happen.
    while !drawn(&mut explorer, 80, 24).contains("> ") || explorer.farewell() == farewell {
        if explorer.key(KeyCode::Enter) == Then::GoOn && explorer.farewell() != farewell {
            break;
        }
        explorer.key(KeyCode::Right);
    }
    assert!(drawn(&mut explorer, 80, 24).contains("from here on all is decided by default"));
    press(&mut explorer, "uv");
    assert_eq!(explorer.farewell(), farewell);
    assert_eq!(drawn(&mut explorer, 80, 24), before);
}

#[test]
fn the_token_is_copied() {
    let mut explorer = explorer("late-ticker");
    let Then::Copy(token) = explorer.key(KeyCode::Char('y')) else { panic!("nothing is copied") };
    assert_eq!(explorer.farewell(), format!("mapi-sync explore {token}"));
    assert!(Check::of_token(&token).is_ok());
}

#[test]
fn a_small_terminal_is_told() {
    let mut explorer = explorer("late-ticker");
    let screen = drawn(&mut explorer, 50, 10);
    assert!(screen.contains("50 columns and 10 lines"), "{screen}");
}

#[test]
fn help_lists_the_keys() {
    let mut explorer = explorer("late-ticker");
    press(&mut explorer, "?");
    assert!(drawn(&mut explorer, 80, 24).contains("let it happen"));
    press(&mut explorer, "?");
    assert!(!drawn(&mut explorer, 80, 24).contains("let it happen"));
}

#[test]
fn the_dialog_goes_line_by_line() {
    let mut player = Player::new(Check::builtin("tiny-sync").unwrap(), true);
    let screen = drawn(&mut player, 80, 24);
    assert!(screen.contains("not started") && screen.contains("stopped"), "{screen}");
    player.pass(Duration::from_secs(100));
    assert_eq!(drawn(&mut player, 80, 24), screen, "it is stopped");
    press(&mut player, "n");
    assert!(drawn(&mut player, 80, 24).contains("running"));
    player.key(KeyCode::End);
    let screen = drawn(&mut player, 80, 24);
    assert!(screen.contains("done: S_OK") && screen.contains("ended"), "{screen}");
    assert!(screen.contains("nothing is broken"), "{screen}");
    press(&mut player, "p");
    assert!(!drawn(&mut player, 80, 24).contains("ended"));
}

#[test]
fn the_dialog_goes_on_by_itself() {
    let mut player = Player::new(Check::builtin("tiny-sync").unwrap(), false);
    for _ in 0..10_000 {
        player.pass(Duration::from_millis(500));
    }
    assert!(drawn(&mut player, 200, 50).contains("done: S_OK"));
}

#[test]
fn cancel_all_is_pressed_in_the_middle() {
    let mut player = Player::new(Check::builtin("default").unwrap(), true);
    while !drawn(&mut player, 80, 24).contains("Progress") {
        press(&mut player, "n");
    }
    press(&mut player, "c");
    let screen = drawn(&mut player, 80, 24);
    assert!(screen.contains("the user presses Cancel All after"), "{screen}");
    player.key(KeyCode::End);
    let screen = drawn(&mut player, 200, 50);
    assert!(screen.contains("MAPI_E_USER_CANCEL"), "{screen}");
}

#[test]
fn another_schedule_is_drawn() {
    let mut player = Player::new(Check::builtin("tiny-sync").unwrap(), true);
    let first = player.farewell();
    press(&mut player, "r");
    assert_ne!(player.farewell(), first);
    assert!(drawn(&mut player, 80, 24).contains("schedule 1"));
}
