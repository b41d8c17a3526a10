use std::collections::HashMap;
use std::time::Duration;

use divider::snapshot::Mode;
use divider::snapshot::{
    DesiredState, KeyStatus, Moment, NodeState, NodeStatus, Phase, Snapshot, UnconfirmedStop,
};
use divider::{Key, NodeId, Revision, Token};

use super::left::Reason;
use super::monitor::{Empty, Monitor, News};
use crate::contract::Viewer;

fn node(id: &str) -> NodeId {
    NodeId::new(id).expect("legal")
}

fn key(text: &str) -> Key {
    Key::new(text).expect("legal")
}

/// A node in a state; w1 is drained by the drain `d`, and has so many keys.
fn status(id: &str, state: NodeState, keys: u64) -> NodeStatus {
    let mut status = NodeStatus::new(node(id), state, Moment::now());
    status.keys = keys;
    if id == "w1" {
        let mut desired = DesiredState::new(Mode::Drain);
        desired.drain_id = Some("d".to_owned());
        desired.drained_from = 2;
        status.desired = Some(desired);
    }
    status
}

/// Where each key is, as `a=w1`, `a=w1!` for one that is told to stop, or `a` for one without an owner.
fn snapshot(first: NodeStatus, second: NodeState, keys: &str) -> Snapshot {
    let group = "g".parse().expect("legal");
    let mut builder = Snapshot::builder(group, Revision(9), Moment::now());
    builder = builder.node(first).node(status("w2", second, 0));
    for word in keys.split_whitespace() {
        let (name, owner) = word.split_once('=').map_or((word, None), |(k, o)| (k, Some(o)));
        let phase = match owner {
            None => Phase::Orphaned,
            Some(owner) if owner.ends_with('!') => Phase::Stopping,
            Some(_) => Phase::Running,
        };
        let mut status = KeyStatus::new(phase, Moment::now());
        status.owner = owner.map(|owner| node(owner.trim_end_matches('!')));
        builder = builder.key(key(name), status);
    }
    builder.build()
}

/// Watches the drain `d` of w1, which is to move the keys a and b.
fn monitor() -> Monitor {
    let planned = HashMap::from([(key("a"), node("w1")), (key("b"), node("w1"))]);
    Monitor::new(&[node("w1")], Some("d".to_owned()), planned)
}

#[test]
fn drained_means_that_every_planned_key_has_a_live_owner_elsewhere() {
    use NodeState::{Absent, Drained, Draining, Late, Lost, Ready};
    let check = |first: NodeState, left: u64, second: NodeState, keys: &str, done: bool| {
        let mut monitor = monitor();
        let news = monitor.on_snapshot(&snapshot(status("w1", first, left), second, keys));
        let drained = Empty { confirmed: Some(2), ..Empty::default() };
        let expected = if done { vec![News::Empty(node("w1"), 2, drained)] } else { vec![] };
        assert_eq!((news, monitor.is_over()), (expected, done), "{first:?} {keys}");
    };
    check(Drained, 0, Ready, "a=w2 b=w2", true);
    check(Drained, 0, Late, "a=w2 b=w2", true);
    check(Absent, 0, Ready, "a=w2 b=w2", true);
    // A key that was retracted meanwhile is nobody's to move.
    check(Drained, 0, Ready, "a=w2", true);
    check(Draining, 1, Ready, "a=w2 b=w1!", false);
    // The node says that it is empty, and a key of it has no owner, or one that is gone.
    check(Drained, 0, Ready, "a=w2 b", false);
    check(Drained, 0, Lost, "a=w2 b=w2", false);
    check(Drained, 0, Ready, "a=w2 b=w1", false);
    // It crashed: its keys are taken over, then it is gone.
    check(Lost, 2, Ready, "a b", false);
    check(Absent, 1, Ready, "a=w2 b", false);
}

/// How the drain of a node ends, by what is known of it.
fn end(monitor: &mut Monitor, status: NodeStatus, keys: &str) -> Option<Empty> {
    let news = monitor.on_snapshot(&snapshot(status, NodeState::Ready, keys));
    assert_eq!(news.len(), usize::from(monitor.is_over()), "{news:?}");
    monitor.ended().next().map(|(_, end)| end)
}

