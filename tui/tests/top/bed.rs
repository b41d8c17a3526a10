//! A server, a group, and nodes that work.

use std::time::Duration;

use divider::store::nats::{NatsStore, StreamOptions};
use divider::{Assignment, Divider, Finish, Group, GroupName, Key};
use divider_local_server::LocalServer;

/// A server with the group `orders`.
pub(crate) struct Bed {
    pub(crate) server: LocalServer,
}

impl Bed {
    pub(crate) async fn start() -> Self {
        let bed = Self { server: LocalServer::start().expect("a server") };
        let options = NatsStore::options().create_if_missing(StreamOptions::default());
        options.connect(bed.server.url(), name()).await.expect("the group");
        bed
    }

    pub(crate) async fn group(&self) -> Group {
        Group::open(self.store().await)
    }

    /// What the group's records are written to, for who writes what no node would.
    pub(crate) async fn store(&self) -> NatsStore {
        // A busy machine takes its time for two thousand writes at once.
        let options = NatsStore::options().request_timeout(Duration::from_secs(30));
        options.connect(self.server.url(), name()).await.expect("the group")
    }

    /// Announces so many keys.
    pub(crate) async fn announce(&self, count: u32) {
        let keys = (0..count).map(|n| Key::new(format!("/orders/{n}")).expect("legal"));
        self.group().await.announce_all(keys).await.expect("announced");
    }

    /// A node that works on whatever it gets.
    pub(crate) async fn node(&self, id: &str) -> Divider {
        let builder = Divider::builder(self.store().await).node(id).lease(Duration::from_secs(2));
        let (divider, events) = builder.start().await.expect("a node");
        tokio::spawn(divider::run(divider.clone(), events, work).into_future());
        divider
    }
}

fn name() -> GroupName {
    GroupName::new("orders").expect("legal")
}

async fn work(mine: Assignment) -> Finish {
    mine.cancelled().await;
    Finish::Release
}
