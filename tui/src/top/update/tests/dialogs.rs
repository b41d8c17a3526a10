//! Changes, from the key to the request.

use divider::Revision;
use divider::group::{AfterResume, OnDeadline};
use divider::snapshot::{DesiredState, Mode, NodeState, NodeStatus, RebalancePreview, Snapshot};

use super::*;
use crate::top::fixture::key;
use crate::top::model::dialog::{Button, Name, Task};
use crate::top::model::operation::Operation;
use crate::top::model::plan::Plan;
use crate::top::model::{GroupNumbers, View};

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
    // The focus is where it has to be typed.
    let at = dialog(&play).focus;
    assert_eq!(dialog(&play).fields.get(at).map(|field| field.name), Some(Name::Confirm));
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
    assert_eq!((&dialog(&play).task, selected(&play)), (&Task::Undo, "node-07"));
    play.news(News::RebalancePlan(Ok(RebalancePreview::new(Revision(7)))));
    assert!(matches!(dialog(&play).plan, Plan::Rebalance(_)));
    play.press("shift-tab shift-tab right tab tab tab");
    let effects = play.press("enter");
    let after = AfterResume::Rebalance;
    let wanted = Operation::Resume { nodes: vec![node_id("node-07")], after };
    assert!(matches!(&effects[..], [Effect::Ask(Ask::Operate(got, _))] if *got == wanted));
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
fn a_rebalance_that_moves_nothing_is_not_offered() {
    let mut play = group();
    play.press("R");
    play.news(News::RebalancePlan(Ok(RebalancePreview::new(Revision(7)))));
    assert_eq!(dialog(&play).refusal().as_deref(), Some("nothing to do: no key would move"));
    play.press("tab");
    assert_eq!((dialog(&play).button(), play.press("enter")), (Some(Button::Go), Vec::new()));
}

/// The group with a drain that waits for an absent node.
fn with_absent() -> Play {
    let mut play = group();
    let mut absent = NodeStatus::new(node_id("s1"), NodeState::Absent, play.at(0));
    absent.desired = Some(DesiredState::new(Mode::Drain));
    let live = play.model.data.live.clone();
    let mut more = Snapshot::builder(live.group().clone(), Revision(184_300), play.at(2));
    for node in live.nodes() {
        more = more.node(node.clone());
    }
    play.show(more.node(absent).build());
    play
}

fn command(play: &mut Play, text: &str) -> Vec<Effect> {
    play.press(":");
    play.type_in(text);
    play.press("enter")
}

#[test]
fn the_request_for_an_absent_node_can_be_removed() {
    let mut play = with_absent();
    assert_eq!(command(&mut play, "forget node-01"), []);
    assert!(said(&play).contains("absent"), "{}", said(&play));
    assert!(matches!(play.model.overlay, Overlay::None));
    command(&mut play, "forget s1");
    assert_eq!(dialog(&play).button(), Some(Button::Cancel));
    play.press("tab");
    let effects = play.press("enter");
    let wanted = Operation::Forget(vec![node_id("s1")]);
    assert!(matches!(&effects[..], [Effect::Ask(Ask::Operate(got, _))] if *got == wanted));
}

#[test]
fn a_group_is_deleted_only_when_its_name_was_typed() {
    let mut play = group();
    command(&mut play, "delete-group");
    assert_eq!(dialog(&play).button(), Some(Button::Cancel));
    play.press("tab");
    assert_eq!(play.press("enter"), []);
    // The focus is where it has to be typed.
    assert_eq!(dialog(&play).focus, 0);
    play.type_in("order");
    play.press("tab tab");
    assert_eq!(play.press("enter"), [], "the name is not whole");
    play.type_in("s");
    play.press("tab tab");
    let effects = play.press("enter");
    let group = play.model.place.group.clone();
    let wanted = Operation::DeleteGroup(group.clone());
    assert!(matches!(&effects[..], [Effect::Ask(Ask::Operate(got, _))] if *got == wanted));
    let done = News::Done { operation: wanted, result: Ok("group orders deleted".to_owned()) };
    let then = [Effect::Ask(Ask::Groups), Effect::Ask(Ask::Switch(group))];
    assert_eq!(play.news(done), then);
    assert_eq!(play.model.view, View::Groups);
}

#[test]
fn the_group_that_is_selected_among_the_groups_is_the_one_that_is_deleted() {
    let mut play = group();
    play.press("5");
    let row = |name: &str| GroupRow {
        group: name.parse().expect("legal"),
        numbers: Ok(GroupNumbers::default()),
    };
    play.news(News::Groups(Ok(vec![row("chat"), row("orders")])));
    command(&mut play, "delete-group");
    assert_eq!(dialog(&play).task, Task::DeleteGroup("chat".parse().expect("legal")));
}

#[test]
fn without_the_right_to_delete_a_group_the_rest_can_be_changed() {
    let mut play = group();
    command(&mut play, "delete-group");
    let operation = Operation::DeleteGroup(play.model.place.group.clone());
    let failed = Failed { error: "permission denied".to_owned(), denied: false };
    play.news(News::Done { operation, result: Err(failed) });
    play.press("esc esc");
    assert!(!play.press("G D").is_empty());
}