#[test]
fn what_was_freed_or_taken_over_is_told_and_is_no_drain() {
    let check = |state, taken_over, keys, expected: Option<Empty>, words: &str| {
        let mut status = status("w1", state, 0);
        status.desired.as_mut().expect("a drain").taken_over = taken_over;
        let end = end(&mut monitor(), status, keys);
        assert_eq!(end, expected, "{state:?} {keys}");
        assert_eq!(end.map_or(String::new(), Empty::words), words);
        assert!(end.is_none_or(|end| !end.is_drained()));
    };
    let empty = |freed, taken_over| {
        let confirmed = Some(2_u64.saturating_sub(freed + taken_over));
        Some(Empty { freed, taken_over, confirmed, ..Empty::default() })
    };
    check(NodeState::Drained, 0, "a=w2 b", None, "");
    let freed = "1 key freed at the deadline without an owner";
    check(NodeState::Emptied, 0, "a=w2 b", empty(1, 0), freed);
    let taken = "2 keys taken over when its session ended, 0 stops confirmed";
    check(NodeState::Emptied, 2, "a=w2 b=w2", empty(0, 2), taken);
    check(NodeState::Absent, 2, "a=w2 b=w2", empty(0, 2), taken);
    check(NodeState::Emptied, 2, "a b=w2", empty(1, 2), &format!("{freed}, {taken}"));
}

#[test]
fn a_stop_that_was_given_up_keeps_a_node_from_being_drained() {
    for state in [NodeState::Draining, NodeState::Absent] {
        let mut status = status("w1", state, 0);
        let mut stop = UnconfirmedStop::new(key("a"), Token(1), Moment::now());
        stop.given = true;
        (status.unconfirmed.count, status.unconfirmed.given) = (1, 1);
        status.unconfirmed.oldest = vec![stop];
        let mut monitor = monitor();
        assert_eq!(end(&mut monitor, status.clone(), "a=w2 b=w2"), None, "{state:?}");
        let snapshot = snapshot(status, NodeState::Ready, "a=w2 b=w2");
        let left = monitor.left(&snapshot, &Viewer::of_first(&snapshot));
        let told: Vec<_> = left.iter().map(|left| (left.key.as_str(), left.why)).collect();
        assert_eq!(told, [("a", Reason::RunsOn)]);
        assert!(
            left[0].line().contains("may still run on this node (stop sent "),
            "{}",
            left[0].line()
        );
    }
}

#[test]
fn what_was_not_seen_is_not_taken_for_confirmed() {
    let gone = |left| {
        let mut status = status("w1", NodeState::Absent, 0);
        status.left = left;
        status
    };
    let moved = "a=w2 b=w2";
    let whole = Some(Empty { confirmed: Some(2), ..Empty::default() });
    let seen = Some(Empty::default());
    let unseen = Some(Empty { unseen: true, ..Empty::default() });
    let late = || {
        let mut monitor = monitor();
        monitor.on_gap();
        monitor
    };
    assert_eq!(end(&mut monitor(), gone(false), moved), whole, "it had nothing when it died");
    assert_eq!(end(&mut late(), gone(false), moved), unseen);
    assert_eq!(end(&mut late(), gone(true), moved), seen, "it ended in order");
    assert_eq!(end(&mut late(), status("w1", NodeState::Drained, 0), moved), seen);
    assert_eq!(end(&mut late(), status("w1", NodeState::Emptied, 0), moved), unseen);
    let mut again = status("w1", NodeState::Drained, 0);
    again.joined = Revision(9);
    assert_eq!(end(&mut late(), again.clone(), moved), unseen, "it began after the drain");
    assert_eq!(end(&mut monitor(), again, moved), whole, "the former session's end was seen");
}

#[test]
fn another_request_is_named_with_its_requester() {
    let node = NodeId::new("n5").expect("legal");
    let mut desired = DesiredState::new(Mode::Active);
    (desired.by, desired.at_ms) = ("bob".to_owned(), 7 * 3_600_000 + 14 * 60_000);
    let check = |desired: Option<&DesiredState>, expected: &str| {
        assert_eq!(super::end::replaced(&node, desired), expected);
    };
    check(Some(&desired), "n5 was resumed by bob at 07:14:00 UTC; no longer waiting");
    (desired.mode, desired.by) = (Mode::Cordon, String::new());
    check(Some(&desired), "n5 was cordoned by unknown at 07:14:00 UTC; no longer waiting");
    check(None, "the request to drain n5 was deleted; no longer waiting");
}

