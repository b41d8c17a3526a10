//! What a large group costs.

use std::time::Duration;

use divider::Revision;
use divider::snapshot::{Changed, KeyStatus, Link, NodeState, NodeStatus, Phase, Snapshot};

use super::plays::*;
use super::*;
use crate::top::fixture::{key, node_id};
use crate::top::model::settings::Settings;
use crate::top::update::News;

/// The bounds are far above what it takes: they find what costs as much as there are keys.
#[test]
fn a_large_group_is_drawn_and_filtered_quickly() {
    let mut play = many_nodes(1000);
    let live = play.model.data.live.clone();
    let mut large = Snapshot::builder(live.group().clone(), Revision(9), play.at(1));
    for node in live.nodes() {
        large = large.node(node.clone());
    }
    for at in 0..100_000 {
        let mut status = KeyStatus::new(Phase::Running, now());
        status.owner = Some(node_id(&format!("node-{:04}", at % 1000)));
        large = large.key(key(&format!("eu.tenant-{at:06}.orders")), status);
    }
    play.show(large.build());
    play.press("2");
    let begun = worked();
    for _ in 0..20 {
        drawn(&mut play, 120, 40);
    }
    let frame = worked().saturating_sub(begun) / 20;
    let begun = worked();
    play.press("/");
    play.type_in("tenant-099");
    let letter = worked().saturating_sub(begun) / 11;
    assert_eq!(play.model.keys.ids().len(), 1000);
    assert!(frame < Duration::from_millis(100), "a frame takes {frame:?}");
    assert!(letter < Duration::from_secs(1), "a letter of a filter takes {letter:?}");
    eprintln!("with 1 000 nodes and 100 000 keys a frame takes {frame:?}, a letter {letter:?}");
}

/// How long the processor worked for this thread: a busy machine does not make it more.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("after its beginning");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("less than a second"))
}

/// 100 000 keys on 20 nodes, of which so many have moved on by one node.
fn large_group(play: &Play, revision: u64, moved: usize) -> Snapshot {
    let node = |at: usize| node_id(&format!("node-{:02}", at % 20));
    let group = play.model.place.group.clone();
    let mut large = Snapshot::builder(group, Revision(revision), play.at(2));
    for at in 0..20 {
        let mut status = NodeStatus::new(node(at), NodeState::Ready, now());
        (status.keys, status.target) = (5000, 5000);
        (status.affinity, status.effective_affinity) = (100, 100);
        large = large.node(status);
    }
    for at in 0..100_000 {
        let mut status = KeyStatus::new(Phase::Running, now());
        status.owner = Some(node(at + usize::from(at < moved)));
        large = large.key(burst_key(at), status);
    }
    large.build()
}

fn burst_key(at: usize) -> divider::Key {
    key(&format!("eu.tenant-{at:06}"))
}

/// The bound is a frame of ten a second; it takes a small part of that.
#[test]
fn a_burst_of_moves_keeps_the_screen_at_its_pace() {
    const STEP: usize = 2000;
    let mut play = Play::new(Settings::default());
    let snapshot = large_group(&play, 10, 0);
    play.show(snapshot);
    play.tick(2);
    let mut spent = Duration::ZERO;
    for step in 1..=10 {
        let snapshot = large_group(&play, 10 + step as u64, step * STEP);
        let mut changed = Changed::default();
        changed.keys = ((step - 1) * STEP..step * STEP).map(burst_key).collect();
        let begun = worked();
        play.news(News::Update { snapshot, changed, link: Link::Live });
        drawn(&mut play, 120, 40);
        spent += worked().saturating_sub(begun);
    }
    let frame = spent / 10;
    let lines: Vec<_> = play.model.data.history.events.iter().map(|e| e.text.clone()).collect();
    assert_eq!(lines, ["20000 keys moved: 20 nodes -> 20 nodes"]);
    eprintln!("in a burst an update of {STEP} moves and its frame take {frame:?}");
    assert!(frame < Duration::from_millis(100), "{frame:?}");
}
