//! What holds of every screen.

use std::collections::BTreeSet;
use std::time::Duration;

use divider::Revision;
use divider::snapshot::{GoneNode, KeyStatus, NodeEnd, NodeState, NodeStatus, Phase, Snapshot};

use super::plays::*;
use super::*;
use crate::top::fixture::{key, node_id};
use crate::top::model::settings::{Settings, ThemeName};
use crate::top::view::nodes::state;

#[test]
fn states_are_told_apart_by_their_words_and_signs_alone() {
    for ascii in [false, true] {
        let settings = Settings { ascii, theme: ThemeName::Mono, ..Settings::default() };
        let theme = Theme::of(&settings);
        let node = |state| NodeStatus::new(node_id("w1"), state, now());
        let words: BTreeSet<String> = STATES.iter().map(|s| state(&node(*s), now())).collect();
        let signs: BTreeSet<&str> = STATES.iter().map(|s| theme.state_sign(*s)).collect();
        assert_eq!((words.len(), signs.len()), (STATES.len(), STATES.len()));
        assert!(!ascii || signs.iter().all(|sign| sign.is_ascii()));
    }
}

#[test]
fn in_ascii_nothing_else_is_on_the_screen() {
    for keys in ["1", "2", "3", "4", "?", "a", "D", "j j enter"] {
        let mut play = Play::with_group(Settings { ascii: true, ..Settings::default() });
        play.press(keys);
        let shown = text(&drawn(&mut play, 120, 40));
        assert!(shown.is_ascii(), "{keys}: {shown}");
    }
}

#[test]
fn without_colours_the_selection_is_reversed_and_nothing_is_coloured() {
    let mut play = Play::with_group(Settings { no_color: true, ..Settings::default() });
    let buffer = drawn(&mut play, 80, 24);
    assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let row = selected_row(&buffer);
    assert!(row.iter().all(|cell| cell.modifier.contains(Modifier::REVERSED)));
}

/// The row of the list that is selected.
fn selected_row(buffer: &Buffer) -> &[Cell] {
    let mut rows = buffer.content().chunks(usize::from(buffer.area.width));
    rows.find(|row| [">", "▸"].contains(&row[0].symbol())).expect("a selected row")
}

#[test]
fn the_selected_row_has_one_ground_in_every_theme() {
    for theme in [ThemeName::Dark, ThemeName::Light, ThemeName::Cb, ThemeName::Mono] {
        for keys in ["1", "2", "3", "j", "j j", "j j j", "j j j j"] {
            let mut play = Play::with_group(Settings { theme, ..Settings::default() });
            play.press(keys);
            let buffer = drawn(&mut play, 100, 40);
            let row = selected_row(&buffer);
            let ground = |cell: &Cell| {
                let seen = Modifier::REVERSED | Modifier::DIM | Modifier::UNDERLINED;
                (cell.fg, cell.bg, cell.modifier & seen)
            };
            assert!(row.iter().all(|cell| ground(cell) == ground(&row[0])), "{theme:?} {keys}");
        }
    }
}

#[test]
fn trouble_is_seen_on_the_smallest_screens() {
    for (columns, rows) in [(40, 12), (60, 15), (80, 24)] {
        let shown = text(&drawn(&mut group(), columns, rows));
        assert!(shown.contains("✖ 1 lost"), "{columns}x{rows}\n{shown}");
        assert!(shown.contains("1 node is lost"), "{columns}x{rows}\n{shown}");
    }
}

#[test]
fn the_plan_of_a_drain_is_seen_on_the_smallest_screens() {
    for (columns, rows) in [(40, 12), (60, 15)] {
        let mut play = with_plan();
        let shown = text(&drawn(&mut play, columns, rows));
        for part in ["Moves 6 keys to 2 nodes", "node-04", "+4", "Cancel", "Drain 6"] {
            assert!(shown.contains(part), "{part} in {columns}x{rows}\n{shown}");
        }
        // The fields are there one by one.
        play.press("shift-tab");
        let shown = text(&drawn(&mut play, columns, rows));
        assert!(shown.contains("Reason"), "{shown}");
    }
}

#[test]
fn a_pop_up_is_a_closed_box_over_a_dimmed_screen() {
    for keys in ["a", "?", "j j enter", "G D", "R"] {
        for (columns, rows) in [(120, 40), (80, 24), (60, 15), (40, 12)] {
            let mut play = pressed(keys);
            let buffer = drawn(&mut play, columns, rows);
            let corners = ["┌", "┐", "└", "┘"].map(|corner| {
                let found = buffer.content().iter().position(|cell| cell.symbol() == corner);
                found.unwrap_or_else(|| panic!("{keys} {corner}\n{}", text(&buffer)))
            });
            let width = usize::from(columns);
            let [left, right, below, _] = corners;
            assert_eq!((left / width, left % width), (right / width, below % width));
            // What is left of the screen beside it is dimmed, or there is nothing.
            let first = &buffer.content()[0];
            let is_beside = left / width > 0;
            assert!(!is_beside || first.modifier.contains(Modifier::DIM) || first.symbol() == " ");
        }
    }
}

