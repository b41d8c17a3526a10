//! Previews, and candidates for a key.

use super::*;
use divider_core::plan::{key_hash, node_hash};

#[tokio::test]
async fn a_drain_is_previewed_key_by_key() {
    let paper = Paper::with(&["w1", "w2", "w3"]).await;
    for n in 0..30 {
        let (text, owner) = (format!("k{n}"), ["w1", "w2", "w3"][n % 3]);
        paper.announce(&[&text]).await;
        paper.claim(&text, owner, 1).await;
    }
    let preview = paper.group.preview_drain(&[node("w1")]).await.expect("previewed");
    assert_eq!(preview.revision, paper.store.info().await.expect("in memory").last);
    assert_eq!((preview.moves.len(), preview.without_receiver), (10, 0));
    assert!(preview.moves.iter().all(|m| m.from == node("w1") && m.to != Some(node("w1"))));
    let adds: Vec<(u64, u64)> = preview.receivers.iter().map(|r| (r.now, r.adds)).collect();
    assert_eq!(adds, [(10, 5), (10, 5)]);

    // After the drain is recorded, the plan equals the preview.
    let mut watch = paper.watch().await;
    paper.group.drain(&[node("w1")], &DrainOptions::new()).await.expect("drained");
    let snapshot = watch.next().await.snapshot;
    for planned in &preview.moves {
        assert_eq!(
            snapshot.key(&planned.key).map(|status| status.to.clone()),
            Some(planned.to.clone())
        );
    }

    let all = [node("w1"), node("w2"), node("w3")];
    let preview = watch.preview_drain(&all).expect("previewed");
    assert_eq!((preview.moves.len(), preview.without_receiver), (30, 30));
    let error = watch.preview_drain(&[node("w4")]).expect_err("unknown");
    assert_eq!(error.to_string(), "no such node, the group's nodes are w1, w2, w3: w4");
}

#[tokio::test]
async fn what_one_drain_moves_counts_in_the_preview_of_the_next() {
    let paper = Paper::with(&["w1", "w2", "w3", "w4"]).await;
    // Two keys that would each go to the same node.
    let suits = |key: &String| {
        let score = |id: &str| divider_core::plan::score(node_hash(id), key_hash(key), 100);
        score("w3") > score("w4")
    };
    let keys: Vec<_> = (0..).map(|n| format!("k{n}")).filter(suits).take(2).collect();
    for (key, owner) in keys.iter().zip(["w1", "w2"]) {
        paper.announce(&[key]).await;
        paper.claim(key, owner, 1).await;
    }
    let nodes = [node("w1"), node("w2")];
    let preview = paper.group.preview_drain(&nodes).await.expect("previewed");
    let to: Vec<_> = preview.moves.iter().map(|m| m.to.clone()).collect();
    assert_eq!(to, [Some(node("w3")), Some(node("w4"))]);
}

#[tokio::test]
async fn a_rebalance_is_previewed_node_by_node() {
    let paper = Paper::with(&["w1", "w2"]).await;
    let watch = paper.watch().await;
    assert_eq!(watch.preview_rebalance().expect("previewed").shifts, []);
    for n in 0..10 {
        paper.announce(&[&format!("k{n}")]).await;
        paper.claim(&format!("k{n}"), "w1", 1).await;
    }
    let preview = paper.group.preview_rebalance().await.expect("previewed");
    let shifts: Vec<_> =
        preview.shifts.iter().map(|s| (s.from.clone(), s.to.clone(), s.keys)).collect();
    assert_eq!(shifts, [(node("w1"), node("w2"), 5)]);
}

#[tokio::test]
async fn it_is_said_how_well_each_node_suits_a_key_and_why_not() {
    let paper = Paper::with(&["w1", "w2"]).await;
    for id in ["w3", "w4", "w5"] {
        let prefixes = if id == "w4" { vec!["other/".to_owned()] } else { Vec::new() };
        let record = MemberRecord { prefixes, ..member(id, 1) };
        paper.put(&format!("lease.{id}"), lease(id, 1).encode()).await;
        paper.put(&format!("member.{id}"), record.encode()).await;
    }
    let control = ControlRecord::new(Mode::Cordon);
    paper.put("control.w3", control.encode()).await;
    paper.announce(&["a"]).await;
    let cooling_down = vec![divider_core::wire::CoolDown { node: node("w5"), for_ms: 60_000 }];
    paper.put("claim.a", ClaimRecord { cooling_down, ..claim("w1", 1, 5) }.encode()).await;
    let watch = paper.watch().await;
    let candidates = watch.candidates(&key("a")).expect("complete");
    let (fit, ineligible) = candidates.split_at(2);
    assert!(fit.iter().all(|s| s.ineligible.is_none() && ["w1", "w2"].contains(&s.node.as_str())));
    assert!(fit[0].score >= fit[1].score && fit[1].score > 0.0, "{fit:?}");
    let why = |id: &str| ineligible.iter().find(|s| s.node == node(id)).and_then(|s| s.ineligible);
    assert_eq!(why("w3"), Some(Ineligible::TakesNothing));
    assert_eq!(why("w4"), Some(Ineligible::OtherPrefix));
    assert!(matches!(why("w5"), Some(Ineligible::Released(_))));
    assert!(watch.candidates(&key("nobody knows it")).expect("complete").is_empty());
}
