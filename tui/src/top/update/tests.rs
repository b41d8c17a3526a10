//! What keys and news lead to, without a terminal.

use divider::Revision;
use divider::group::{AfterResume, OnDeadline};
use divider::snapshot::{NodeState, RebalancePreview};
use proptest::prelude::*;

use super::action::{Action, BINDINGS};
use super::*;
use crate::top::fixture::{Play, drain_preview, info, key, node_id};
use crate::top::model::dialog::{Button, Task};
use crate::top::model::operation::Operation;
use crate::top::model::plan::Plan;
use crate::top::model::settings::Settings;
use crate::top::model::{ContextRow, Overlay, Place, View, Wire};

fn group() -> Play {
    Play::with_group(Settings::default())
}

fn dialog(play: &Play) -> &crate::top::model::dialog::Dialog {
    match &play.model.overlay {
        Overlay::Dialog(dialog) => dialog,
        other => panic!("no dialog: {other:?}"),
    }
}

fn selected(play: &Play) -> &str {
    play.model.nodes.selected().expect("a node").as_str()
}

/// Has the plan of the dialog that is open come in.
fn answer_drain(play: &mut Play) {
    let nodes = dialog(play).nodes.clone();
    let preview = Ok(drain_preview(play));
    play.news(News::DrainPlan { nodes, preview });
}

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
fn a_drain_is_planned_confirmed_and_asked_for() {
    let mut play = group();
    play.press("G");
    assert_eq!(selected(&play), "node-08");
    let effects = play.press("D");
    assert_eq!(effects, [Effect::Ask(Ask::DrainPlan(vec![node_id("node-08")]))]);
    assert_eq!(dialog(&play).button(), Some(Button::Cancel), "it begins on Cancel");
    // Before there is a plan nothing can be confirmed.
    play.press("tab tab");
    assert_eq!(play.press("enter"), []);
    assert!(dialog(&play).error.is_some());
    answer_drain(&mut play);
    assert_eq!(dialog(&play).button(), Some(Button::Go));
    let effects = play.press("enter");
    let [Effect::Ask(Ask::Operate(operation, why))] = &effects[..] else { panic!("{effects:?}") };
    let wanted = Operation::Drain {
        nodes: vec![node_id("node-08")],
        deadline: Some(std::time::Duration::from_hours(1)),
        on_deadline: OnDeadline::Keep,
        parallel: 256,
        planned: Revision(184_201),
    };
    assert_eq!((operation, why.by()), (&wanted, "ana@ops"));
    assert!(effects[0].is_mutation() && dialog(&play).busy);
    let done = News::Done { operation: wanted, result: Ok("begun".to_owned()) };
    play.news(done);
    assert!(matches!(play.model.overlay, Overlay::None));
}

#[test]
fn cancel_enter_and_escape_change_nothing() {
    for leave in ["enter", "esc"] {
        for open in ["D", "c", "W", "R", "F"] {
            let mut play = group();
            play.press("G");
            play.press(open);
            answer_drain(&mut play);
            let effects = play.press(leave);
            assert!(!effects.iter().any(Effect::is_mutation), "{open} {leave}: {effects:?}");
            assert!(matches!(play.model.overlay, Overlay::None), "{open} {leave}");
        }
    }
}

#[test]
fn a_plan_that_changed_is_told_and_takes_the_focus_to_cancel() {
    let mut play = group();
    play.press("G D");
    answer_drain(&mut play);
    play.press("tab tab");
    assert_eq!(dialog(&play).button(), Some(Button::Go));
    let nodes = dialog(&play).nodes.clone();
    let more = drain_preview(&play)
        .with_move(key("one.more"), node_id("node-08"), Some(node_id("node-04")))
        .with_receiver(node_id("node-02"), 1, 1);
    play.news(News::DrainPlan { nodes, preview: Ok(more) });
    assert_eq!(dialog(&play).changed.as_deref(), Some("the plan changed: 6 -> 7 keys"));
    assert_eq!(dialog(&play).button(), Some(Button::Cancel));
}

#[test]
fn a_drain_of_several_nodes_has_to_be_typed() {
    let mut play = group();
    play.press("G space k k space");
    assert_eq!(play.model.nodes.marks.len(), 2);
    play.press("D");
    answer_drain(&mut play);
    assert_eq!(dialog(&play).nodes.len(), 2);
    play.press("tab tab");
    assert_eq!(play.press("enter"), []);
    assert!(dialog(&play).error.as_ref().is_some_and(|error| error.contains("2 nodes")));
    play.press("shift-tab shift-tab shift-tab");
    play.type_in("2 nodes");
    play.press("tab tab tab");
    let effects = play.press("enter");
    assert!(effects.iter().any(Effect::is_mutation), "{effects:?}");
}

