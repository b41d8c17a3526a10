//! Drains, from their beginning to their end.

use divider::Revision;
use divider::snapshot::{NodeState, NodeStatus, Snapshot};

use super::*;
use crate::top::model::dialog::Task;
use crate::top::model::drains::{End, PartEnd};

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

#[test]
fn what_has_nothing_to_do_says_why() {
    let mut play = group();
    play.press("G u");
    assert_eq!(said(&play), "the node is neither cordoned nor drained");
    let snapshot = play.group();
    let mut quiet = divider::snapshot::Snapshot::builder(
        snapshot.group().clone(),
        Revision(184_300),
        play.at(1),
    );
    for node in snapshot.nodes().filter(|node| node.desired.is_none()) {
        quiet = quiet.node(node.clone());
    }
    for (key, status) in snapshot.keys() {
        quiet = quiet.key(key.clone(), status.clone());
    }
    play.show(quiet.build());
    play.press("p");
    assert_eq!(said(&play), "the node is not being drained");
    play.press("2 D");
    assert!(matches!(play.model.overlay, Overlay::Dialog(_)), "the owner of a key can be drained");
}

#[test]
fn pause_is_for_the_drain_in_the_banner_wherever_the_cursor_is() {
    let mut play = group();
    play.press("G p");
    assert_eq!(selected(&play), "node-08");
    assert_eq!(
        (&dialog(&play).task, &dialog(&play).nodes[..]),
        (&Task::Pause, &[node_id("node-07")][..])
    );
}

#[test]
fn resume_is_for_the_drain_that_the_banner_says_has_ended() {
    let mut play = group();
    let mut node = group_of(&play, "node-07");
    (node.state, node.keys, node.stopping) = (NodeState::Drained, 0, 0);
    let live = play.model.data.live.clone();
    let mut done =
        divider::snapshot::Snapshot::builder(live.group().clone(), Revision(184_400), play.at(3));
    for other in live.nodes() {
        done = done.node(other.clone());
    }
    play.show(done.node(node).build());
    play.press("G u");
    assert_eq!(
        (&dialog(&play).task, &dialog(&play).nodes[..]),
        (&Task::Undo, &[node_id("node-07")][..])
    );
}

/// The whole group, with that node as it is made.
fn with_node(play: &Play, revision: u64, node: NodeStatus) -> Snapshot {
    let live = play.model.data.live.clone();
    let mut all = Snapshot::builder(live.group().clone(), Revision(revision), play.at(3));
    for other in live.nodes().filter(|other| other.node != node.node) {
        all = all.node(other.clone());
    }
    all.node(node).build()
}

fn end_of_drain(play: &Play) -> Option<End> {
    play.model.data.drains.iter().next().and_then(|drain| drain.end.clone())
}

#[test]
fn a_drain_is_not_called_drained_where_a_session_before_was_not_seen() {
    // The screen was opened in the middle of the drain of node-07, which restarted after the request.
    let done = |joined: u64| {
        let mut play = group();
        let mut node = group_of(&play, "node-07");
        (node.state, node.keys, node.stopping) = (NodeState::Drained, 0, 0);
        node.unconfirmed = divider::snapshot::Unconfirmed::default();
        node.joined = Revision(joined);
        let snapshot = with_node(&play, 184_400, node);
        play.show(snapshot);
        end_of_drain(&play)
    };
    assert!(matches!(done(184_100), Some(End::Emptied(_))), "{:?}", done(184_100));
    assert!(matches!(done(183_000), Some(End::Done(_))), "{:?}", done(183_000));
}

#[test]
fn a_drain_of_an_absent_node_is_not_drained() {
    let mut play = group();
    let mut node = NodeStatus::new(node_id("s1"), NodeState::Absent, play.at(2));
    let mut desired = group_of(&play, "node-07").desired.expect("a drain");
    desired.drain_id = Some("00facade00facade".to_owned());
    (desired.revision, desired.drained_from) = (Revision(184_300), 0);
    node.desired = Some(desired);
    let snapshot = with_node(&play, 184_400, node);
    play.show(snapshot);
    let mut drains = play.model.data.drains.iter();
    let drain = drains.find(|drain| drain.id == "00facade00facade").expect("shown");
    assert!(matches!(drain.end, Some(End::Emptied(_))), "{drain:?}");
    assert_eq!(drain.total().end, Some(PartEnd::Absent));
}
