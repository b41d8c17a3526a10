//! The states of nodes and their keys.

use super::*;

#[tokio::test]
async fn a_retracted_key_stops_and_is_gone_with_its_claim() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 5).await;
    let mut watch = paper.watch().await;
    paper.group.retract(&key("a")).await.expect("retracted");
    let update = watch.next().await;
    assert_eq!(phase(&update.snapshot, "a"), (Some("w1".to_owned()), Phase::Stopping, 5));
    assert_eq!(update.snapshot.counts().stopping, 1);
    paper.write("claim.a", None).await;
    let update = watch.next().await;
    assert_eq!((update.changed.keys, update.snapshot.keys().len()), (vec![key("a")], 0));
    assert_eq!(update.snapshot.counts().all(), 0);
}

#[tokio::test]
async fn a_stop_that_is_not_confirmed_is_shown_with_its_age() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a", "b"]).await;
    paper.claim("a", "w1", 5).await;
    paper.claim("b", "w1", 6).await;
    let mut watch = paper.watch().await;
    let stop = |text: &str, token| OldestStop {
        key: key(text),
        token: Token(token),
        since_ms: 41_000,
        given: false,
    };
    // The second stop is of an earlier run, which is over.
    let stops = StopsRecord {
        session: session("w1", 1),
        count: 2,
        given: 0,
        oldest: vec![stop("a", 5), stop("b", 3)],
    };
    paper.put("stops.w1", stops.encode()).await;
    let update = watch.next().await;
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(phase(&update.snapshot, "a").1, Phase::Stopping);
    assert_eq!(phase(&update.snapshot, "b").1, Phase::Running);
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    assert_eq!((w1.unconfirmed.count, w1.unconfirmed.oldest.len()), (1, 1));
    let age = update.snapshot.taken().since(w1.unconfirmed.oldest[0].told);
    assert!(age >= Duration::from_secs(41), "{age:?}");

    paper.put("stops.w1", StopsRecord { count: 0, oldest: vec![], ..stops }.encode()).await;
    let update = watch.next().await;
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(phase(&update.snapshot, "a").1, Phase::Running);
}

/// A record lists at most 32 stops. The fold of this test lists one.
#[tokio::test]
async fn a_node_that_was_told_to_stop_everything_stops_the_keys_that_it_does_not_name() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a", "b", "c"]).await;
    paper.claim("a", "w1", 5).await;
    paper.claim("b", "w1", 6).await;
    paper.claim("c", "w2", 7).await;
    let mut watch = paper.watch().await;
    let stop = OldestStop { key: key("a"), token: Token(5), since_ms: 41_000, given: false };
    let stops = StopsRecord { session: session("w1", 1), count: 2, given: 0, oldest: vec![stop] };
    let phases =
        |snapshot: &crate::snapshot::Snapshot| ["a", "b", "c"].map(|k| phase(snapshot, k).1);
    let (stopping, running) = (Phase::Stopping, Phase::Running);
    paper.put("stops.w1", stops.encode()).await;
    let update = watch.next().await;
    assert_eq!(phases(&update.snapshot), [stopping, stopping, running]);
    assert_eq!(update.snapshot.counts().stopping, 2);
    // With one more key only the listed stop is known.
    paper.claim("c", "w1", 8).await;
    let update = watch.next().await;
    assert_eq!(phases(&update.snapshot), [stopping, running, running]);
    paper.claim("b", "w2", 9).await;
    let update = watch.next().await;
    assert_eq!(phases(&update.snapshot), [stopping, running, stopping]);
    paper.write("stops.w1", None).await;
    let update = watch.next().await;
    assert_eq!(phases(&update.snapshot), [running, running, running]);
}

#[tokio::test]
async fn a_node_that_has_come_is_joining_until_joins_have_settled() {
    let paper = Paper::new();
    let mut watch = paper.watch().await;
    paper.put("lease.w1", lease("w1", 1).encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Joining);
    let joining = MemberRecord { joined: Revision(1), settled: Revision(0), ..member("w1", 1) };
    paper.put("member.w1", joining.encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Joining);
    paper.put("lease.w2", lease("w2", 1).encode()).await;
    let settled = MemberRecord { joined: Revision(3), settled: Revision(3), ..member("w2", 1) };
    paper.put("member.w2", settled.encode()).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Ready);
    assert_eq!(state(&update.snapshot, "w2"), NodeState::Ready);
    assert!(update.changed.group, "it is a generation");
    assert_eq!(update.snapshot.generation(), Revision(3));
}

