//! A start: over when the node has joined, or failed.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_start_is_over_when_the_node_has_joined() {
    let mut bench = Bench::new();
    bench.act([joined()]);
    assert!((&mut bench.started).await.expect("answered").is_ok());
    bench.act([joined()]);
    assert!(!bench.driver.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_start_fails_at_once_where_waiting_does_not_help() {
    async fn check(error: StoreError, is_hopeless: bool) {
        let mut bench = Bench::new();
        bench.act([write(1, "lease.n")]);
        bench.asked_write().await.1.send(Outcome::Unknown(error.clone())).expect("it waits");
        assert!(matches!(bench.told().await, Input::Wrote(..)));
        if !is_hopeless {
            bench.settle().await;
            assert!(bench.started.try_recv().is_err(), "{error}");
            return;
        }
        match bench.started.await.expect("answered") {
            Err(StartError::Store(found)) => assert_eq!(found, error),
            other => panic!("expected {error:?}, found {other:?}"),
        }
        // What had begun is ended.
        assert!(matches!(bench.told.recv().await, Some(Input::Command(_, Command::Cancel))));
    }
    check(StoreError::NoGroup { group: "g".to_owned() }, true).await;
    check(StoreError::Denied { what: "publish".to_owned() }, true).await;
    check(StoreError::Unreachable { what: "gone".to_owned() }, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_group_after_the_start_ends_nothing() {
    let mut bench = Bench::new();
    bench.act([joined(), write(1, "claim.a")]);
    let error = StoreError::NoGroup { group: "g".to_owned() };
    bench.asked_write().await.1.send(Outcome::Unknown(error)).expect("it waits");
    assert!(matches!(bench.told().await, Input::Wrote(..)));
    bench.settle().await;
    assert!(bench.told.try_recv().is_err());
}

#[tokio::test]
async fn a_start_that_takes_too_long_fails_with_what_the_store_said_last() {
    let mut bench = Bench::starting_within(Duration::from_millis(50));
    bench.act([write(1, "lease.n")]);
    let last = StoreError::Unreachable { what: "gone".to_owned() };
    bench.asked_write().await.1.send(Outcome::Unknown(last.clone())).expect("it waits");
    match bench.started.await.expect("answered") {
        Err(StartError::TimedOut { after, last: found }) => {
            assert_eq!((after, found), (Duration::from_millis(50), Some(last)));
        }
        other => panic!("expected a time-out, found {other:?}"),
    }
    while let Some(input) = bench.told.recv().await {
        if matches!(input, Input::Command(_, Command::Cancel)) {
            return;
        }
    }
    panic!("what had begun is not ended");
}

/// What the store answers when a node asks about the log.
async fn lease_where(
    info: Result<Info, StoreError>,
    asked_for: Option<Duration>,
) -> Result<Duration, StartError> {
    let (asks, mut asked) = mpsc::unbounded_channel();
    let group = GroupName::new("g").expect("legal");
    let node = NodeId::new("n").expect("legal");
    let shared = Shared::new(group.clone(), node, 100, Clock::Machine);
    let store = AskedStore { group, asked: asks };
    let answers = async {
        while let Some(Asked::Info(answer)) = asked.recv().await {
            let _ = answer.send(info.clone());
        }
        std::future::pending().await
    };
    tokio::select! {
        lease = choose_lease(&store, &shared, asked_for, Some(SPAN)) => lease,
        never = answers => never,
    }
}

fn replicated(replicas: usize) -> Info {
    let mut info = Info::new(1, Revision(1));
    info.replicas = replicas;
    info
}

#[tokio::test(start_paused = true)]
async fn the_lease_follows_the_store_unless_it_is_set() {
    let second = Duration::from_secs(1);
    let check = async |replicas, asked_for, want| {
        let lease = lease_where(Ok(replicated(replicas)), asked_for).await.expect("answered");
        assert_eq!(lease, want, "{replicas} replicas, asked for {asked_for:?}");
    };
    check(1, None, second * 6).await;
    check(3, None, second * 18).await;
    check(5, None, second * 18).await;
    check(1, Some(second), second).await;
    check(3, Some(second), second).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_not_there_is_asked_until_the_start_has_no_time_left() {
    let gone = StoreError::Unreachable { what: "gone".to_owned() };
    match lease_where(Err(gone.clone()), None).await {
        Err(StartError::TimedOut { after, last }) => {
            assert_eq!((after, last), (SPAN, Some(gone)));
        }
        other => panic!("expected a time-out, found {other:?}"),
    }
    let no_group = StoreError::NoGroup { group: "g".to_owned() };
    match lease_where(Err(no_group.clone()), None).await {
        Err(StartError::Store(found)) => assert_eq!(found, no_group),
        other => panic!("expected the missing group, found {other:?}"),
    }
}
