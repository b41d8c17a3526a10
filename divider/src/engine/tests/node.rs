//! The core, the application, and who commands.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_core_is_looked_after_when_it_is_due() {
    let bench = Bench::new();
    lock(&bench.wishes).timeout = Some(Clock::Machine.time());
    bench.shared.wake.notify_one();
    while lock(&bench.wishes).timeouts == 0 {
        tokio::task::yield_now().await;
    }
    lock(&bench.wishes).timeout = Some(Clock::Machine.time() + HOUR);
    bench.settle().await;
    assert_eq!(lock(&bench.wishes).timeouts, 1, "not before it is due");
}

#[tokio::test(start_paused = true)]
async fn commands_go_to_the_core_and_its_replies_back() {
    let mut bench = Bench::new();
    let divider = bench.divider.clone();
    let alters = tokio::spawn(async move { divider.alter_affinity(-30).await });
    let Input::Command(id, command) = bench.told().await else { panic!("expected a command") };
    assert_eq!(command, Command::AlterAffinity(-30));
    bench.act([Action::Reply(id, Reply::Affinity { own: 70, overridden: Some(5) })]);
    let affinity = alters.await.expect("no panic").expect("answered");
    assert_eq!((affinity.own, affinity.overridden), (70, Some(5)));
    assert_eq!(bench.divider.affinity(), 70);
}

#[tokio::test(start_paused = true)]
async fn unanswered_commands_hold_no_others_back() {
    let mut bench = Bench::new();
    let commands = bench.commands.clone();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        loop {
            let (answer, reply) = oneshot::channel();
            let request = Request { command: Command::Complete(key("a"), Token(1)), answer };
            if commands.send(request).await.is_err() {
                return;
            }
            waiting.push(reply);
        }
    });
    for _ in 0..5_000 {
        assert!(matches!(bench.told().await, Input::Command(_, Command::Complete(..))));
    }
}

#[tokio::test(start_paused = true)]
async fn the_application_is_told_and_what_it_confirms_goes_to_the_core() {
    let mut bench = Bench::new();
    let lease = Action::Lease {
        until: Clock::Machine.time() + HOUR,
        start_until: Clock::Machine.time() + HOUR,
    };
    bench.act([Action::Session(Session::from_bits(1)), lease]);
    bench.act([Action::Start(key("a"), Token(1)), Action::Start(key("b"), Token(2))]);
    let Some(crate::Event::Start(a)) = bench.events.next().await else { panic!("a start") };
    assert_eq!((a.key(), a.session()), (&key("a"), Session::from_bits(1)));
    let stop = |k, token| Action::Stop(key(k), Token(token), StopReason::Rebalance, None);
    bench.act([stop("a", 1), stop("b", 2)]);
    // Nobody took the start of `b`: the engine confirms it.
    assert!(matches!(bench.told().await, Input::Confirm(k, Token(2)) if k == key("b")));
    let Some(crate::Event::Stop(handoff)) = bench.events.next().await else { panic!("a stop") };
    assert_eq!(handoff.reason(), Reason::Rebalance);
    handoff.confirm();
    assert!(matches!(bench.told().await, Input::Confirm(k, Token(1)) if k == key("a")));
}

#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_read_costs_no_heartbeat() {
    let mut bench = Bench::new();
    let lease = Action::Lease {
        until: Clock::Machine.time() + HOUR,
        start_until: Clock::Machine.time() + HOUR,
    };
    bench.act([Action::Session(Session::from_bits(1)), lease]);
    bench.act((0..10_000).map(|n| Action::Start(key(&format!("k{n}")), Token(n))));
    for beat in 0..60 {
        bench.act([write(beat, "lease.n")]);
        bench.asked_write().await.1.send(Outcome::Acked(Revision(beat))).expect("it waits");
        assert!(matches!(bench.told().await, Input::Wrote(..)));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    for _ in 0..10_000 {
        assert!(matches!(bench.events.next().now_or_never(), Some(Some(crate::Event::Start(_)))));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_closes_the_watches_and_ends_the_start() {
    let mut bench = Bench::new();
    bench.act([watch(1)]);
    let (opened, mut feed) = fed_watch();
    bench.asked_watch().await.send(Ok(opened)).map_err(|_| "late").expect("in time");
    let session = Session::from_bits(9);
    bench.act([Action::End(End::NodeIdInUse { session, host: "h".to_owned() })]);
    feed.closed.recv().await.expect("closed");
    let ended = bench.driver.await.expect("no panic");
    assert_eq!(ended, Ended::NodeIdInUse { session, host: "h".to_owned() });
    match bench.started.await.expect("answered") {
        Err(StartError::NodeIdInUse { host, .. }) => assert_eq!(host, "h"),
        other => panic!("expected the id to be in use, found {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_application_has_not_done_yet_is_known() {
    let mut bench = Bench::new();
    let backlog = |bench: &Bench| {
        let backlog = bench.shared.queue(|queue| queue.backlog());
        (backlog.untaken, backlog.unconfirmed, backlog.oldest.map(|(key, _)| key.to_string()))
    };
    let lease = Action::Lease {
        until: Clock::Machine.time() + HOUR,
        start_until: Clock::Machine.time() + HOUR,
    };
    let start = |name: &str, token| Action::Start(key(name), Token(token));
    let stop = |name: &str, token| Action::Stop(key(name), Token(token), StopReason::Drain, None);
    bench.act([Action::Session(Session::from_bits(1)), lease, start("a", 1), start("b", 2)]);
    bench.settle().await;
    assert_eq!(backlog(&bench), (2, 0, None));
    bench.events.next().await.expect("a start");
    bench.events.next().await.expect("a start");
    bench.act([stop("b", 2)]);
    bench.settle().await;
    assert_eq!(backlog(&bench), (1, 1, Some("b".to_owned())));
    let Some(crate::Event::Stop(handoff)) = bench.events.next().await else {
        panic!("expected a stop")
    };
    assert_eq!(backlog(&bench), (0, 1, Some("b".to_owned())), "it is not confirmed");
    handoff.confirm();
    assert_eq!(backlog(&bench), (0, 0, None));
    bench.act([stop("a", 1)]);
    bench.settle().await;
    bench.shared.give_up(&key("a"), Token(1));
    assert_eq!(backlog(&bench), (0, 0, None), "a key that was given up is not in it");
}