#[tokio::test]
async fn the_target_is_the_share_by_affinity() {
    let paper = Paper::with(&["w1", "w2", "w3"]).await;
    let texts: Vec<String> = (0..100).map(|n| format!("k{n}")).collect();
    paper.announce(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut watch = paper.watch().await;
    let targets = |watch: &GroupWatch| -> Vec<u64> {
        watch.snapshot().nodes().map(|status| status.target).collect()
    };
    assert_eq!(targets(&watch), [33, 33, 33]);
    paper.group.set_affinity(&node("w2"), Some(200), &Requester::default()).await.expect("set");
    let update = watch.next().await;
    assert_eq!(update.changed.nodes.len(), 3);
    assert_eq!(targets(&watch), [25, 50, 25]);
    let w2 = update.snapshot.node(&node("w2")).expect("w2");
    assert_eq!((w2.affinity, w2.effective_affinity), (100, 200));
    assert_eq!(w2.desired.as_ref().and_then(|desired| desired.affinity), Some(200));
}

#[tokio::test]
async fn a_drained_node_is_drained_when_every_key_has_a_new_owner() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a", "b"]).await;
    paper.claim("a", "w1", 1).await;
    paper.claim("b", "w1", 2).await;
    let mut watch = paper.watch().await;
    let options =
        DrainOptions::new().requester(Requester::new("ana@ops", "kernel 6.8")).parallel(8);
    let drain = paper.group.drain(&[node("w1")], &options).await.expect("drained");
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Draining);
    let desired =
        update.snapshot.node(&node("w1")).and_then(|n| n.desired.clone()).expect("a request");
    assert_eq!((desired.mode, desired.by.as_str(), desired.parallel), (Mode::Drain, "ana@ops", 8));
    assert_eq!((desired.drain_id.as_deref(), desired.drained_from), (Some(drain.as_str()), 2));
    assert_eq!(update.snapshot.key(&key("a")).and_then(|k| k.to.clone()), Some(node("w2")));

    paper.claim("a", "w2", 3).await;
    let free = ClaimRecord::new(None, Token(4));
    paper.put("claim.b", free.encode()).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Draining, "b has no owner");
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    assert_eq!((w1.keys, w1.desired.as_ref().map(|desired| desired.adrift)), (0, Some(1)));

    paper.claim("b", "w2", 5).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Drained);
    paper.put("lease.w1", LeaseRecord { stopping: 1, ..lease("w1", 1) }.encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Draining);
    paper.put("lease.w1", lease("w1", 1).encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Drained);
    paper
        .group
        .resume(&node("w1"), crate::group::AfterResume::MoveNothing, &Requester::default())
        .await
        .expect("resumed");
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Ready);
}

#[tokio::test]
async fn a_stop_that_was_given_up_keeps_a_node_from_being_drained_until_it_is_confirmed() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.group.drain(&[node("w1")], &DrainOptions::new()).await.expect("drained");
    // The node writes this before it gives the key away, and not with a heartbeat.
    let stop = OldestStop { key: key("a"), token: Token(1), since_ms: 1, given: true };
    let stops = StopsRecord { session: session("w1", 1), count: 1, given: 1, oldest: vec![stop] };
    paper.put("stops.w1", stops.encode()).await;
    paper.claim("a", "w2", 2).await;
    let update = watch.next().await;
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    assert_eq!((w1.state, w1.keys, w1.stopping), (NodeState::Draining, 0, 0));
    assert_eq!((w1.unconfirmed.count, w1.unconfirmed.given), (1, 1));
    assert!(w1.unconfirmed.oldest[0].given);
    assert_eq!(phase(&update.snapshot, "a"), (Some("w2".to_owned()), Phase::Running, 2));
    paper.write("stops.w1", None).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Drained);
}

/// A draining node whose session ends with this record, if any, before its key has another owner, and
/// that comes back. Returns how many keys were taken over, and the node's state.
async fn after_a_restart(end: Option<LeaseRecord>, beats: bool) -> (u64, NodeState) {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.group.drain(&[node("w1")], &DrainOptions::new()).await.expect("drained");
    watch.next().await;
    if let Some(end) = end {
        paper.put("lease.w1", end.encode()).await;
        watch.next().await;
    }
    paper.claim("a", "w2", 2).await;
    watch.next().await;
    if beats {
        paper.put("lease.w1", LeaseRecord { beat: 2, ..lease("w1", 1) }.encode()).await;
        watch.next().await;
    }
    paper.put("lease.w1", lease("w1", 2).encode()).await;
    paper.put("member.w1", member("w1", 2).encode()).await;
    let update = watch.next().await;
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    (w1.desired.as_ref().expect("a drain").taken_over, w1.state)
}

#[tokio::test]
async fn keys_that_were_taken_from_a_session_that_was_over_are_not_drained() {
    let over = |state, stopping| Some(LeaseRecord { state, stopping, ..lease("w1", 1) });
    let check = async |end: Option<LeaseRecord>, beats: bool, taken_over: u64, state: NodeState| {
        let words = format!("{end:?} {beats}");
        assert_eq!(after_a_restart(end, beats).await, (taken_over, state), "{words}");
    };
    check(over(LeaseState::Dead, 0), false, 1, NodeState::Emptied).await;
    check(over(LeaseState::Ended, 1), false, 1, NodeState::Emptied).await;
    check(over(LeaseState::Ended, 0), false, 0, NodeState::Drained).await;
    // It lived after it gave the key away; or the viewer did not see that.
    check(None, true, 0, NodeState::Drained).await;
    check(None, false, 1, NodeState::Emptied).await;
}

