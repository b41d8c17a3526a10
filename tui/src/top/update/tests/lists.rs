//! Lists, their filters, and the palette.

use divider::Revision;
use ratatui::crossterm::event::{KeyModifiers, MouseButton, MouseEventKind};

use super::*;
use crate::top::fixture::key;
use crate::top::model::View;

#[test]
fn nodes_in_trouble_come_first() {
    let play = group();
    let ids: Vec<&str> = play.model.nodes.ids().iter().map(NodeId::as_str).collect();
    let expected = ["node-11", "node-03", "node-07", "node-09", "node-12", "node-10", "node-01"];
    assert_eq!(&ids[..7], expected);
}

#[test]
fn the_selection_stays_on_its_node_when_the_order_changes() {
    let mut play = group();
    play.press("j j");
    assert_eq!(selected(&play), "node-07");
    play.press("> > >");
    assert_eq!(selected(&play), "node-07");
    play.press("I");
    assert_eq!(selected(&play), "node-07");
    play.press("/");
    play.type_in("node-0");
    assert_eq!((selected(&play), play.model.nodes.ids().len()), ("node-07", 9));
    play.press("esc");
    assert_eq!((selected(&play), play.model.nodes.ids().len()), ("node-07", 12));
}

#[test]
fn a_capital_letter_sorts_and_again_turns_the_order_round() {
    let mut play = group();
    let first = |play: &Play| play.model.nodes.ids()[0].to_string();
    play.press("N");
    assert_eq!(first(&play), "node-01");
    play.press("N");
    assert_eq!(first(&play), "node-12");
    play.press("K");
    assert_eq!(first(&play), "node-12", "it has the most");
    play.press("S");
    assert_eq!(first(&play), "node-11");
    play.press("4 B");
    assert_eq!(said(&play), "this list has no such column");
}

#[test]
fn a_paused_screen_holds_still_while_the_data_goes_on() {
    let mut play = group();
    play.press("f");
    let empty = divider::snapshot::Snapshot::builder(
        play.model.place.group.clone(),
        Revision(184_300),
        play.at(5),
    );
    play.show(empty.build());
    play.tick(9);
    assert_eq!(play.model.snapshot().nodes().len(), 12);
    assert_eq!((play.model.data.live.nodes().len(), play.model.nodes.ids().len()), (0, 12));
    assert_eq!(play.model.age_at(), play.at(1));
    play.press("f");
    assert_eq!((play.model.snapshot().nodes().len(), play.model.nodes.ids().len()), (0, 0));
}

#[test]
fn the_palette_goes_to_nodes_and_keys() {
    let mut play = group();
    play.press(":");
    play.type_in("node node-05");
    play.press("enter");
    assert_eq!(selected(&play), "node-05");
    play.press(":");
    play.type_in("key eu.acme.refunds");
    let effects = play.press("enter");
    assert_eq!(effects, [Effect::Ask(Ask::Suitors(key("eu.acme.refunds")))]);
    assert!(matches!(play.model.overlay, Overlay::Card(_)));
    play.press("esc :");
    play.type_in("drain node-01");
    let effects = play.press("enter");
    assert_eq!(effects, [Effect::Ask(Ask::DrainPlan(vec![node_id("node-01")]))]);
    play.press("esc :");
    play.type_in("nosuchthing");
    play.press("enter");
    assert!(said(&play).contains("nosuchthing"));
    play.press(":");
    play.press("up up");
    let typed = play.model.typing.as_ref().map(|typing| typing.line.text());
    assert_eq!(typed.as_deref(), Some("drain node-01"));
}

#[test]
fn enter_on_a_node_shows_its_card_and_then_its_keys() {
    let mut play = group();
    play.press("j j enter");
    assert!(matches!(play.model.overlay, Overlay::Card(_)));
    play.press("enter");
    assert_eq!((play.model.view, play.model.filter_text()), (View::Keys, "node:node-07"));
    assert_eq!(play.model.keys.ids().len(), 3);
}

