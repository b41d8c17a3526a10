//! Watches are opened, handed over and closed.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_watch_hands_over_everything_in_order_and_its_end_last() {
    let mut bench = Bench::new();
    bench.act([watch(7)]);
    let (opened, mut feed) = fed_watch();
    bench.asked_watch().await.send(Ok(opened)).map_err(|_| "late").expect("in time");
    for revision in 1..=1000 {
        feed.feed.send(Ok(record(revision))).expect("open");
    }
    let gap = StoreError::Gap { what: "a gap".to_owned() };
    feed.feed.send(Err(gap.clone())).expect("open");
    for want in 1..=1000 {
        match bench.told().await {
            Input::Change(WatchId(7), Change::Record(record)) => {
                assert_eq!(record.revision.0, want);
            }
            other => panic!("expected record {want}, found {other:?}"),
        }
    }
    assert!(matches!(bench.told().await, Input::WatchEnded(WatchId(7), error) if error == gap));
    feed.closed.recv().await.expect("what is over is closed");
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_not_opened_before_its_delay() {
    let mut bench = Bench::new();
    let filter = Filter::everything();
    bench.act([Action::Watch(WatchId(1), filter, Duration::from_secs(5))]);
    bench.settle().await;
    tokio::time::advance(Duration::from_secs(4)).await;
    bench.settle().await;
    assert!(bench.asked.try_recv().is_err());
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.asked_watch().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_does_not_open_is_over() {
    let mut bench = Bench::new();
    bench.act([watch(1), watch(2)]);
    let (refused, _silent) = (bench.asked_watch().await, bench.asked_watch().await);
    let error = StoreError::Unreachable { what: "gone".to_owned() };
    refused.send(Err(error.clone())).map_err(|_| "late").expect("in time");
    assert!(matches!(bench.told().await, Input::WatchEnded(WatchId(1), e) if e == error));
    // As long as the store tries, the core hears of that, and no longer than a minute.
    let mut tried = 0;
    loop {
        match bench.told().await {
            Input::Opening(WatchId(2)) => tried += 1,
            Input::WatchEnded(WatchId(2), StoreError::Timeout { .. }) => break,
            other => panic!("expected news of the second, found {other:?}"),
        }
    }
    assert_eq!(tried, 29, "every two seconds");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_closed_is_closed_in_the_store_also_while_it_opens() {
    let mut bench = Bench::new();
    bench.act([watch(1), watch(2)]);
    let (first, second) = (bench.asked_watch().await, bench.asked_watch().await);
    let (opened, mut feed) = fed_watch();
    first.send(Ok(opened)).map_err(|_| "late").expect("in time");
    bench.settle().await;
    bench.act([Action::Unwatch(WatchId(1)), Action::Unwatch(WatchId(2))]);
    feed.closed.recv().await.expect("closed");
    let (opened, mut feed) = fed_watch();
    second.send(Ok(opened)).map_err(|_| "late").expect("it is not given up half-way");
    feed.closed.recv().await.expect("closed");
    assert!(bench.told.try_recv().is_err());
}
