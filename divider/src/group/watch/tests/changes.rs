//! The differences that an update names, and the states of the link.

use super::*;

#[tokio::test]
async fn an_empty_group_is_complete() {
    let update = until_complete(&mut Paper::new().group.watch()).await;
    assert_eq!(update.link, Link::Live);
    assert_eq!((update.snapshot.nodes().len(), update.snapshot.keys().len()), (0, 0));
    assert!(update.changed.link);
}

#[tokio::test]
async fn the_first_complete_snapshot_shows_everything() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a", "b", "c"]).await;
    paper.claim("a", "w1", 5).await;
    let revision = paper.claim("b", "w2", 6).await;
    let update = until_complete(&mut paper.group.watch()).await;
    let snapshot = &update.snapshot;
    assert_eq!(snapshot.revision(), revision);
    assert_eq!(update.changed.nodes, [node("w1"), node("w2")]);
    assert_eq!(update.changed.keys, [key("a"), key("b"), key("c")]);
    assert_eq!(phase(snapshot, "a"), (Some("w1".to_owned()), Phase::Running, 5));
    assert_eq!(phase(snapshot, "b"), (Some("w2".to_owned()), Phase::Running, 6));
    assert_eq!(phase(snapshot, "c"), (None, Phase::Orphaned, 0));
    assert!(snapshot.key(&key("c")).expect("c").to.is_some(), "it is planned for somebody");
    let counts = snapshot.counts();
    assert_eq!((counts.running, counts.orphaned, counts.stopping, counts.all()), (2, 1, 0, 3));
    let w1 = snapshot.node(&node("w1")).expect("w1");
    assert_eq!(
        (w1.state, w1.keys, w1.affinity, w1.effective_affinity),
        (NodeState::Ready, 1, 100, 100)
    );
    assert_eq!((w1.host.as_str(), w1.build.as_str()), ("host of w1", "1.0"));
    assert_eq!((w1.labels["zone"].as_str(), w1.session), ("eu", Some(session("w1", 1))));
    assert_eq!((w1.seen, w1.lease), (Revision(7), Duration::from_mins(1)));
    assert!(w1.last_beat.is_some() && w1.desired.is_none());
    let from: Vec<&Key> = snapshot.keys_from(&key("b")).map(|(key, _)| key).collect();
    assert_eq!(from, [&key("b"), &key("c")]);
}

#[tokio::test]
async fn an_update_names_what_changed_and_nothing_else() {
    let paper = Paper::with(&["w1", "w2"]).await;
    paper.announce(&["a", "b"]).await;
    let mut watch = paper.watch().await;
    let before = watch.snapshot().clone();
    paper.claim("a", "w1", 5).await;
    let update = watch.next().await;
    assert_eq!(update.changed.keys, [key("a")]);
    assert_eq!(update.changed.nodes, [node("w1")]);
    assert!(!update.changed.link && !update.changed.group && !update.changed.problems);
    assert_eq!(phase(&before, "a"), (None, Phase::Orphaned, 0), "a snapshot does not change");
    assert_eq!(update.snapshot.node(&node("w1")).expect("w1").keys, 1);

    paper.put("lease.w2", LeaseRecord { held: 3, ..lease("w2", 1) }.encode()).await;
    let update = watch.next().await;
    assert_eq!((update.changed.keys.len(), update.changed.nodes), (0, vec![node("w2")]));
    assert_eq!(update.snapshot.node(&node("w2")).expect("w2").held, 3);
}

