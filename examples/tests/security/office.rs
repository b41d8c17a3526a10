use std::time::Duration;

use async_nats::ConnectOptions;
use divider::store::nats::{NatsStore, OpenError, StreamOptions};
use divider::store::{Outcome, Store, StoreError, Write};
use divider::{Group, GroupName, Key};
use divider_local_server::LocalServer;

/// How long a condition is waited for; far longer than any takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The roles of `nats-users.conf`, whose passwords are their names here.
pub(crate) const ROLES: [&str; 5] = ["worker", "caller", "announcer", "viewer", "operator"];

/// A server with the users of `nats-users.conf`, on which the operator has made the group.
pub(crate) struct Office {
    pub(crate) server: LocalServer,
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::of(include_str!("../../../nats-users.conf")).await
    }

    /// The same with the rights that are left out by comments.
    pub(crate) async fn open_with_all_rights() -> Self {
        let users = include_str!("../../../nats-users.conf").replace("# \"$JS.API.", "\"$JS.API.");
        Self::of(&users).await
    }

    /// The same without one right, wherever it is given.
    pub(crate) async fn without(right: &str) -> Self {
        let users = include_str!("../../../nats-users.conf");
        assert!(users.contains(right), "somebody has it");
        Self::of(&users.replace(right, "")).await
    }

    async fn of(users: &str) -> Self {
        let passwords: String =
            ["worker", "caller", "announcer", "viewer", "operator", "breakglass", "system"]
                .map(|user| format!("ORDERS_{}: {user}\n", user.to_uppercase()))
                .concat();
        let server = LocalServer::builder().config(format!("{passwords}{users}")).start();
        let office = Self { server: server.expect("a nats-server") };
        let options = NatsStore::options().create_if_missing(StreamOptions::default());
        let options = options.connect_options(connect_as("operator"));
        options.connect(office.server.url(), group()).await.expect("the operator makes the group");
        office
    }

    /// The group as somebody sees it, who comes from this address.
    pub(crate) async fn try_at(&self, url: &str, user: &str) -> Result<NatsStore, OpenError> {
        let options = NatsStore::options().request_timeout(PATIENCE / 2);
        options.connect_options(connect_as(user)).connect(url, group()).await
    }

    pub(crate) async fn store(&self, user: &str) -> NatsStore {
        self.try_at(&self.server.url(), user).await.expect("every role may open the group")
    }

    pub(crate) async fn group(&self, user: &str) -> Group {
        Group::open(self.store(user).await)
    }
}

pub(crate) fn connect_as(user: &str) -> ConnectOptions {
    ConnectOptions::with_user_and_password(user.into(), user.into())
        .custom_inbox_prefix(format!("_INBOX_{user}"))
}

pub(crate) fn group() -> GroupName {
    "orders".parse().expect("a legal name")
}

pub(crate) fn key(key: &str) -> Key {
    Key::new(key).expect("a legal key")
}

/// A write of a record that is not there.
pub(crate) fn create(name: &str) -> Write {
    Write::put(name, "{}", Some(divider::Revision::NONE))
}

/// Writes, and says for which subject it was refused, if it was.
pub(crate) async fn refused(store: &dyn Store, write: Write) -> Option<String> {
    match store.write(write).await {
        Outcome::Refused(StoreError::Denied { what }) => Some(what),
        Outcome::Acked(_) | Outcome::Conflict => None,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}
