//! The driver between a scripted core and a store that the test answers for.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::driver::{Driver, Pace};
use super::played::key;
use super::requests::{QUEUE, Request, Requests};
use super::starting::Starting;
use super::thread::choose_lease;
use super::{Core, Shared, clock};
use crate::core::edge::{
    Action, Command, End, Input, Notice, ReadId, Reply, RequestId, WatchId, WriteId,
};
use crate::core::node::Numbers;
use crate::core::time::{Now, Time};
use crate::divider::Divider;
use crate::error::{Ended, StartError};
use crate::event::{Reason, StopReason};
use crate::events::Events;
use crate::id::{GroupName, NodeId, Revision, Session, Token};
use crate::store::{Change, Filter, Info, Outcome, Record, Store, StoreError, Watch, Write};

const SPAN: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_hours(1);

/// A core that does what the test says, and tells it what it was told.
struct Script {
    wishes: Arc<Mutex<Wishes>>,
    told: mpsc::UnboundedSender<Input>,
}

#[derive(Default)]
struct Wishes {
    actions: VecDeque<Action>,
    timeout: Option<Time>,
    timeouts: usize,
}

impl Core for Script {
    fn handle(&mut self, _now: Now, input: Input) {
        // A test that is over listens no more.
        let _ = self.told.send(input);
    }
    fn handle_timeout(&mut self, now: Now) {
        let mut wishes = lock(&self.wishes);
        assert!(wishes.timeout.take().is_some_and(|due| due <= now.at));
        wishes.timeouts += 1;
    }
    fn poll_action(&mut self) -> Option<Action> {
        lock(&self.wishes).actions.pop_front()
    }
    fn poll_timeout(&self) -> Option<Time> {
        lock(&self.wishes).timeout
    }
    fn numbers(&self) -> Numbers {
        Numbers::default()
    }
}

/// What the store is asked; the test answers.
enum Asked {
    Write(Write, oneshot::Sender<Outcome>),
    Read(
        #[expect(dead_code, reason = "kept, so that the driver waits")]
        oneshot::Sender<Result<Option<Record>, StoreError>>,
    ),
    Watch(oneshot::Sender<Opened>),
    Info(oneshot::Sender<Result<Info, StoreError>>),
}

type Opened = Result<Box<dyn Watch>, StoreError>;

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write(..) => "a write",
            Self::Read(..) => "a read",
            Self::Watch(_) => "a watch",
            Self::Info(_) => "a question about the log",
        })
    }
}

#[derive(Debug)]
struct AskedStore {
    group: GroupName,
    asked: mpsc::UnboundedSender<Asked>,
}

impl AskedStore {
    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(oneshot::Sender<T>) -> Asked + Send + 'static,
    ) -> BoxFuture<'static, T> {
        let asked = self.asked.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            // A test that is over never answers.
            let _ = asked.send(ask(answer));
            match answered.await {
                Ok(answer) => answer,
                Err(_) => std::future::pending().await,
            }
        })
    }
}

impl Store for AskedStore {
    fn group(&self) -> &GroupName {
        &self.group
    }
    fn write(&self, write: Write) -> BoxFuture<'static, Outcome> {
        self.ask(|answer| Asked::Write(write, answer))
    }
    fn read(&self, _: &str) -> BoxFuture<'static, Result<Option<Record>, StoreError>> {
        self.ask(Asked::Read)
    }
    fn watch(&self, _: Filter) -> BoxFuture<'static, Result<Box<dyn Watch>, StoreError>> {
        self.ask(Asked::Watch)
    }
    fn info(&self) -> BoxFuture<'static, Result<Info, StoreError>> {
        self.ask(Asked::Info)
    }
}

/// A watch that the test feeds.
struct FedWatch {
    fed: mpsc::UnboundedReceiver<Result<Change, StoreError>>,
    closed: mpsc::UnboundedSender<()>,
}

impl Watch for FedWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, StoreError>> {
        Box::pin(async {
            match self.fed.recv().await {
                Some(change) => change,
                None => std::future::pending().await,
            }
        })
    }
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { _ = self.closed.send(()) })
    }
}

/// The test's side of a watch.
struct Feed {
    feed: mpsc::UnboundedSender<Result<Change, StoreError>>,
    closed: mpsc::UnboundedReceiver<()>,
}

fn fed_watch() -> (Box<dyn Watch>, Feed) {
    let (feed, receiver) = mpsc::unbounded_channel();
    let (closes, closings) = mpsc::unbounded_channel();
    (Box::new(FedWatch { fed: receiver, closed: closes }), Feed { feed, closed: closings })
}

/// One driver at work, and all that it talks to.
struct Bench {
    shared: Arc<Shared>,
    wishes: Arc<Mutex<Wishes>>,
    told: mpsc::UnboundedReceiver<Input>,
    asked: mpsc::UnboundedReceiver<Asked>,
    started: oneshot::Receiver<Result<(), StartError>>,
    driver: JoinHandle<Ended>,
    divider: Divider,
    commands: mpsc::Sender<Request>,
    events: Events,
}

impl Bench {
    fn new() -> Self {
        Self::starting_within(HOUR)
    }

