//! What is said of groups made by hand.

use std::time::Duration;

use divider::snapshot::{
    DesiredState, KeyStatus, NodeState, NodeStatus, Phase, Problem, SnapshotBuilder,
    UnconfirmedStop,
};
use divider::snapshot::{Freeze, Mode};
use divider::store::Info;
use divider::{GroupName, Key, NodeId, Revision, Token};

use super::*;

const LEASE: Duration = Duration::from_secs(6);

struct Scene {
    begun: Moment,
    snapshot: SnapshotBuilder,
    info: Option<Info>,
}

impl Scene {
    fn new() -> Self {
        let begun = Moment::now();
        let group = GroupName::new("orders").expect("legal");
        Self { begun, snapshot: Snapshot::builder(group, Revision(184_201), begun), info: None }
    }

    fn node(mut self, id: &str, change: impl FnOnce(&mut NodeStatus, Moment)) -> Self {
        let id = NodeId::new(id).expect("legal");
        let mut node = NodeStatus::new(id, NodeState::Ready, self.begun);
        (node.affinity, node.effective_affinity, node.lease) = (100, 100, LEASE);
        node.last_beat = Some(self.begun);
        node.balanced = Revision(1);
        change(&mut node, self.begun);
        self.snapshot = self.snapshot.node(node);
        self
    }

    fn key(mut self, text: &str, phase: Phase) -> Self {
        let key = Key::new(text).expect("legal");
        self.snapshot = self.snapshot.key(key, KeyStatus::new(phase, self.begun));
        self
    }

    /// What is said so many seconds after the first look.
    fn after(self, seconds: u64) -> Vec<(Severity, Code, String, u64)> {
        let snapshot = self.snapshot.build();
        let mut seen = Seen::at_once(&snapshot, self.info);
        seen.is_first_look = false;
        let at = self.begun + Duration::from_secs(seconds);
        let now = Clock { at, unix_ms: 1_000_000 + seconds * 1000 };
        let said = |c: Condition| (c.severity, c.code, c.sentence, c.count);
        conditions(&snapshot, &seen, now).into_iter().map(said).collect()
    }
}

/// What is said is this one sentence.
fn check(scene: Scene, after: u64, (severity, code, count): (Severity, Code, u64), sentence: &str) {
    let said = scene.after(after);
    assert_eq!(said, [(severity, code, sentence.to_owned(), count)]);
}

fn state(state: NodeState, keys: u64) -> impl FnOnce(&mut NodeStatus, Moment) {
    move |node, _| (node.state, node.keys, node.held, node.target) = (state, keys, keys, keys)
}

#[test]
fn of_a_group_that_is_well_nothing_is_said() {
    let well = Scene::new().node("w1", state(NodeState::Ready, 1)).key("a", Phase::Running);
    assert_eq!(well.after(1000), []);
    assert_eq!(Scene::new().after(1000), []);
}

#[test]
fn keys_without_an_owner_are_counted_with_their_age() {
    let scene = || {
        Scene::new()
            .node("w1", state(NodeState::Ready, 0))
            .key("a", Phase::Orphaned)
            .key("b", Phase::Orphaned)
    };
    let warns = (Severity::Warning, Code::Orphaned, 2);
    check(scene(), 0, warns, "2 keys have no owner");
    check(scene(), 12, warns, "2 keys have no owner, the first for 12s");
    let worse = (Severity::Critical, Code::Orphaned, 2);
    check(scene(), 41, worse, "2 keys have no owner, the first for 41s");
    let mut placed = scene();
    placed.snapshot = placed.snapshot.unplaced(1);
    let said = "2 keys have no owner, the first for 12s: no node takes a";
    check(placed, 12, warns, said);
}

#[test]
fn a_group_without_a_node_that_takes_keys_is_critical() {
    let said = Scene::new().key("a", Phase::Orphaned).after(0);
    let words = "no node accepts keys: there are no nodes".to_owned();
    assert_eq!(said[0], (Severity::Critical, Code::NobodyTakesKeys, words, 1));
    let cordoned = Scene::new()
        .node("w1", |node, _| (node.effective_affinity, node.state) = (0, NodeState::Cordoned))
        .key("a", Phase::Running);
    let words = "no node accepts keys: the only node is cordoned".to_owned();
    assert_eq!(cordoned.after(0)[0], (Severity::Critical, Code::NobodyTakesKeys, words, 1));
    let closed = [NodeState::Lost, NodeState::Drained, NodeState::Cordoned, NodeState::Drained];
    let scene =
        closed.iter().zip(["w1", "w2", "w3", "w4"]).fold(Scene::new(), |scene, (state, id)| {
            scene.node(id, |node, _| (node.effective_affinity, node.state) = (0, *state))
        });
    let said = scene.key("a", Phase::Running).after(0);
    let words = "no node accepts keys: all 4 are cordoned, drained or lost";
    assert!(said.iter().any(|(.., sentence, _)| sentence == words), "{said:?}");
}

