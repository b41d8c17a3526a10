//! The driver between a scripted core and a store that the test answers for.

mod node;
mod operations;
mod paused;
mod starting;
mod watches;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::driver::Driver;
use super::played::key;
use super::requests::{QUEUE, Request, Requests};
use super::starting::Starting;
use super::thread::choose_lease;
use super::{Core, Shared};
use crate::divider::Divider;
use crate::error::{Ended, StartError};
use crate::event::Reason;
use crate::events::Events;
use crate::id::{GroupName, NodeId, Revision, Session, Token};
use crate::store::{Change, Filter, Info, Outcome, Record, Store, StoreError, Watch, Write};
use divider_core::edge::{
    Action, Command, End, Input, Notice, ReadId, Reply, StopReason, WatchId, WriteId,
};
use divider_core::node::{Condition, Fullest, Numbers};
use divider_core::time::{Now, Time};
use divider_core::wire::ControlRecord;

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
    condition: Condition,
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
    fn fullest(&self) -> Option<Fullest> {
        None
    }
    fn numbers(&self) -> Numbers {
        Numbers::default()
    }
    fn condition(&self) -> Condition {
        lock(&self.wishes).condition
    }
    fn requested(&self) -> Option<&ControlRecord> {
        None
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
        let shared = Arc::new(Shared::new(group.clone(), node, 100, Clock::Machine));
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
            Starting::new(answer, Clock::Machine.time(), start_timeout),
            Duration::from_secs(6),
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
    let write = Write::put(name, Bytes::from_static(b"{}"), Some(Revision::NONE));
    Action::Write(WriteId(id), write, SPAN)
}

fn watch(id: u64) -> Action {
    Action::Watch(WatchId(id), Filter::everything(), Duration::ZERO)
}

fn record(revision: u64) -> Change {
    let revision = Revision(revision);
    Change::Record(Record::new("key.a", revision, None))
}

fn joined() -> Action {
    Action::Notice(Notice::Joined { joined: Revision(1) })
}