#[tokio::test]
async fn a_burst_is_one_update() {
    let paper = Paper::with(&["w1"]).await;
    let mut watch = paper.watch().await;
    let texts: Vec<String> = (0..1000).map(|n| format!("k{n}")).collect();
    paper.announce(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (token, text) in (1..).zip(&texts) {
        paper.claim(text, "w1", token).await;
    }
    let update = watch.next().await;
    assert_eq!(update.changed.keys.len(), 1000);
    assert_eq!(update.snapshot.counts().running, 1000);
    let w1 = update.snapshot.node(&node("w1")).expect("w1");
    assert_eq!((w1.keys, w1.target), (1000, 1000));
}

#[tokio::test]
async fn what_cannot_be_read_is_shown_until_it_can() {
    let paper = Paper::with(&["w1"]).await;
    paper.put("claim.a", "garbage").await;
    paper.put("pin.a", "{}").await;
    paper.put("key.a=2e", "").await;
    let mut watch = paper.watch().await;
    let problems = watch.snapshot().problems().clone();
    let names: Vec<&str> = problems.shown.iter().map(|problem| problem.name.as_str()).collect();
    assert_eq!((names, problems.found), (vec!["claim.a", "key.a=2e", "pin.a"], 3));
    assert!(problems.shown[2].why.contains("unknown record type"), "{}", problems.shown[2].why);
    paper.put("member.w1", r#"{"v":2}"#).await;
    let update = watch.next().await;
    assert!(update.changed.problems);
    let problem = &update.snapshot.problems().shown[2];
    assert_eq!(problem.why, "written in format 2; this divider reads format 1");
    paper.claim("a", "w1", 1).await;
    let update = watch.next().await;
    assert!(update.changed.problems);
    assert_eq!((update.snapshot.problems().shown.len(), update.snapshot.problems().found), (3, 4));
}

#[tokio::test]
async fn a_freeze_is_shown() {
    let paper = Paper::with(&["w1"]).await;
    let mut watch = paper.watch().await;
    paper.group.freeze(None, &Requester::new("ana", "release")).await.expect("frozen");
    let update = watch.next().await;
    assert!(update.changed.group);
    assert_eq!(update.snapshot.freeze().map(|freeze| freeze.reason.as_str()), Some("release"));
    paper.group.thaw().await.expect("thawed");
    assert_eq!(watch.next().await.snapshot.freeze(), None);
}

#[tokio::test]
async fn a_lost_line_is_said_and_what_changed_meanwhile_is_told() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a", "b"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.store.break_watches();
    let update = watch.next().await;
    let Link::Lost { error, attempts, .. } = &update.link else { panic!("{:?}", update.link) };
    assert!(matches!(error, StoreError::Gap { .. }) && *attempts == 1, "{error}");
    assert!(update.changed.link && !update.snapshot.is_complete());
    assert_eq!(update.snapshot.keys().len(), 2, "it stays what it was");
    assert!(matches!(watch.preview_rebalance(), Err(OperateError::Incomplete)));

    paper.group.retract(&key("b")).await.expect("retracted");
    paper.announce(&["c"]).await;
    let update = until_complete(&mut watch).await;
    assert_eq!(update.changed.keys, [key("b"), key("c")], "a is as it was");
}

#[tokio::test]
async fn a_group_that_is_made_again_is_another_one() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    paper.claim("a", "w1", 1).await;
    let mut watch = paper.watch().await;
    paper.store.delete_group();
    loop {
        if let Link::Lost { error: StoreError::NoGroup { .. }, .. } = watch.next().await.link {
            break;
        }
    }
    paper.store.create_group();
    paper.announce(&["b"]).await;
    let update = until_complete(&mut watch).await;
    assert_eq!(update.changed.keys, [key("a"), key("b")]);
    assert_eq!(update.changed.nodes, [node("w1")]);
    assert_eq!((update.snapshot.keys().len(), update.snapshot.nodes().len()), (1, 0));
    assert_eq!(update.snapshot.revision(), Revision(1));
}

#[tokio::test]
async fn a_call_that_is_dropped_loses_nothing() {
    let paper = Paper::with(&["w1"]).await;
    paper.announce(&["a"]).await;
    let mut watch = paper.group.watch();
    let mut changed = Changed::default();
    for token in 1..200 {
        tokio::select! {
            biased;
            update = watch.next() => changed.keys.extend(update.changed.keys),
            () = tokio::task::yield_now() => {}
        }
        paper.claim("a", "w1", token).await;
    }
    while watch.snapshot().key(&key("a")).is_none_or(|status| status.token != Token(199)) {
        changed.keys.extend(watch.next().await.changed.keys);
    }
    assert!(changed.keys.iter().all(|changed| *changed == key("a")));
}

#[tokio::test]
async fn a_group_that_is_not_there_cannot_be_read_once() {
    let paper = Paper::new();
    paper.store.delete_group();
    let error = paper.group.snapshot().await.expect_err("no group");
    assert_eq!(error.to_string(), "the store failed at the record: the whole log");
}
