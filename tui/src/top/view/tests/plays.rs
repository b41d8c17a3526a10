//! How a group comes to be as it is drawn.

use divider::snapshot::{
    Candidate, Changed, DesiredState, DrainPreview, Link, Mode, NodeState, NodeStatus,
    RebalancePreview, Snapshot,
};
use divider::{GroupName, Revision};

use crate::top::fixture::{Play, UNIX_MS, drain_preview, info, key, node_id};
use crate::top::model::settings::Settings;
use crate::top::model::{Cause, ContextRow, GroupNumbers, GroupRow, NotOpen};
use crate::top::update::{Ask, Effect, Failed, News};

pub(super) fn group() -> Play {
    let mut play = Play::with_group(Settings::default());
    play.news(News::Info { info: info(), answer_ms: 3 });
    play
}

pub(super) fn pressed(keys: &str) -> Play {
    let mut play = group();
    play.press(keys);
    play
}

pub(super) fn now() -> divider::snapshot::Moment {
    Play::new(Settings::default()).at(0)
}

/// A group that is made like that.
pub(super) fn with(
    make: impl FnOnce(divider::snapshot::SnapshotBuilder) -> divider::snapshot::SnapshotBuilder,
) -> Play {
    let mut play = Play::new(Settings::default());
    let name = GroupName::new("orders").expect("legal");
    let group = Snapshot::builder(name, Revision(7), play.at(0));
    play.show(make(group).build());
    play.tick(1);
    play
}

pub(super) fn with_events() -> Play {
    let mut play = group();
    let empty = Snapshot::builder(play.model.place.group.clone(), Revision(184_300), play.at(2));
    play.show(empty.build());
    let snapshot = play.group();
    play.show(snapshot);
    play.press("4");
    play
}

pub(super) fn with_groups() -> Play {
    let mut play = pressed("5");
    let numbers = GroupNumbers {
        nodes: 12,
        ready: 7,
        keys: 2400,
        orphaned: 31,
        stopping: 22,
        spread: Some(102),
        worst: Some(NodeState::Lost),
    };
    let row =
        |name: &str, numbers| GroupRow { group: GroupName::new(name).expect("legal"), numbers };
    let rows = vec![
        row("orders", Ok(numbers)),
        row("chat", Ok(GroupNumbers::default())),
        row("old", Err("the group speaks another protocol".to_owned())),
    ];
    play.news(News::Groups(Ok(rows)));
    play
}

pub(super) fn card_of(text: &str) -> Play {
    let mut play = group();
    play.press(":");
    play.type_in(&format!("key {text}"));
    play.press("enter");
    let mut third = Candidate::new(node_id("node-12"), 0, 0.0);
    third.ineligible = Some(divider::snapshot::Ineligible::TakesNothing);
    let suitors = vec![
        Candidate::new(node_id("node-04"), 100, 231.4),
        Candidate::new(node_id("node-07"), 100, 99.1),
        third,
    ];
    play.news(News::Suitors { key: key(text), suitors });
    play
}

pub(super) fn with_plan() -> Play {
    let mut play = pressed("G D");
    let preview = Ok(drain_preview(&play));
    play.news(News::DrainPlan { nodes: vec![node_id("node-08")], preview });
    play
}

pub(super) fn failed_drain() -> Play {
    let mut play = with_plan();
    play.press("tab tab");
    let effects = play.press("enter");
    let Some(Effect::Ask(Ask::Operate(operation, _))) = effects.into_iter().next() else {
        panic!("it was not asked for");
    };
    let failed = Failed { error: "permission denied: control.node-08".to_owned(), denied: false };
    play.news(News::Done { operation, result: Err(failed) });
    play
}

pub(super) fn refused_drain() -> Play {
    let mut play = with(|group| {
        let mut node = NodeStatus::new(node_id("w1"), NodeState::Ready, now());
        (node.keys, node.target, node.effective_affinity, node.affinity) = (1, 1, 100, 100);
        group.node(node)
    });
    play.press("D");
    let preview = DrainPreview::new(Revision(7)).with_move(key("a"), node_id("w1"), None);
    play.news(News::DrainPlan { nodes: vec![node_id("w1")], preview: Ok(preview) });
    play
}

pub(super) fn with_resume() -> Play {
    let mut play = pressed("j j u");
    let preview = RebalancePreview::new(Revision(184_201))
        .with_shift(node_id("node-01"), node_id("node-07"), 21)
        .with_shift(node_id("node-02"), node_id("node-07"), 20);
    play.news(News::RebalancePlan(Ok(preview)));
    play
}

