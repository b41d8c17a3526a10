//! Each verb has the effect that it is for, on a handler that knows nothing of the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use divider::testing::Cluster;
use divider::{Assignment, BoxError, Event, Finish, Key, Reason};

/// Saves its token, and counts: what is saved must only rise.
async fn count(mine: Assignment) -> Result<Finish, BoxError> {
    let mut state = mine.checkpoint::<u64>().await?;
    let mut count = state.value()?.unwrap_or_default();
    loop {
        tokio::select! {
            () = mine.cancelled() => return Ok(Finish::Release),
            () = tokio::time::sleep(Duration::from_millis(500)) => {
                count += 1;
                state.save(&count).await?;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_another_node_runs_the_keys() {
    let cluster = Cluster::start(["w1", "w2"], count).await;
    cluster.announce(["a", "b", "c"]).await;
    let first = cluster.owner("a").await;
    let begun = tokio::time::Instant::now();
    first.crash().await;
    assert!(first.keys().is_empty());
    let second = cluster.owner("a").await;
    assert_ne!(first.name(), second.name());
    let idle = begun.elapsed();
    assert!((5..8).contains(&idle.as_secs()), "the lease and a little more: {idle:?}");
    cluster.settled().await;
    assert_eq!(second.keys().len(), 3);
    cluster.assert_no_overlap();
    cluster.node(first.name()).run(count).await;
    cluster.settled().await;
    assert!((1..=2).contains(&second.keys().len()), "the one that came back has its share");
    cluster.assert_no_overlap();
}

#[tokio::test(start_paused = true)]
async fn a_zombie_goes_on_in_the_middle_of_its_work_and_is_told_by_its_token() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&written);
    let work = move |mine: Assignment| {
        let written = Arc::clone(&shared);
        async move {
            loop {
                written.lock().unwrap().push(mine.token());
                tokio::time::sleep(Duration::from_secs(1)).await;
                if mine.is_cancelled() {
                    return Finish::Release;
                }
            }
        }
    };
    let cluster = Cluster::start(["w1", "w2"], work).await;
    cluster.announce(["a"]).await;
    let zombie = cluster.owner("a").await;
    zombie.pause_past_lease().await;
    assert_ne!(cluster.owner("a").await.name(), zombie.name());
    cluster.settled().await;
    let [overlap] = &cluster.overlaps()[..] else { panic!("one: {:?}", cluster.overlaps()) };
    assert_eq!(overlap.older.0.as_str(), zombie.name());
    let written = written.lock().unwrap();
    let late = written.windows(2).filter(|two| two[1] < two[0]).count();
    assert_eq!(late, 1, "it wrote once after the other, as a zombie may: {written:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stolen_key_runs_elsewhere_and_its_owner_hears_of_the_loss() {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&reasons);
    let cluster = Cluster::start(["w1", "w2"], move |mine: Assignment| {
        let heard = Arc::clone(&heard);
        async move {
            mine.cancelled().await;
            heard.lock().unwrap().extend(mine.reason());
            tokio::time::sleep(Duration::from_millis(100)).await; // it takes a moment to stop
            Finish::Release
        }
    })
    .await;
    cluster.announce(["a"]).await;
    let owner = cluster.owner("a").await;
    let thief = cluster.steal("a").await;
    assert_ne!(thief.name(), owner.name());
    cluster.settled().await;
    assert_eq!(cluster.owner("a").await.name(), thief.name());
    assert_eq!(*reasons.lock().unwrap(), [Reason::ClaimLost]);
    assert_eq!(cluster.overlaps().len(), 1, "{:?}", cluster.overlaps());
}

#[tokio::test(start_paused = true)]
async fn a_fenced_node_loses_its_keys_and_comes_back() {
    let cluster = Cluster::new();
    let lost = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lost);
    let node = cluster.node("w1").configure(|builder| builder.lease(Duration::from_secs(2)));
    let node = node
        .serve(move |_divider, mut events| async move {
            while let Some(event) = events.next().await {
                if let Event::Lost(handoff) = event {
                    told.lock().unwrap().push(handoff.reason());
                    handoff.confirm();
                }
            }
        })
        .await;
    cluster.announce(["a"]).await;
    let session = node.divider().session();
    node.fence().await;
    assert_ne!(node.divider().session(), session);
    assert_eq!(*lost.lock().unwrap(), [Reason::Fenced]);
    cluster.settled().await;
    assert_eq!(node.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_loses_its_tail_loses_what_was_saved_and_the_nodes_agree_again() {
    let cluster = Cluster::start(["w1", "w2"], count).await;
    cluster.announce(["a", "b"]).await;
    cluster.settled().await;
    let saved = || cluster.saved::<u64>("a");
    let before = saved().await.expect("saved");
    cluster.store().lose_tail(Duration::from_secs(5));
    let after = saved().await.expect("saved before the tail");
    assert!((8..=11).contains(&(before - after)), "{before} {after}");
    cluster.settled().await;
    assert!(saved().await.expect("saved") > after);
    cluster.lose_tail(Duration::from_secs(30)).await;
    cluster.announce(["c"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_deploy_moves_the_keys_without_an_overlap() {
    let cluster = Cluster::start(["w1"], count).await;
    cluster.announce(["a", "b", "c"]).await;
    cluster.node("w2").run(count).await;
    cluster.settled().await;
    let flushed = cluster.nodes()[0].shut_down().await;
    assert!(flushed.handed >= 1 && flushed.lost == 0, "{flushed:?}");
    cluster.settled().await;
    assert_eq!(cluster.nodes()[1].keys().len(), 3);
    cluster.assert_no_overlap();
}

#[tokio::test]
#[should_panic(expected = "start_paused")]
async fn a_test_whose_time_is_not_paused_is_told_so() {
    Cluster::new();
}

/// Answers with its token, until the key has to stop.
async fn answer(mine: Assignment) -> Result<Finish, BoxError> {
    let mut requests = mine.requests().await?;
    while let Some(request) = requests.next().await {
        let token = mine.token().to_string();
        request.reply(token).await?;
    }
    Ok(Finish::Release)
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_paused_owner_waits_for_it_and_one_after_a_crash_for_the_next() {
    let cluster = Cluster::start(["w1", "w2"], answer).await;
    cluster.announce(["a"]).await;
    let (group, key) = (cluster.group(), Key::new("a").unwrap());
    let first = group.request(&key, "").await.expect("answered").token();
    let owner = cluster.owner("a").await;
    owner.pause();
    let waiting = tokio::spawn({
        let (group, key) = (group.clone(), key.clone());
        async move { group.request(&key, "").deadline(Duration::from_secs(20)).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    owner.resume();
    let reply = waiting.await.expect("no panic").expect("answered");
    assert_eq!(reply.token(), first);
    owner.crash().await;
    let asking = group.request(&key, "").deadline(Duration::from_secs(20)).idempotent(true);
    assert!(asking.await.expect("answered").token() > first);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "an owner of a")]
async fn what_never_comes_fails_the_test() {
    let cluster = Cluster::start(["w1"], count).await;
    cluster.owner("a").await;
}

/// Hours of faults, chosen by a number: nobody's state steps back, and no handlers overlap but after the
/// faults that no library prevents.
#[tokio::test(start_paused = true)]
async fn nothing_steps_back_and_nothing_overlaps_through_a_hundred_faults() {
    let mut chance = fastrand::Rng::with_seed(7);
    let keys = ["a", "b", "c", "d", "e"];
    let cluster = Cluster::start(["n0", "n1", "n2"], count).await;
    cluster.announce(keys).await;
    let mut saved = [0; 5];
    for round in 3..103 {
        let nodes = cluster.nodes();
        let live: Vec<_> = nodes.iter().filter(|node| !node.keys().is_empty()).collect();
        let (node, key) = (live[chance.usize(..live.len())], keys[chance.usize(..keys.len())]);
        let (fault, before) = (chance.usize(..6), cluster.overlaps().len());
        match fault {
            0 => {
                node.crash().await;
                cluster.node(&format!("n{round}")).run(count).await;
            }
            1 => {
                cluster.node(&format!("n{round}")).run(count).await;
                node.shut_down().await;
            }
            2 => node.fence().await,
            3 => {
                cluster.store().freeze();
                tokio::time::sleep(Duration::from_secs(chance.u64(1..10))).await;
                cluster.store().thaw();
            }
            4 => node.pause_past_lease().await,
            _ => drop(cluster.steal(key).await),
        }
        cluster.settled().await;
        let overlaps = cluster.overlaps();
        let is_expected = fault >= 4 || overlaps.len() == before;
        assert!(is_expected, "round {round}, fault {fault}: {:?}", &overlaps[before..]);
        for (key, last) in keys.iter().zip(&mut saved) {
            let now = cluster.saved::<u64>(key).await.expect("saved");
            assert!(now > *last, "round {round}, fault {fault}: {key} was {last}, is {now}");
            *last = now;
        }
    }
}
