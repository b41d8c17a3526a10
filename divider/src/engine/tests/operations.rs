//! Writes, reads and questions: in which order, and how long.

use super::*;

#[tokio::test(start_paused = true)]
async fn writes_are_sent_in_order_and_only_so_many_at_once() {
    let mut bench = Bench::new();
    bench.act((0..1000).map(|id| write(id, &format!("claim.{id}"))));
    let mut answers = VecDeque::new();
    for id in 0..512 {
        let (write, answer) = bench.asked_write().await;
        assert_eq!(write.name, format!("claim.{id}"));
        answers.push_back(answer);
    }
    bench.settle().await;
    assert!(bench.asked.try_recv().is_err(), "no more than 512 at once");
    for id in 512..1000 {
        let answer = answers.pop_front().expect("there are 512");
        answer.send(Outcome::Conflict).expect("the driver waits");
        let (write, answer) = bench.asked_write().await;
        assert_eq!(write.name, format!("claim.{id}"));
        answers.push_back(answer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_and_a_read_wait_behind_no_write() {
    let mut bench = Bench::new();
    bench.act((0..1000).map(|id| write(id, "claim.a")));
    bench.act([write(1000, "lease.n"), Action::Read(ReadId(1), "claim.a".to_owned(), SPAN)]);
    let (mut leases, mut reads) = (0, 0);
    for _ in 0..514 {
        match bench.asked().await {
            Asked::Write(write, _) if write.name == "lease.n" => leases += 1,
            Asked::Read(..) => reads += 1,
            _ => {}
        }
    }
    assert_eq!((leases, reads), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_operation_without_an_answer_ends_in_its_time() {
    let mut bench = Bench::new();
    bench.act([write(1, "claim.a")]);
    let (_, never) = bench.asked_write().await;
    match bench.told().await {
        Input::Wrote(WriteId(1), Outcome::Unknown(StoreError::Timeout { after, what })) => {
            assert_eq!(after, SPAN);
            assert!(what.starts_with("write claim.a (if the server is well, "), "{what}");
        }
        other => panic!("expected a time-out, found {other:?}"),
    }
    assert!(never.send(Outcome::Conflict).is_err(), "a late answer finds nobody");

    bench.act([Action::Read(ReadId(1), "claim.a".to_owned(), SPAN), Action::Info]);
    let (_read, _info) = (bench.asked().await, bench.asked().await);
    let told = (bench.told().await, bench.told().await);
    match told {
        // The question about the log has the shorter time.
        (Input::Info(Err(_)), Input::Read(ReadId(1), Err(StoreError::Timeout { after, .. }))) => {
            assert_eq!(after, SPAN);
        }
        other => panic!("expected two time-outs, found {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_write_begins_when_it_is_sent() {
    let mut bench = Bench::new();
    bench.act((0..513).map(|id| write(id, &format!("claim.{id}"))));
    let mut answers = Vec::new();
    for _ in 0..512 {
        answers.push(bench.asked_write().await);
    }
    tokio::time::advance(SPAN.saturating_sub(Duration::from_secs(1))).await;
    answers.pop().expect("512").1.send(Outcome::Conflict).expect("the driver waits");
    assert!(matches!(bench.told().await, Input::Wrote(WriteId(511), Outcome::Conflict)));
    let (last, answer) = bench.asked_write().await;
    assert_eq!(last.name, "claim.512");
    tokio::time::advance(SPAN.saturating_sub(Duration::from_secs(1))).await;
    for _ in 0..511 {
        assert!(matches!(bench.told().await, Input::Wrote(_, Outcome::Unknown(_))));
    }
    answer.send(Outcome::Acked(Revision(9))).expect("its time is not over");
    assert!(matches!(bench.told().await, Input::Wrote(WriteId(512), Outcome::Acked(_))));
}
