//! Requests on a store in memory, in paused time.

mod asking;
mod moving;
mod serving;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use super::{OutgoingRequest, Reply, RequestError};
use crate::engine::played::{Played, key};
use crate::store::{MemoryStore, Store};
use crate::{Assignment, Divider, Event, Events, Group, GroupName};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

/// A node played by the test, on a store in memory, and a caller.
struct Bench {
    store: MemoryStore,
    /// The node's; it only has a weak one.
    _of_node: Arc<dyn Store>,
    played: Played,
    divider: Divider,
    events: Events,
    group: Group,
}

impl Bench {
    fn new() -> Self {
        let store = MemoryStore::new(GroupName::new("g").expect("legal"));
        let of_node: Arc<dyn Store> = Arc::new(store.clone());
        let (played, divider, events) = Played::on(&of_node);
        let group = Group::open(store.clone());
        Self { store, _of_node: of_node, played, divider, events, group }
    }

    /// Starts a key, which the test handles by itself.
    fn start(&mut self, name: &str, token: u64) -> Assignment {
        self.played.start(name, token);
        match self.events.next().now_or_never() {
            Some(Some(Event::Start(mine))) => mine,
            other => panic!("{other:?}"),
        }
    }

    fn request(&self, name: &str, payload: &'static str) -> OutgoingRequest {
        self.group.request(&key(name), payload)
    }
}

/// A request that is on its way while the test goes on.
type Asked = tokio::task::JoinHandle<Result<Reply, RequestError>>;

fn ask(request: OutgoingRequest) -> Asked {
    tokio::spawn(request.into_future())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(HOUR, future).await.expect("it happens")
}

async fn answer(asked: Asked) -> Result<Reply, RequestError> {
    within(asked).await.expect("no panic")
}
