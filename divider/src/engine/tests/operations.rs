//! Writes, reads and questions: in which order, and how long.

use super::*;

#[tokio::test(start_paused = true)]
async fn writes_are_sent_in_order_and_only_so_many_at_once() {
    let mut bench = Bench::new();
    bench.act((0..2_000).map(|id| write(id, &format!("claim.{id}"))));
    let mut answers = VecDeque::new();
    let (mut asked, mut most) = (0, 0);
    while asked < 2_000 {
        bench.settle().await;
        while let Ok(Asked::Write(write, answer)) = bench.asked.try_recv() {
            assert_eq!(write.name, format!("claim.{asked}"));
            asked += 1;
            answers.push_back(answer);
        }
        most = most.max(answers.len());
        let answer = answers.pop_front().expect("one at least is under way");
        answer.send(Outcome::Conflict).expect("the driver waits");
    }
    assert_eq!(most, 512, "of a store that answers promptly");
}

#[tokio::test(start_paused = true)]
async fn a_lease_and_a_read_wait_behind_no_write() {
    let mut bench = Bench::new();
    bench.act((0..1000).map(|id| write(id, "claim.a")));
    bench.act([write(1000, "lease.n"), Action::Read(ReadId(1), "claim.a".to_owned(), SPAN)]);
    let (mut leases, mut reads) = (0, 0);
    for _ in 0..66 {
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
            assert!(what.starts_with("write claim.a (if the server is healthy, "), "{what}");
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
    bench.act((0..65).map(|id| write(id, &format!("claim.{id}"))));
    let mut answers = Vec::new();
    for _ in 0..64 {
        answers.push(bench.asked_write().await);
    }
    tokio::time::advance(SPAN.saturating_sub(Duration::from_secs(1))).await;
    answers.pop().expect("64").1.send(Outcome::Conflict).expect("the driver waits");
    assert!(matches!(bench.told().await, Input::Wrote(WriteId(63), Outcome::Conflict)));
    let (last, answer) = bench.asked_write().await;
    assert_eq!(last.name, "claim.64");
    tokio::time::advance(SPAN.saturating_sub(Duration::from_secs(1))).await;
    for _ in 0..63 {
        assert!(matches!(bench.told().await, Input::Wrote(_, Outcome::Unknown(_))));
    }
    answer.send(Outcome::Acked(Revision(9))).expect("its time is not over");
    assert!(matches!(bench.told().await, Input::Wrote(WriteId(64), Outcome::Acked(_))));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_when_the_session_ends_is_never_sent() {
    let mut bench = Bench::new();
    bench.act((0..1_000).map(|id| write(id, "claim.a")));
    bench.act((1_000..1_100).map(|id| write(id, "lease.n")));
    bench.settle().await;
    bench.act([Action::Withdraw, write(2_000, "lease.n"), write(2_001, "claim.b")]);
    bench.settle().await;
    let mut answers = Vec::new();
    while let Ok(Asked::Write(write, answer)) = bench.asked.try_recv() {
        assert_ne!(write.name, "claim.b", "there is no room yet");
        answers.push(answer);
    }
    assert_eq!(answers.len(), 64 + 64);
    let mut withdrawn = Vec::new();
    while let Ok(Input::Withdrawn(WriteId(id))) = bench.told.try_recv() {
        withdrawn.push(id);
    }
    withdrawn.sort_unstable();
    assert!(withdrawn.into_iter().eq((64..1_000).chain(1_064..1_100)));
    for answer in answers {
        answer.send(Outcome::Conflict).expect("the driver waits");
    }
    let mut names = [bench.asked_write().await.0.name, bench.asked_write().await.0.name];
    names.sort_unstable();
    assert_eq!(names, ["claim.b", "lease.n"], "and nothing of before");
}