#[tokio::test]
async fn a_viewer_that_came_late_takes_no_freed_drain_for_done_while_keys_have_no_owner() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a"]).await;
    let freed = ControlRecord {
        deadline_ms: Some(1),
        on_deadline: divider_core::wire::OnDeadline::Free,
        ..ControlRecord::new(Mode::Drain)
    };
    paper.put("control.w1", freed.encode()).await;
    let mut watch = paper.watch().await;
    assert_eq!(state(watch.snapshot(), "w1"), NodeState::Emptied);
    paper.claim("a", "w2", 2).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Drained);
}

#[tokio::test]
async fn a_node_says_that_it_leaves_and_an_operator_that_it_is_cordoned() {
    let paper = Paper::with(&["w1", "w2"]).await;
    let mut watch = paper.watch().await;
    let leaving = MemberRecord { state: MemberState::Leaving, ..member("w1", 1) };
    paper.put("member.w1", leaving.encode()).await;
    paper.group.cordon(&node("w2"), &Requester::default()).await.expect("cordoned");
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Leaving);
    assert_eq!(state(&update.snapshot, "w2"), NodeState::Cordoned);
    assert_eq!(update.snapshot.node(&node("w2")).expect("w2").effective_affinity, 0);
}

#[tokio::test]
async fn a_dead_node_is_lost_until_its_keys_are_taken() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    let dead = LeaseRecord { state: LeaseState::Dead, by: Some(node("w2")), ..lease("w1", 1) };
    paper.put("lease.w1", dead.encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Lost);
    paper.write("member.w1", None).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Lost);
    assert_eq!(update.snapshot.node(&node("w1")).expect("w1").keys, 1);
    assert_eq!(phase(&update.snapshot, "a"), (None, Phase::Orphaned, 1));
    assert_eq!(update.snapshot.key(&key("a")).and_then(|k| k.to.clone()), Some(node("w2")));
    paper.claim("a", "w2", 2).await;
    let update = watch.next().await;
    assert!(update.snapshot.node(&node("w1")).is_none());
    assert_eq!(update.changed.nodes, [node("w1"), node("w2")]);
    assert_eq!(phase(&update.snapshot, "a"), (Some("w2".to_owned()), Phase::Running, 2));
}

#[tokio::test]
async fn a_restarted_node_has_to_claim_its_keys_anew() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.put("lease.w1", lease("w1", 2).encode()).await;
    assert_eq!(state(&watch.next().await.snapshot, "w1"), NodeState::Joining);
    paper.put("member.w1", member("w1", 2).encode()).await;
    let update = watch.next().await;
    assert_eq!(state(&update.snapshot, "w1"), NodeState::Ready);
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(phase(&update.snapshot, "a"), (None, Phase::Orphaned, 1));
    assert_eq!(update.snapshot.node(&node("w1")).expect("w1").keys, 0);
    paper.put("claim.a", claim("w1", 2, 2).encode()).await;
    let update = watch.next().await;
    assert_eq!(phase(&update.snapshot, "a"), (Some("w1".to_owned()), Phase::Running, 2));
}

#[tokio::test]
async fn a_wish_for_a_node_that_is_not_there_is_shown() {
    let paper = Paper::new();
    paper.put("control.w9", ControlRecord::new(Mode::Cordon).encode()).await;
    let watch = paper.watch().await;
    assert_eq!(state(watch.snapshot(), "w9"), NodeState::Absent);
}

#[tokio::test]
async fn a_node_that_is_not_there_and_has_been_let_go_is_not_shown() {
    let paper = Paper::new();
    paper.put("control.w9", ControlRecord::new(Mode::Active).encode()).await;
    let watch = paper.watch().await;
    assert!(watch.snapshot().node(&node("w9")).is_none());
}

#[tokio::test]
async fn what_a_session_said_of_its_stops_is_over_with_it() {
    let paper = Paper::with(&["w1"]).await;
    let stop = OldestStop { key: key("a"), token: Token(2), since_ms: 1, given: false };
    let stops = StopsRecord { session: session("w1", 1), count: 1, given: 0, oldest: vec![stop] };
    paper.put("stops.w1", stops.encode()).await;
    paper.announce(&["a"]).await;
    paper.put("lease.w1", lease("w1", 2).encode()).await;
    paper.put("member.w1", member("w1", 2).encode()).await;
    paper.put("claim.a", claim("w1", 2, 2).encode()).await;
    let watch = paper.watch().await;
    assert_eq!(phase(watch.snapshot(), "a"), (Some("w1".to_owned()), Phase::Running, 2));
}