#[test]
fn a_drain_that_nobody_can_take_over_is_refused() {
    let mut play = group();
    let alone = play.group();
    let alone = divider::snapshot::Snapshot::builder(
        alone.group().clone(),
        alone.revision(),
        alone.taken(),
    );
    let only = play.model.data.live.node(&node_id("node-01")).expect("there").clone();
    play.show(alone.node(only).build());
    play.press("D");
    let preview = Ok(divider::snapshot::DrainPreview::new(Revision(7)));
    play.news(News::DrainPlan { nodes: vec![node_id("node-01")], preview });
    let refusal = dialog(&play).refusal().expect("refused");
    assert!(refusal.contains("no other node"), "{refusal}");
    play.press("shift-tab shift-tab");
    assert!(!play.press("enter").iter().any(Effect::is_mutation));
}

#[test]
fn a_resume_says_whether_keys_move() {
    let mut play = group();
    play.press("j j u");
    assert_eq!((dialog(&play).task, selected(&play)), (Task::Undo, "node-07"));
    play.news(News::RebalancePlan(Ok(RebalancePreview::new(Revision(7)))));
    assert!(matches!(dialog(&play).plan, Plan::Rebalance(_)));
    play.press("shift-tab shift-tab right tab tab tab");
    let effects = play.press("enter");
    let after = AfterResume::Rebalance;
    let wanted = Operation::Resume { nodes: vec![node_id("node-07")], after };
    assert!(matches!(&effects[..], [Effect::Ask(Ask::Operate(got, _))] if *got == wanted));
}

#[test]
fn what_has_nothing_to_do_says_why() {
    let mut play = group();
    play.press("G u");
    assert_eq!(said(&play), "the node is neither cordoned nor drained");
    play.press("p");
    assert_eq!(said(&play), "the node is not being drained");
    play.press("2 D");
    assert!(matches!(play.model.overlay, Overlay::Dialog(_)), "the owner of a key can be drained");
}

fn said(play: &Play) -> &str {
    play.model.note.as_ref().map_or("", |note| note.text.as_str())
}

#[test]
fn a_lost_connection_freezes_ages_and_refuses_changes() {
    let mut play = group();
    play.lose();
    play.tick(38);
    assert!(matches!(play.model.wire, Wire::Lost { .. }));
    assert_eq!(play.model.age_at(), play.at(1));
    assert_eq!(play.press("D"), []);
    assert_eq!(said(&play), "read-only: connection lost");
    let snapshot = play.group();
    play.show(snapshot);
    assert_eq!(play.model.wire, Wire::Live);
    assert!(!play.press("D").is_empty());
}

/// A node may have been drained while nobody could see it.
#[test]
fn nobody_is_judged_while_nothing_is_heard() {
    let mut play = group();
    play.tick(2);
    let before = play.model.data.conditions.clone();
    play.lose();
    play.tick(7200);
    let drain = play.model.data.drains.iter().next().expect("one");
    assert!(drain.is_failed(play.model.now), "its deadline passed meanwhile");
    assert!(!drain.is_failed(play.model.shown_at()));
    assert_eq!(play.model.heard_at().at, play.at(1));
    let codes = |conditions: &[crate::conditions::Condition]| -> Vec<_> {
        conditions.iter().map(|condition| (condition.code, condition.severity)).collect()
    };
    assert_eq!(codes(&play.model.data.conditions), codes(&before));
    // While it is read again, what is on the screen is still what was heard before.
    let live = play.model.data.live.clone();
    let mut changed = Changed::default();
    changed.link = true;
    let link = Link::Reading { records: 1000 };
    play.news(News::Update { snapshot: live, changed, link });
    assert_eq!(play.model.age_at(), play.at(1));
    play.press("ctrl-r");
    let snapshot = play.group();
    play.show(snapshot);
    assert_eq!(play.model.age_at(), play.at(7200));
}

#[test]
fn a_connection_lost_in_a_dialog_changes_nothing() {
    let mut play = group();
    play.press("G D");
    answer_drain(&mut play);
    play.press("tab tab");
    play.lose();
    assert_eq!(play.press("enter"), []);
    assert!(dialog(&play).error.as_ref().is_some_and(|e| e.contains("connection lost")));
}

#[test]
fn a_denied_write_makes_it_read_only() {
    let mut play = group();
    let failed = Failed { error: "permission denied: control.node-08".to_owned(), denied: true };
    play.news(News::Done { operation: Operation::Rebalance, result: Err(failed) });
    assert_eq!(play.press("G D"), []);
    assert!(said(&play).contains("permission denied"), "{}", said(&play));
}