    fn starting_within(start_timeout: Duration) -> Self {
        let group = GroupName::new("g").expect("legal");
        let node = NodeId::new("n").expect("legal");
        let shared = Arc::new(Shared::new(group.clone(), node, 100));
        let wishes = Arc::new(Mutex::new(Wishes::default()));
        let (tells, told) = mpsc::unbounded_channel();
        let (asks, asked) = mpsc::unbounded_channel();
        let (commands, requests) = mpsc::channel(QUEUE);
        let (answer, started) = oneshot::channel();
        let core = Script { wishes: Arc::clone(&wishes), told: tells };
        let store: Arc<dyn Store> = Arc::new(AskedStore { group, asked: asks });
        let driver = Driver::new(
            core,
            store,
            Arc::clone(&shared),
            Requests::new(requests),
            Starting::new(answer, clock::time(), start_timeout),
            Pace { lease: Duration::from_secs(6), stop_timeout: None },
        );
        let divider = Divider::new(Arc::clone(&shared), commands.clone());
        let events = Events::new(Arc::clone(&shared));
        let driver = tokio::spawn(driver.drive());
        Self { shared, wishes, told, asked, started, driver, divider, commands, events }
    }

    /// Has the core want this.
    fn act(&self, actions: impl IntoIterator<Item = Action>) {
        lock(&self.wishes).actions.extend(actions);
        self.shared.wake.notify_one();
    }

    async fn told(&mut self) -> Input {
        self.told.recv().await.expect("the driver runs")
    }

    async fn asked(&mut self) -> Asked {
        self.asked.recv().await.expect("the driver runs")
    }

    async fn asked_write(&mut self) -> (Write, oneshot::Sender<Outcome>) {
        match self.asked().await {
            Asked::Write(write, answer) => (write, answer),
            other => panic!("expected a write, found {other:?}"),
        }
    }

    async fn asked_watch(&mut self) -> oneshot::Sender<Opened> {
        match self.asked().await {
            Asked::Watch(answer) => answer,
            other => panic!("expected a watch, found {other:?}"),
        }
    }

    /// Lets the driver do all that it can do now.
    async fn settle(&self) {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(id: u64, name: &str) -> Action {
    let value = Some(Bytes::from_static(b"{}"));
    let write = Write { name: name.to_owned(), value, expected: Some(Revision::NONE), ttl: None };
    Action::Write(WriteId(id), write, SPAN)
}

fn watch(id: u64) -> Action {
    Action::Watch(WatchId(id), Filter { names: vec![">".to_owned()] }, Duration::ZERO)
}

fn record(revision: u64) -> Change {
    let revision = Revision(revision);
    Change::Record(Record { name: "key.a".to_owned(), revision, value: None, ttl: None })
}

fn joined() -> Action {
    Action::Notice(Notice::Joined { joined: Revision(1) })
}

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
            assert_eq!((after, what.as_str()), (SPAN, "write claim.a"));
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
    let filter = Filter { names: vec![">".to_owned()] };
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
    let told = bench.told().await;
    assert!(matches!(told, Input::WatchEnded(WatchId(2), StoreError::Timeout { .. })));
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

#[tokio::test(start_paused = true)]
async fn the_core_is_looked_after_when_it_is_due() {
    let bench = Bench::new();
    lock(&bench.wishes).timeout = Some(clock::time());
    bench.shared.wake.notify_one();
    while lock(&bench.wishes).timeouts == 0 {
        tokio::task::yield_now().await;
    }
    lock(&bench.wishes).timeout = Some(clock::time() + HOUR);
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
async fn unanswered_commands_hold_others_back_but_not_a_cancel() {
    let mut bench = Bench::new();
    let commands = bench.commands.clone();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        loop {
            let (answer, reply) = oneshot::channel();
            let request = Request { command: Command::Release(key("a")), answer };
            if commands.send(request).await.is_err() {
                return;
            }
            waiting.push(reply);
        }
    });
    for _ in 0..1024 {
        assert!(matches!(bench.told().await, Input::Command(_, Command::Release(_))));
    }
    bench.settle().await;
    assert!(bench.told.try_recv().is_err(), "no more than 1024 unanswered");
    bench.shared.request_cancel();
    assert!(matches!(bench.told().await, Input::Command(_, Command::Cancel)));
    bench.act([Action::Reply(RequestId(1), Reply::Done)]);
    assert!(matches!(bench.told().await, Input::Command(_, Command::Release(_))));
}

#[tokio::test(start_paused = true)]
async fn the_application_is_told_and_what_it_confirms_goes_to_the_core() {
    let mut bench = Bench::new();
    let lease = Action::Lease { until: clock::time() + HOUR, start_until: clock::time() + HOUR };
    bench.act([Action::Session(Session::from_bits(1)), lease]);
    bench.act([Action::Start(key("a"), Token(1)), Action::Start(key("b"), Token(2))]);
    let Some(crate::Event::Start(a)) = bench.events.next().await else { panic!("a start") };
    assert_eq!((a.key(), a.session()), (&key("a"), Session::from_bits(1)));
    let stop = |k, token| Action::Stop(key(k), Token(token), StopReason::Rebalance);
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
    let lease = Action::Lease { until: clock::time() + HOUR, start_until: clock::time() + HOUR };
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
    let shared = Shared::new(group.clone(), NodeId::new("n").expect("legal"), 100);
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
    Info { created: 1, last: Revision(1), replicas, bytes: 0, max_bytes: None }
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