#[test]
fn a_drain_without_receivers_names_the_reason() {
    let mut monitor = monitor();
    let first = status("w1", NodeState::Draining, 2);
    let snapshot = snapshot(first, NodeState::Draining, "a=w1 b=w1");
    monitor.on_snapshot(&snapshot);
    let line = monitor.line(&snapshot, &Viewer::of_first(&snapshot));
    let why = "2 keys without a receiver: w1 is draining, w2 is draining";
    assert!(line.contains(why), "{line}");
}

#[test]
fn another_request_for_the_node_ends_the_watch_only_after_the_drain_was_seen() {
    let mut monitor = monitor();
    let other = |drain: Option<&str>| {
        let mut status = status("w1", NodeState::Draining, 2);
        status.desired = drain.map(|id| {
            let mut desired = DesiredState::new(Mode::Drain);
            desired.drain_id = Some(id.to_owned());
            desired
        });
        snapshot(status, NodeState::Ready, "a=w1 b=w1")
    };
    assert_eq!(monitor.on_snapshot(&other(None)), []);
    assert_eq!(monitor.on_snapshot(&other(Some("before"))), []);
    assert_eq!(monitor.on_snapshot(&other(Some("d"))), []);
    assert_eq!(monitor.on_snapshot(&other(Some("after"))), [], "both wait for the same");
    assert_eq!(monitor.on_snapshot(&other(None)), [News::Undone(node("w1"))]);
    let mut any = Monitor::new(&[node("w1")], None, HashMap::new());
    assert_eq!(any.on_snapshot(&other(Some("whatever"))), []);
    assert_eq!(any.on_snapshot(&other(None)), [News::Undone(node("w1"))]);
}

#[test]
fn what_is_left_is_told_with_its_reason_and_age_the_worst_first() {
    let mut first = status("w1", NodeState::Draining, 3);
    let told = Moment::now() - Duration::from_secs(40);
    first.unconfirmed.count = 1;
    first.unconfirmed.oldest = vec![UnconfirmedStop::new(key("a"), Token(1), told)];
    let snapshot = snapshot(first, NodeState::Ready, "a=w1! b c=w1 d=w2");
    let mut monitor = monitor();
    monitor.on_snapshot(&snapshot);
    let left = monitor.left(&snapshot, &Viewer::of_first(&snapshot));
    let told: Vec<_> = left.iter().map(|left| (left.key.as_str(), left.why)).collect();
    let reasons = [Reason::NotConfirmed, Reason::NoOwner, Reason::NoReceiver];
    assert_eq!(told, [("a", reasons[0]), ("b", reasons[1]), ("c", reasons[2])]);
    assert!(left[0].age_ms.is_some_and(|age| (40_000..100_000).contains(&age)), "{left:?}");
    assert_eq!(left[2].age_ms, None);
    assert!(left[0].line().starts_with("  a  stop not confirmed for 4"), "{}", left[0].line());
    assert_eq!(monitor.left_words(&left), "3 keys left on w1");
    let line = monitor.line(&snapshot, &Viewer::of_first(&snapshot));
    assert!(line.contains("oldest unconfirmed stop: a on w1, 4"), "{line}");
}

#[test]
fn a_node_that_is_not_there_is_not_drained() {
    let mut status = status("w1", NodeState::Absent, 0);
    status.desired.as_mut().expect("a drain").drained_from = 0;
    let mut monitor = Monitor::new(&[node("w1")], Some("d".to_owned()), HashMap::new());
    let end = end(&mut monitor, status, "a=w2").expect("an end");
    assert!(end.absent && !end.is_drained(), "{end:?}");
    assert_eq!(end.words(), "there is no such node now; it will be drained when it returns");
}

#[test]
fn stops_of_keys_that_have_moved_do_not_count() {
    let mut first = status("w1", NodeState::Draining, 0);
    first.stopping = 244;
    let snapshot = snapshot(first, NodeState::Ready, "a=w2 b=w2");
    let mut monitor = monitor();
    monitor.on_snapshot(&snapshot);
    let line = monitor.line(&snapshot, &Viewer::of_first(&snapshot));
    assert!(line.starts_with("2 of 2 moved, 0 stopping, 0 left (100%)"), "{line}");
}