#[test]
fn another_server_is_another_group_even_of_the_same_name() {
    let mut play = group();
    let failed = Failed { error: "permission denied".to_owned(), denied: true };
    play.news(News::Done { operation: Operation::Rebalance, result: Err(failed) });
    play.press(":");
    play.type_in("ctx");
    assert_eq!(play.press("enter"), [Effect::Contexts]);
    let row = |name: &str| ContextRow { name: name.to_owned(), url: "demo.nats.io".to_owned() };
    play.news(News::Contexts(vec![row("prod"), row("staging")]));
    let effects = play.press("down enter");
    assert_eq!(effects, [Effect::Ask(Ask::Context("staging".to_owned()))]);
    let context = Some("staging".to_owned());
    let place = Place { context: context.clone(), ..play.model.place.clone() };
    play.news(News::Going(place));
    assert_eq!(
        (play.model.snapshot().nodes().len(), play.model.wire.clone()),
        (0, Wire::Connecting)
    );
    let server = "demo.nats.io".to_owned();
    play.news(News::Open { group: play.model.place.group.clone(), server, context });
    assert!(play.model.denied.is_none(), "it is another user, too");
    assert_eq!(play.model.place.by, "ana@ops");
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
fn a_drain_is_followed_to_its_end_which_stays_until_it_is_put_away() {
    let mut play = group();
    assert_eq!(play.model.data.drains.iter().len(), 1);
    let drain = play.model.data.drains.iter().next().expect("one");
    let total = drain.total();
    assert_eq!((total.from, total.left, total.moved(), total.percent()), (206, 58, 148, 71));
    let mut node = play.model.data.live.node(&node_id("node-07")).expect("there").clone();
    (node.state, node.keys, node.stopping) = (NodeState::Drained, 0, 0);
    let live = &play.model.data.live;
    let done =
        divider::snapshot::Snapshot::builder(live.group().clone(), Revision(184_400), play.at(3));
    play.show(done.node(node).build());
    let ended = |play: &Play| play.model.data.drains.iter().filter(|d| d.end.is_some()).count();
    play.tick(60);
    assert_eq!(ended(&play), 1);
    play.press("esc");
    assert_eq!(play.model.data.drains.iter().len(), 0);
}

#[test]
fn a_drain_after_which_keys_have_no_owner_is_not_called_drained() {
    use crate::top::model::drains::End;
    let mut play = group();
    let mut node = play.model.data.live.node(&node_id("node-07")).expect("there").clone();
    (node.state, node.keys, node.stopping) = (NodeState::Emptied, 0, 0);
    node.desired.as_mut().expect("it drains").adrift = 3;
    let live = &play.model.data.live;
    let done =
        divider::snapshot::Snapshot::builder(live.group().clone(), Revision(184_400), play.at(3));
    play.show(done.node(node).build());
    let drain = play.model.data.drains.iter().next().expect("one");
    assert!(matches!(drain.end, Some(End::Emptied(_))), "{drain:?}");
    assert_eq!(drain.total().adrift, 3);
}

#[test]
fn a_drain_that_was_done_before_anybody_looked_is_no_news() {
    let mut play = Play::new(Settings::default());
    let group = play.model.place.group.clone();
    let reading = divider::snapshot::Snapshot::builder(group.clone(), Revision::NONE, play.at(0));
    play.show(reading.incomplete().build());
    let mut node = group_of(&play, "node-09");
    node.desired.as_mut().expect("a drain").drain_id = Some("00c0ffee00c0ffee".to_owned());
    let done = divider::snapshot::Snapshot::builder(group, Revision(184_400), play.at(1));
    play.show(done.node(node).build());
    assert_eq!(play.model.data.drains.iter().len(), 0);
}

/// A node of the whole group.
fn group_of(play: &Play, id: &str) -> divider::snapshot::NodeStatus {
    play.group().node(&node_id(id)).expect("there").clone()
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
fn a_burst_of_moves_is_one_line_among_the_events() {
    let mut play = group();
    let before = play.model.data.history.events.count();
    let live = play.model.data.live.clone();
    let mut moved =
        divider::snapshot::Snapshot::builder(live.group().clone(), Revision(184_500), play.at(2))
            .generation(live.generation());
    for (text, status) in live.keys() {
        let mut status = status.clone();
        status.owner = Some(node_id("node-02"));
        moved = moved.key(text.clone(), status);
    }
    for node in live.nodes() {
        moved = moved.node(node.clone());
    }
    play.show(moved.build());
    let events: Vec<_> =
        play.model.data.history.events.iter().skip(usize::try_from(before).expect("few")).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].text, "23 keys moved, 1 key taken");
    assert_eq!(play.model.data.history.rate.tenths(), 24);
}