#[test]
fn a_stop_that_nobody_confirms_is_named() {
    let scene = || {
        Scene::new().node("w1", |node, begun| {
            let key = Key::new("eu.acme").expect("legal");
            node.unconfirmed.count = 1;
            node.unconfirmed.oldest = vec![UnconfirmedStop::new(key, Token(1), begun)];
        })
    };
    assert_eq!(scene().after(1), [], "within its budget");
    let said = "1 stop is not confirmed, the first for 41s: eu.acme on w1";
    check(scene(), 41, (Severity::Warning, Code::Unconfirmed, 1), said);
    let said = "1 stop is not confirmed, the first for 1m01s: eu.acme on w1";
    check(scene(), 61, (Severity::Critical, Code::Unconfirmed, 1), said);
    let many = scene().node("w2", |node, begun| {
        let key = Key::new("eu.zed").expect("legal");
        node.unconfirmed.count = 300;
        node.unconfirmed.oldest = vec![UnconfirmedStop::new(key, Token(1), begun)];
    });
    let said = "301 stops are not confirmed, the first for 41s: eu.acme on w1";
    check(many, 41, (Severity::Warning, Code::Unconfirmed, 301), said);
}

#[test]
fn nodes_that_are_late_or_lost_are_named() {
    let late = Scene::new().node("w1", state(NodeState::Late, 0));
    let said = "1 node is late, without a heartbeat for 9.0s: w1";
    check(late, 9, (Severity::Warning, Code::Late, 1), said);
    let mut lost = Scene::new();
    for id in ["w1", "w2", "w3", "w4"] {
        lost = lost.node(id, state(NodeState::Lost, 2));
    }
    let said = "4 nodes are lost, the first for 41s, with 8 keys: w1, w2, w3 and 1 more";
    check(lost, 41, (Severity::Critical, Code::Lost, 4), said);
}

#[test]
fn holdings_that_disagree_for_two_leases_are_told() {
    let scene =
        || Scene::new().node("w1", |node, _| (node.held, node.keys, node.target) = (10, 12, 12));
    assert_eq!(scene().after(12), []);
    let said = "1 node disagrees with the claims for 13s: w1 reports 10 keys, the claims show 12";
    check(scene(), 13, (Severity::Warning, Code::Disagree, 1), said);
}

#[test]
fn a_share_far_exceeded_for_a_minute_is_told() {
    let scene = |keys| {
        Scene::new()
            .node("w1", move |node, _| (node.keys, node.held, node.target) = (keys, keys, 100))
    };
    assert_eq!(scene(160).after(60), [], "keys may be on their way");
    assert_eq!(scene(120).after(600), []);
    let said = "w1 has 1.60× its share, 160 keys of 100: run `divider rebalance`";
    check(scene(160), 61, (Severity::Warning, Code::Spread, 1), said);
    let odd = |node: &mut NodeStatus, _| (node.keys, node.held, node.target) = (2, 2, 1);
    assert_eq!(Scene::new().node("w1", odd).after(600), [], "the odd key");
}

#[test]
fn one_look_tells_a_share_far_exceeded_where_no_key_is_on_its_way() {
    let found = |scene: Scene| {
        let snapshot = scene.snapshot.build();
        let clock = Clock { at: snapshot.taken(), unix_ms: 0 };
        let found = conditions(&snapshot, &Seen::at_once(&snapshot, None), clock);
        found.iter().map(|found| (found.code, found.next())).collect::<Vec<_>>()
    };
    let full = |node: &mut NodeStatus, _| (node.keys, node.held, node.target) = (160, 160, 100);
    let scene = || Scene::new().node("w1", full);
    assert_eq!(found(scene()), [(Code::Spread, Some("divider rebalance".to_owned()))]);
    let moves = scene().node("w2", |node, _| node.state = NodeState::Joining);
    assert_eq!(found(moves), []);
}

#[test]
fn fewer_nodes_than_expected_are_told() {
    let scene =
        Scene::new().node("w1", |_, _| {}).node("w2", |node, _| node.state = NodeState::Lost);
    let snapshot = scene.snapshot.build();
    let found = few_ready(&snapshot, 3).expect("fewer");
    assert_eq!(found.sentence, "1 of 3 expected nodes is ready");
    assert_eq!(few_ready(&snapshot, 1), None);
}

#[test]
fn a_command_names_what_it_is_about_as_a_shell_reads_it() {
    let condition = Condition {
        severity: Severity::Warning,
        code: Code::Orphaned,
        sentence: String::new(),
        count: 1,
        subjects: vec!["it's /a key".to_owned()],
    };
    assert_eq!(condition.next().as_deref(), Some("divider key 'it'\\''s /a key'"));
}

