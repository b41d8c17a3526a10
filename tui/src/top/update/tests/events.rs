//! What is told of what happens.

use divider::Revision;
use divider::group::{HistoryEntry, HistoryKind};
use divider::snapshot::{GoneNode, KeyStatus, NodeEnd, NodeState, NodeStatus, Phase, Snapshot};

use super::*;
use crate::conditions::Severity;
use crate::top::fixture::{UNIX_MS, key};
use crate::top::model::event::{Event, EventKind};

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
    assert_eq!(events[0].text, "23 keys moved, 1 key taken over: 2 nodes -> node-02");
    assert_eq!(play.model.data.history.rate.tenths(), 24);
}

/// The whole group, with something changed on its nodes.
fn changed(play: &Play, revision: u64, change: impl Fn(&mut NodeStatus)) -> Snapshot {
    let live = play.model.data.live.clone();
    let mut new = Snapshot::builder(live.group().clone(), Revision(revision), play.at(2))
        .generation(live.generation());
    for (text, status) in live.keys() {
        new = new.key(text.clone(), status.clone());
    }
    for node in live.nodes() {
        let mut node = node.clone();
        change(&mut node);
        new = new.node(node);
    }
    new.build()
}

fn events(play: &Play, kind: EventKind) -> Vec<Event> {
    play.model.data.history.events.iter().filter(|event| event.kind == kind).cloned().collect()
}

#[test]
fn nodes_that_die_in_one_second_are_one_line() {
    let mut play = group();
    let is_ready = |node: &NodeStatus| node.state == NodeState::Ready;
    let dies = |node: &mut NodeStatus| {
        if is_ready(node) && node.node.as_str() < "node-03" {
            node.state = NodeState::Lost;
        }
    };
    let snapshot = changed(&play, 184_300, dies);
    play.show(snapshot);
    let told = events(&play, EventKind::Node);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].text, "node-01, node-02 are lost; 403 keys will be taken over");
    // In the next second it is another line.
    play.tick(2);
    let snapshot = changed(&play, 184_301, |node| {
        if is_ready(node) {
            node.state = NodeState::Lost;
        }
    });
    play.show(snapshot);
    assert_eq!(events(&play, EventKind::Node).len(), 2);
}

#[test]
fn what_comes_in_one_second_is_one_line_about_keys() {
    let mut play = group();
    for (at, owner) in ["node-02", "node-04", "node-05"].into_iter().enumerate() {
        let live = play.model.data.live.clone();
        let revision = Revision(184_300 + at as u64);
        let mut new = Snapshot::builder(live.group().clone(), revision, play.at(2))
            .generation(live.generation());
        for (text, status) in live.keys() {
            let mut status = status.clone();
            if status.owner.is_some() && text.as_str() == format!("ap.kolb.orders.1{at}") {
                status.owner = Some(node_id(owner));
            }
            new = new.key(text.clone(), status);
        }
        for node in live.nodes() {
            new = new.node(node.clone());
        }
        play.show(new.build());
    }
    let told = events(&play, EventKind::Key);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].text, "3 keys moved: node-01 -> 3 nodes");
    assert_eq!(play.model.data.history.rate.tenths(), 3);
}

#[test]
fn what_happened_before_it_was_opened_is_among_the_events() {
    let mut play = group();
    let of = |kind, id: &str, at_ms| {
        let mut entry = HistoryEntry::new(kind).of(&node_id(id)).by("node-02", "");
        entry.at_ms = at_ms;
        entry
    };
    let died = of(HistoryKind::Died, "node-13", UNIX_MS - 60_000).with_keys(Some(200));
    let joined = of(HistoryKind::Joined, "node-01", UNIX_MS - 90_000);
    // What came after the opening was seen here.
    let later = of(HistoryKind::Joined, "node-02", UNIX_MS + 500);
    let before = play.model.data.history.events.count();
    play.news(News::Past(vec![joined, died, later]));
    let told = events(&play, EventKind::Node);
    assert_eq!(told[0].text, "node-01 joined");
    assert_eq!(told[1].text, "node-13 died, ended by node-02; last reported 200 keys");
    assert_eq!(play.model.data.history.events.count(), before + 2);
    // Reading the group again tells it once.
    play.news(News::Past(vec![of(HistoryKind::Joined, "node-03", UNIX_MS - 1)]));
    assert_eq!(play.model.data.history.events.count(), before + 2);
}

#[test]
fn keys_of_a_dead_node_are_taken_over_and_not_moved() {
    let mut play = group();
    let live = play.model.data.live.clone();
    let mut after = Snapshot::builder(live.group().clone(), Revision(184_300), play.at(2));
    for node in live.nodes().filter(|node| node.node.as_str() != "node-11") {
        after = after.node(node.clone());
    }
    let end = NodeEnd::Died { by: Some(node_id("node-02")) };
    let gone = GoneNode::new(node_id("node-11"), end, play.at(2));
    let mut before = after.clone();
    let of = |owner: &str| {
        let mut status = KeyStatus::new(Phase::Running, play.at(2));
        status.owner = Some(node_id(owner));
        status
    };
    before = before.node(group_of(&play, "node-11"));
    for at in 0..3 {
        before = before.key(key(&format!("eu.{at}")), of("node-11"));
        after = after.key(key(&format!("eu.{at}")), of("node-02"));
    }
    play.show(before.build());
    play.tick(5);
    play.show(after.gone(vec![gone]).build());
    let told = events(&play, EventKind::Key);
    let last = told.last().expect("an event");
    assert!(last.text.contains("3 keys taken over"), "{}", last.text);
    assert!(!last.text.contains("moved"), "{}", last.text);
    let told = events(&play, EventKind::Node);
    let last = told.last().expect("an event");
    assert_eq!(last.text, "node-11 died, ended by node-02");
    assert_eq!(last.severity, Severity::Critical);
}