/// What may come in, in any order.
fn any_msg() -> impl Strategy<Value = Step> {
    let keys = BINDINGS.iter().flat_map(|binding| binding.chords).map(|chord| chord.label());
    let keys: Vec<String> = keys.collect();
    prop_oneof![
        6 => proptest::sample::select(keys).prop_map(Step::Press),
        2 => "[a-z0-9 *:!>.-]{1,8}".prop_map(Step::Type),
        2 => (1u16..=300, 1u16..=80).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        1 => (0u64..100).prop_map(Step::Tick),
        1 => Just(Step::Group),
        1 => Just(Step::Nothing),
        1 => Just(Step::Lose),
        1 => Just(Step::Plans),
        1 => Just(Step::Denied),
        1 => "\\PC{0,6}".prop_map(Step::Paste),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Press(String),
    Type(String),
    Paste(String),
    Resize(u16, u16),
    Tick(u64),
    Group,
    Nothing,
    Lose,
    Plans,
    Denied,
}

fn take(play: &mut Play, step: Step) -> Vec<Effect> {
    match step {
        Step::Press(key) => return play.press(&key),
        Step::Type(text) => play.type_in(&text),
        Step::Paste(text) => return update(&mut play.model, Msg::Paste(text)),
        Step::Resize(columns, rows) => play.resize(columns, rows),
        Step::Tick(seconds) => play.tick(seconds),
        Step::Group => {
            let snapshot = play.group();
            return play.show(snapshot);
        }
        Step::Nothing => {
            let group = play.model.place.group.clone();
            let empty = divider::snapshot::Snapshot::builder(group, Revision(9), play.at(1));
            return play.show(empty.build());
        }
        Step::Lose => play.lose(),
        Step::Plans => {
            let preview = drain_preview(play);
            if let Overlay::Dialog(dialog) = &play.model.overlay {
                let nodes = dialog.nodes.clone();
                play.news(News::DrainPlan { nodes, preview: Ok(preview) });
                play.news(News::RebalancePlan(Ok(RebalancePreview::new(Revision(7)))));
            }
            play.news(News::Info { info: info(), answer_ms: 3 });
        }
        Step::Denied => {
            let failed = Failed { error: "permission denied".to_owned(), denied: false };
            play.news(News::Done { operation: Operation::Rebalance, result: Err(failed) });
        }
    }
    Vec::new()
}

/// Draws it, as large as it says it is.
fn draw(play: &Play) {
    let (columns, rows) = play.model.size;
    let area = ratatui::layout::Rect::new(0, 0, columns, rows);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    crate::top::view::draw(&play.model, area, &mut buffer);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_comes_in_breaks_it(steps in prop::collection::vec(any_msg(), 1..60)) {
        let mut play = group();
        for step in steps {
            take(&mut play, step);
            draw(&play);
            let nodes = &play.model.nodes;
            if !nodes.ids().is_empty() {
                prop_assert_eq!(nodes.selected(), nodes.ids().get(nodes.at()));
            }
        }
    }

    #[test]
    fn read_only_changes_nothing_whatever_is_pressed(
        steps in prop::collection::vec(any_msg(), 1..80),
    ) {
        let mut play = Play::with_group(Settings {
            read_only: Some("--readonly".to_owned()),
            ..Settings::default()
        });
        for step in steps {
            let effects = take(&mut play, step);
            prop_assert!(!effects.iter().any(Effect::is_mutation), "{:?}", effects);
        }
    }

    #[test]
    fn the_selection_follows_its_node(steps in prop::collection::vec(any_msg(), 1..40)) {
        let mut play = group();
        for step in steps {
            let before = play.model.nodes.selected().cloned();
            let moves = matches!(step, Step::Press(_) | Step::Type(_) | Step::Paste(_) | Step::Nothing);
            take(&mut play, step);
            let there = before.as_ref().is_some_and(|id| play.model.nodes.ids().contains(id));
            if !moves && there {
                prop_assert_eq!(play.model.nodes.selected(), before.as_ref());
            }
        }
    }
}

#[test]
fn every_change_is_refused_when_read_only() {
    for binding in BINDINGS.iter().filter(|binding| binding.action.is_mutation()) {
        let mut play = Play::with_group(Settings {
            read_only: Some("--readonly".to_owned()),
            ..Settings::default()
        });
        assert!(play.model.why_not(binding.action).is_some(), "{binding:?}");
        assert_eq!(play.press(&binding.chords[0].label()), []);
        assert!(matches!(play.model.overlay, Overlay::None), "{binding:?}");
    }
    assert!(group().model.why_not(Action::Rebalance).is_none());
}