#[test]
fn the_spread_is_that_of_the_node_with_the_most() {
    let scene = Scene::new()
        .node("w1", |node, _| (node.keys, node.target) = (102, 100))
        .node("w2", |node, _| (node.keys, node.target) = (98, 100))
        .node("w3", |node, _| (node.keys, node.target, node.effective_affinity) = (500, 0, 0));
    assert_eq!(spread(&scene.snapshot.build()), Some(102));
    assert_eq!(spread(&Scene::new().snapshot.build()), None);
}

#[test]
fn a_rebalance_that_does_not_end_is_told() {
    let scene = || {
        let mut scene = Scene::new().node("w1", |_, _| {});
        scene.snapshot = scene.snapshot.generation(Revision(7));
        scene
    };
    assert_eq!(scene().after(59), []);
    let said = "rebalance running for 2m00s: 1 node has moves left: w1";
    check(scene(), 120, (Severity::Warning, Code::Unbalanced, 1), said);
}

#[test]
fn a_drain_past_its_deadline_has_failed() {
    let drained = |paused| {
        move |node: &mut NodeStatus, _| {
            let mut desired = DesiredState::new(Mode::Drain);
            desired.deadline_ms = Some(1_060_000);
            desired.paused = paused;
            node.desired = Some(desired);
            (node.state, node.keys, node.held) = (NodeState::Draining, 3, 3);
        }
    };
    assert_eq!(Scene::new().node("w1", drained(false)).after(59), []);
    let said = "a drain is past the deadline by 2m00s, 3 keys left: w1";
    let failed = Scene::new().node("w1", drained(false));
    check(failed, 180, (Severity::Critical, Code::DrainFailed, 1), said);
    let paused = Scene::new().node("w1", drained(true));
    check(paused, 0, (Severity::Note, Code::DrainPaused, 1), "a drain is paused: w1");
}

#[test]
fn the_log_is_judged_by_what_the_store_says() {
    let with = |info: Info| Scene { info: Some(info), ..Scene::new() };
    let info = |replicas, bytes| {
        let mut info = Info::new(1, Revision(1));
        (info.replicas, info.bytes, info.max_bytes) = (replicas, bytes, Some(100));
        info
    };
    assert_eq!(with(info(3, 79)).after(0), []);
    let said = "the bucket is 83 % full, with 83 of 100 bytes: when full, no key can be announced or moved";
    let full = (Severity::Warning, Code::Full, 83);
    check(with(info(3, 83)), 0, full, said);
    assert_eq!(with(info(3, 95)).after(0)[0].0, Severity::Critical);
    let said = "the group has 1 replica: all work stops while its server is away";
    check(with(info(1, 79)), 0, (Severity::Note, Code::OneReplica, 1), said);
}

#[test]
fn what_cannot_be_read_and_who_holds_back_moves_is_told() {
    let mut scene = Scene::new();
    let problem = Problem::new("claim.a", Revision(7), "not JSON");
    scene.snapshot = scene.snapshot.problems(vec![problem], 4);
    let said = "1 unreadable record (`divider repair` lists them): claim.a: not JSON";
    check(scene, 0, (Severity::Warning, Code::Problems, 1), said);
    let freeze = |until| Freeze::new("ana@ops", "release", until);
    let mut scene = Scene::new();
    scene.snapshot = scene.snapshot.freeze(Some(freeze(Some(1_090_000))));
    let said = "balance moves frozen by ana@ops (release), for another 1m30s";
    check(scene, 0, (Severity::Note, Code::Frozen, 1), said);
    let mut over = Scene::new();
    over.snapshot = over.snapshot.freeze(Some(freeze(Some(999_000))));
    assert_eq!(over.after(0), []);
}

#[test]
fn requests_of_operators_are_notes() {
    let scene = Scene::new().node("w1", state(NodeState::Cordoned, 0)).node("w2", |node, _| {
        (node.state, node.desired) = (NodeState::Absent, Some(DesiredState::new(Mode::Drain)));
    });
    let said: Vec<_> = scene.after(0).into_iter().map(|(_, _, sentence, _)| sentence).collect();
    let absent = "w2 is absent; when it returns it will be drained";
    assert_eq!(said, ["1 node is cordoned: w1", absent]);
}

#[test]
fn the_worst_comes_first() {
    let scene = Scene::new()
        .node("w1", state(NodeState::Cordoned, 0))
        .node("w2", state(NodeState::Lost, 0))
        .node("w3", state(NodeState::Late, 0));
    let said: Vec<_> = scene.after(5).into_iter().map(|(severity, ..)| severity).collect();
    assert_eq!(said, [Severity::Critical, Severity::Warning, Severity::Note]);
}