#[test]
fn nothing_is_offered_that_would_be_refused() {
    let mut play =
        Play::with_group(Settings { read_only: Some("--readonly".into()), ..Settings::default() });
    let shown = text(&drawn(&mut play, 160, 40));
    assert!(!shown.contains("D drain") && !shown.contains("R rebalance"), "{shown}");
    let shown = text(&drawn(&mut pressed("G"), 160, 40));
    assert!(shown.contains("D drain") && !shown.contains("u resume"), "{shown}");
    let shown = text(&drawn(&mut pressed("G D"), 160, 40));
    assert!(shown.contains("tab next") && shown.contains("esc cancel"), "{shown}");
}

#[test]
fn the_filter_says_how_much_it_shows() {
    let mut play = pressed("2 /");
    play.type_in("eu");
    play.press("enter");
    let shown = text(&drawn(&mut play, 120, 40));
    assert!(shown.contains("/eu  2 of 24"), "{shown}");
}

#[test]
fn a_key_without_a_claim_has_no_token() {
    let mut play = with(|group| {
        let mut status = KeyStatus::new(Phase::Orphaned, now());
        status.revision = Revision(5);
        group.key(key("a"), status)
    });
    play.press("2");
    let shown = text(&drawn(&mut play, 120, 40));
    assert!(!shown.contains("token 0") && shown.contains("claim    none"), "{shown}");
}

#[test]
fn the_ages_of_one_stop_agree_on_its_card() {
    let mut play = card_of("eu.acme.invoices");
    let shown = text(&drawn(&mut play, 120, 40));
    let card = shown.split("┌─ Key").nth(1).expect("the card");
    assert!(card.contains("stopping  for 42s"), "{card}");
    assert!(card.contains("has been stopping it for 42s"), "{card}");
}

#[test]
fn no_name_reaches_the_terminal_raw() {
    let mut play = pressed("2");
    for at in 0..24 {
        play.press("j");
        let buffer = drawn(&mut play, 200, 50);
        let raw = |cell: &Cell| cell.symbol().chars().any(char::is_control);
        assert!(!buffer.content().iter().any(raw), "{at}");
    }
    assert!(text(&drawn(&mut play, 200, 50)).contains("us.\\u{1b}[2Jzed"));
}

/// Every size from 1×1 on, with everything that can lie over the screen.
#[test]
fn nothing_panics_in_any_size() {
    for keys in ["1", "2", "3", "4", "5", "?", "a", "D", "u", "j j enter", "/ x", ": x", "f", "e"] {
        let mut play = pressed(keys);
        for columns in (1..=130).step_by(3).chain([300]) {
            for rows in (1..=42).step_by(2).chain([80]) {
                drawn(&mut play, columns, rows);
            }
        }
    }
}

#[test]
fn a_dialog_keeps_its_buttons_on_the_screen() {
    let mut play = with_plan();
    for (columns, rows) in [(120, 40), (80, 24), (60, 16)] {
        let shown = text(&drawn(&mut play, columns, rows));
        assert!(shown.contains("[ Cancel ]") && shown.contains("[ Drain 6 keys ]"), "{shown}");
        assert!(matches!(play.model.overlay, Overlay::Dialog(_)));
    }
}

#[test]
fn a_node_that_died_leaves_a_trace() {
    let mut play = with(|group| {
        let end = NodeEnd::Died { by: Some(node_id("w2")) };
        let since = now() - Duration::from_mins(2);
        let mut gone = GoneNode::new(node_id("w1"), end, since);
        gone.keys = Some(100);
        let mut node = NodeStatus::new(node_id("w2"), NodeState::Ready, now());
        (node.keys, node.target, node.effective_affinity, node.affinity) = (1, 1, 100, 100);
        group.gone(vec![gone]).node(node)
    });
    for (columns, rows) in [(120, 40), (80, 24), (40, 12)] {
        let shown = text(&drawn(&mut play, columns, rows));
        let said = shown.contains("w1 died 2m0") && shown.contains("s ago, ended by w2");
        assert!(said, "{columns}x{rows}\n{shown}");
    }
    // After a while it is for the events alone.
    play.tick(3600);
    assert!(!text(&drawn(&mut play, 120, 40)).contains("w1 died"));
}

#[test]
fn a_warning_has_the_next_command() {
    let shown = text(&drawn(&mut group(), 120, 40));
    assert!(
        shown.contains("without a heartbeat for 10s: node-03  → divider nodes --live"),
        "{shown}"
    );
    assert!(shown.contains("→ divider key "), "{shown}");
}

#[test]
fn a_drain_that_stands_still_says_why() {
    let mut play = group();
    let mut node = play.model.data.live.node(&node_id("node-07")).expect("there").clone();
    (node.unconfirmed.count, node.stopping) = (0, 0);
    node.unconfirmed.oldest.clear();
    let group = play.model.place.group.clone();
    let snapshot = Snapshot::builder(group, Revision(184_300), play.at(2)).node(node);
    play.show(snapshot.build());
    play.tick(30);
    play.tick(31);
    let live = play.model.data.live.clone();
    let heard = Snapshot::builder(live.group().clone(), Revision(184_301), play.at(31));
    let mut beats = live.nodes().next().expect("one").clone();
    beats.last_beat = Some(play.at(31));
    play.show(heard.node(beats).build());
    let shown = text(&drawn(&mut play, 120, 40));
    assert!(shown.contains("58 keys wait: no other node takes them"), "{shown}");
}