pub(super) fn ended_drain() -> Play {
    let mut play = group();
    let live = play.model.data.live.clone();
    let mut node = live.node(&node_id("node-07")).expect("there").clone();
    (node.state, node.keys, node.stopping) = (NodeState::Drained, 0, 0);
    node.unconfirmed.oldest.clear();
    node.unconfirmed.count = 0;
    let mut done = Snapshot::builder(live.group().clone(), Revision(184_400), play.at(3));
    for other in live.nodes() {
        done = done.node(other.clone());
    }
    play.show(done.node(node).build());
    play
}

pub(super) fn lost() -> Play {
    let mut play = group();
    play.lose();
    play.tick(38);
    play
}

pub(super) fn by_zone() -> Play {
    let mut play = Play::new(Settings { group_by: Some("zone".to_owned()), ..Settings::default() });
    let mut group = Snapshot::builder(play.model.place.group.clone(), Revision(7), play.at(0));
    for at in 0..70 {
        let mut node = NodeStatus::new(node_id(&format!("node-{at:02}")), NodeState::Ready, now());
        (node.keys, node.target, node.effective_affinity, node.affinity) = (100, 100, 1, 1);
        if let Some(state) = STATES.get(at) {
            node.state = *state;
        }
        node.keys = [100, 79, 111, 101][at % 4];
        let zone = ["eu-1a", "eu-1b", "eu-1c"].get(at % 5).copied();
        node.labels.extend(zone.map(|zone| ("zone".to_owned(), zone.to_owned())));
        group = group.node(node);
    }
    play.show(group.build());
    play.tick(1);
    play
}

pub(super) fn with_contexts() -> Play {
    let mut play = group();
    let row = |name: &str, url: &str| ContextRow { name: name.to_owned(), url: url.to_owned() };
    let rows = vec![
        row("local", "nats://127.0.0.1:4222"),
        row("prod", "nats://n1.prod:4222,nats://n2.prod:4222"),
        row("staging", "tls://xxxxx@staging:4222"),
    ];
    play.news(News::Contexts(rows));
    play
}

pub(super) fn of_a_file() -> Play {
    let mut play = Play::new(Settings::default());
    let snapshot = play.group();
    play.news(News::File { snapshot, taken_ms: UNIX_MS });
    play.tick(60);
    play.press("3");
    play
}

pub(super) fn reading() -> Play {
    let mut play = lost();
    let snapshot = play.model.data.live.clone();
    let mut changed = Changed::default();
    changed.link = true;
    let link = Link::Reading { records: 41_000 };
    play.news(News::Update { snapshot, changed, link });
    play.tick(40);
    play
}

pub(super) fn silent() -> Play {
    let mut play = group();
    play.tick(9);
    play
}

pub(super) fn with_a_denied_change() -> Play {
    let mut play = with_plan();
    play.press("tab tab");
    let effects = play.press("enter");
    let Some(Effect::Ask(Ask::Operate(operation, _))) = effects.into_iter().next() else {
        panic!("it was not asked for");
    };
    let failed = Failed { error: "permission denied: control.node-08".to_owned(), denied: true };
    play.news(News::Done { operation, result: Err(failed) });
    play.press("esc");
    play
}

pub(super) fn not_open(cause: Cause, error: &str) -> Play {
    let mut play = Play::new(Settings::default());
    let retry = play.at(3);
    let group = (cause == Cause::NoGroup).then(|| play.model.place.group.clone());
    play.news(News::NotOpen(NotOpen { group, error: error.to_owned(), cause, attempts: 4, retry }));
    play
}

pub(super) fn many_nodes(count: usize) -> Play {
    with(|mut group| {
        for at in 0..count {
            let state = if at % 60 == 7 { NodeState::Late } else { NodeState::Ready };
            let mut node = NodeStatus::new(node_id(&format!("node-{at:04}")), state, now());
            (node.keys, node.target, node.effective_affinity, node.affinity) = (100, 100, 1, 1);
            group = group.node(node);
        }
        group
    })
}

pub(super) const STATES: [NodeState; 10] = [
    NodeState::Lost,
    NodeState::Late,
    NodeState::Draining,
    NodeState::Drained,
    NodeState::Emptied,
    NodeState::Leaving,
    NodeState::Cordoned,
    NodeState::Joining,
    NodeState::Ready,
    NodeState::Absent,
];

/// With a command given to the palette.
pub(super) fn with_command(command: &str) -> Play {
    let mut play = group();
    play.press(":");
    play.type_in(command);
    play.press("enter");
    play
}

/// A node, and a drain that waits for one that is absent; then a command.
pub(super) fn with_absent(command: &str) -> Play {
    let mut play = with(|group| {
        let mut absent = NodeStatus::new(node_id("w9"), NodeState::Absent, now());
        absent.desired = Some(DesiredState::new(Mode::Drain));
        group.node(NodeStatus::new(node_id("w1"), NodeState::Ready, now())).node(absent)
    });
    play.press(":");
    play.type_in(command);
    play.press("enter");
    play
}