#[test]
fn what_is_typed_for_a_filter_is_no_command() {
    let mut play = group();
    play.press("/");
    play.type_in("qD:");
    assert_eq!(play.model.filter_text(), "qD:");
    update(&mut play.model, Msg::Paste("x\u{1b}\ny".to_owned()));
    assert_eq!(play.model.filter_text(), "qD:xy");
    play.press("ctrl-u backspace");
    assert!(play.model.typing.is_none());
}

#[test]
fn a_filter_of_owner_and_phase_shows_those_rows() {
    let mut play = group();
    play.press("2 /");
    play.type_in("owner:node-07 phase:stopping");
    assert_eq!(play.model.keys.ids(), [key("eu.acme.invoices"), key("eu.acme.refunds")]);
    assert_eq!(play.model.filter().error(), None);
    play.press("ctrl-u");
    play.type_in("phase:flying");
    let error = play.model.filter().error().expect("an error");
    assert!(error.contains("orphaned, running, stopping"), "{error}");
}

#[test]
fn a_view_and_its_filter_are_one_command() {
    let mut play = group();
    play.press(":");
    play.type_in("keys /eu");
    play.press("enter");
    assert_eq!((play.model.view, play.model.filter_text()), (View::Keys, "eu"));
    assert_eq!(play.model.keys.ids().len(), 2);
    play.press(":");
    play.type_in("get nodes");
    play.press("enter");
    assert_eq!(play.model.view, View::Nodes);
    play.press(":");
    play.type_in("describe node-05");
    play.press("enter");
    assert!(matches!(play.model.overlay, Overlay::Card(_)));
    assert_eq!(selected(&play), "node-05");
}

#[test]
fn keys_that_hands_type_are_bound_and_others_say_so() {
    let mut play = group();
    play.press("l l");
    assert_eq!(play.model.view, View::Moves);
    play.press("h");
    assert_eq!(play.model.view, View::Keys);
    play.press("-");
    assert_eq!(play.model.view, View::Moves);
    play.press("1 /");
    play.type_in("node-0");
    play.press("enter z 0");
    assert_eq!((play.model.nodes.ids().len(), play.model.filter_text()), (12, ""));
    play.press("d");
    assert!(matches!(play.model.overlay, Overlay::Card(_)));
    play.press("esc Q");
    assert_eq!(said(&play), "no action on key Q; ? shows the keys");
}

#[test]
fn a_file_is_written_under_the_name_that_is_given() {
    let mut play = group();
    play.press("x");
    let proposed = play.model.typing.as_ref().map(|typing| typing.line.text());
    assert_eq!(proposed.as_deref(), Some("divider-orders-nodes-1787486672.csv"));
    play.press("ctrl-u");
    play.type_in("w.csv");
    let effects = play.press("enter");
    let [Effect::Export { name, text }] = &effects[..] else { panic!("{effects:?}") };
    assert!(name == "w.csv" && text.starts_with("node,state"), "{name}: {text}");
}

fn click(play: &mut Play, column: u16, row: u16) {
    let kind = MouseEventKind::Down(MouseButton::Left);
    let mouse = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    update(&mut play.model, Msg::Mouse(mouse));
}

#[test]
fn the_mouse_opens_views_and_sorts_by_headings() {
    let mut play = Play::with_group(Settings { mouse: true, ..Settings::default() });
    play.resize(120, 40);
    let areas = Areas::of(&play.model);
    click(&mut play, 16, areas.tabs.y);
    assert_eq!(play.model.view, View::Keys);
    click(&mut play, 3, areas.tabs.y);
    assert_eq!(play.model.view, View::Nodes);
    let heading = Areas::of(&play.model).body.y;
    click(&mut play, 5, heading);
    assert_eq!(play.model.nodes.ids()[0].as_str(), "node-01");
    click(&mut play, 5, heading);
    assert_eq!(play.model.nodes.ids()[0].as_str(), "node-12");
}
